//! The strings in a canonical text.

use super::Flags;
use super::plain::is_unremarkable;
use super::scan::Scan;
use crate::arguments::writer::escape_at;

/// Returns the flags of every string and name in a canonical text.
pub(in crate::arguments) fn of_canonical(text: &str) -> Flags {
    // One scan settles what most calls are.
    if is_unremarkable(text) {
        return Flags::NONE;
    }
    let mut flags = Flags::NONE;
    let mut rest = text;
    while let Some((_, string)) = rest.split_once('"') {
        let (found, len) = of_string(string);
        flags = flags.union(found);
        rest = &string[len + 1..];
    }
    flags
}

/// Returns the flags of the string that begins here and its length in the canonical text, up to the quote that ends it.
fn of_string(text: &str) -> (Flags, usize) {
    let escape = |from: usize| from + escape_at(&text[from..]).expect("a canonical string ends with a quote");
    let mut at = escape(0);
    if text.as_bytes()[at] == b'"' {
        return (of_text(&text[..at]), at);
    }
    let mut scan = Scan::new(text.len());
    let mut from = 0;
    while text.as_bytes()[at] == b'\\' {
        let (char, len) = unescape(&text[at + 1..]);
        scan.feed(&text[from..at], char == '\n');
        scan.feed(char.encode_utf8(&mut [0; 4]), false);
        from = at + 1 + len;
        at = escape(from);
    }
    scan.feed(&text[from..at], true);
    (scan.end(), at)
}

/// Returns the flags of a text as it is.
pub(super) fn of_text(text: &str) -> Flags {
    if is_unremarkable(text) {
        return Flags::NONE;
    }
    let mut scan = Scan::new(text.len());
    scan.feed(text, true);
    scan.end()
}

/// Reads what follows a backslash: the character and how long its escape is.
fn unescape(escape: &str) -> (char, usize) {
    match escape.as_bytes()[0] {
        b'n' => ('\n', 1),
        b'r' => ('\r', 1),
        b't' => ('\t', 1),
        b'b' => ('\u{8}', 1),
        b'f' => ('\u{C}', 1),
        b'u' => {
            let code = u8::from_str_radix(&escape[1..5], 16).expect("canonical text writes other characters as they are");
            (code.into(), 5)
        }
        char => (char.into(), 1),
    }
}
