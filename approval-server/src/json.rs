//! JSON in plain ASCII: the same document, safe to print in a terminal.
//!
//! Arguments may hold characters that steer a terminal or turn text around. In JSON's own escapes they do neither, and
//! every parser reads them back.

use std::io::Write as _;

use serde::Serialize;

/// Writes a document that has no other bytes than printable ASCII.
pub(crate) fn to_ascii(document: &impl Serialize) -> Vec<u8> {
    let mut ascii = Vec::with_capacity(1024);
    append(&mut ascii, document);
    ascii
}

/// Writes such a document behind what is there.
pub(crate) fn append(ascii: &mut Vec<u8>, document: &impl Serialize) {
    let start = ascii.len();
    serde_json::to_writer(&mut *ascii, document).expect("documents and records have a JSON form");
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~');
    if ascii[start..].iter().copied().all(is_plain) {
        return;
    }
    let text = String::from_utf8(ascii.split_off(start)).expect("JSON is UTF-8");
    for char in text.chars() {
        if char.is_ascii() && is_plain(char as u8) {
            ascii.push(char as u8);
        } else {
            // Outside of strings there is no such character, so this is always inside one.
            for unit in char.encode_utf16(&mut [0; 2]) {
                write!(ascii, "\\u{unit:04x}").expect("a vector takes every write");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::to_ascii;

    #[test]
    fn every_character_reads_back() {
        for char in ('\0'..=char::MAX).step_by(7).chain("\u{7f}\u{9b}\u{202e}\u{2028}ß😀".chars()) {
            let text = format!("a{char}b");
            let ascii = to_ascii(&[&text]);
            assert!(ascii.iter().all(|byte| matches!(byte, b' '..=b'~')), "{char:?}");
            assert_eq!(serde_json::from_slice::<[String; 1]>(&ascii).expect("JSON"), [text]);
        }
    }
}
