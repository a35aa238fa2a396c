//! Strings with the fewest escapes.

use std::fmt::Write as _;

/// Writes a string and says whether it needed no escape.
pub(super) fn push(text: &mut String, string: &str) -> bool {
    text.push('"');
    let mut rest = string;
    while let Some(at) = escape_at(rest) {
        text.push_str(&rest[..at]);
        let byte = rest.as_bytes()[at];
        match byte {
            b'"' => text.push_str("\\\""),
            b'\\' => text.push_str("\\\\"),
            b'\n' => text.push_str("\\n"),
            b'\r' => text.push_str("\\r"),
            b'\t' => text.push_str("\\t"),
            0x08 => text.push_str("\\b"),
            0x0C => text.push_str("\\f"),
            _ => write!(text, "\\u{byte:04x}").expect("a string takes every write"),
        }
        rest = &rest[at + 1..];
    }
    text.push_str(rest);
    text.push('"');
    rest.len() == string.len()
}

/// Finds the first byte that cannot stand in a JSON string as it is.
///
/// Looks at eight bytes at a time. In each sum below a byte's highest bit says that the byte is one
/// of those; a carry can only make a byte behind the first one say so too.
pub(in crate::arguments) fn escape_at(text: &str) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES << 7;
    let below = |word: u64, bound: u64| word.wrapping_sub(ONES * bound) & !word;
    let (words, rest) = text.as_bytes().as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let quote = word ^ (ONES * u64::from(b'"'));
        let backslash = word ^ (ONES * u64::from(b'\\'));
        let found = (below(word, 0x20) | below(quote, 1) | below(backslash, 1)) & HIGH;
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let at = rest.iter().position(|&byte| byte < b' ' || byte == b'"' || byte == b'\\');
    at.map(|at| words.len() * 8 + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_escape_is_found() {
        for fill in ["a", "\u{7F}", "é", "\u{A2}", " !#", "[]", "\u{10FFFF}"] {
            let text = fill.repeat(20);
            assert_eq!(escape_at(&text), None, "{fill}");
            for (at, _) in text.char_indices() {
                for char in (0..0x20).map(char::from).chain(['"', '\\']) {
                    let (before, after) = text.split_at(at);
                    assert_eq!(escape_at(&format!("{before}{char}{after}\n")), Some(at), "{fill} {char:?}");
                }
            }
        }
    }
}
