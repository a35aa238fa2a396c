//! JSON in plain ASCII: the same document, safe to print in a terminal.
//!
//! Arguments may hold characters that steer a terminal or turn text around. In JSON's own escapes they do neither, and
//! every parser reads them back.

use std::io;

use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

/// Room for a record with arguments of 1 KiB and more, so that most are written without moving house.
const RECORD: usize = 4096;

/// Writes a document that has no other bytes than printable ASCII.
pub(crate) fn to_ascii(document: &impl Serialize) -> Vec<u8> {
    let mut ascii = Vec::new();
    append(&mut ascii, document);
    ascii
}

/// Writes such a document behind what is there.
pub(crate) fn append(ascii: &mut Vec<u8>, document: &impl Serialize) {
    ascii.reserve(RECORD);
    let written = document.serialize(&mut Serializer::with_formatter(ascii, Ascii));
    written.expect("documents and records have a JSON form");
}

/// Escapes what the compact form of JSON leaves as it is.
struct Ascii;

impl Formatter for Ascii {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        write(writer, fragment)
    }

    /// Arguments come as the text that they are kept as. It has other characters inside of strings only.
    fn write_raw_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        write(writer, fragment)
    }
}

fn write<W: ?Sized + io::Write>(writer: &mut W, text: &str) -> io::Result<()> {
    let mut rest = text;
    loop {
        let (plain, other) = rest.split_at(plain_length(rest.as_bytes()));
        writer.write_all(plain.as_bytes())?;
        let mut chars = other.chars();
        let Some(char) = chars.next() else { return Ok(()) };
        for unit in char.encode_utf16(&mut [0; 2]) {
            writer.write_all(&escape(*unit))?;
        }
        rest = chars.as_str();
    }
}

/// Returns how many bytes stand before the first that is not printable ASCII.
fn plain_length(bytes: &[u8]) -> usize {
    let is_plain = |byte: u8| matches!(byte, b' '..=b'~');
    // A block is looked at as a whole, which the compiler makes a few instructions of.
    let (blocks, _) = bytes.as_chunks::<32>();
    let plain_blocks = blocks.iter().take_while(|block| block.iter().fold(true, |all, byte| all & is_plain(*byte)));
    let skipped = plain_blocks.count() * 32;
    let rest = &bytes[skipped..];
    skipped + rest.iter().position(|byte| !is_plain(*byte)).unwrap_or(rest.len())
}

fn escape(unit: u16) -> [u8; 6] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |shift: u16| DIGITS[usize::from(unit >> shift & 15)];
    [b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

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

    #[test]
    fn characters_are_found_anywhere() {
        for char in ['\u{7f}', '\u{9b}', 'é', '好', '\u{10ffff}'] {
            for (before, after) in (0..70).map(|at| ("a".repeat(at), "~ ".repeat(70 - at))) {
                let raw = RawValue::from_string(format!("[\"{before}{char}{after}{char}\"]")).expect("JSON");
                let ascii = to_ascii(&raw);
                assert!(ascii.iter().all(|byte| matches!(byte, b' '..=b'~')), "{char:?} at {}", before.len());
                let read = serde_json::from_slice::<[String; 1]>(&ascii).expect("JSON");
                assert_eq!(read, [format!("{before}{char}{after}{char}")]);
            }
        }
    }

    #[test]
    fn keys_are_escaped_as_well() {
        let object = serde_json::json!({ "ключ\u{202e}": ["\"\\\n", 1.5, null, true] });
        let ascii = to_ascii(&object);
        assert_eq!(ascii, br#"{"\u043a\u043b\u044e\u0447\u202e":["\"\\\n",1.5,null,true]}"#);
    }
}
