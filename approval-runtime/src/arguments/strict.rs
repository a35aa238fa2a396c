//! JSON text to canonical JSON, strictly.
//!
//! `serde_json` keeps the last of two fields with one name, and what it makes of a number depends
//! on features that any crate in the build may turn on. This reader refuses the first and judges
//! numbers by their text, so its answer is the same everywhere. It goes over the text once, and no
//! deeper than arguments may nest.

use std::borrow::Cow;

use super::MAX_BYTES;
use super::invalid::Invalid;
use super::writer::{Bounds, PRIVATE, Slots, Stopped, Writer, Written, escape_at};

/// Reads one JSON object, with nothing after it, and gives its canonical text.
///
/// Slots of redacted values are kept as they stand, and the bounds leave room for arguments of any
/// allowed size in one of its fields, so this reads a request to decide with its edited arguments;
/// a call's arguments are read by [`Arguments::from_json`](super::Arguments::from_json), which
/// refuses slots.
///
/// # Errors
///
/// An [`Invalid`], for all that arguments are refused for: duplicate names, text that is no JSON,
/// numbers out of range, another value than an object, and anything over a bound.
pub fn object(text: &[u8]) -> Result<Box<str>, Invalid> {
    let writer = Writer::new(None, Slots::Kept).within(Bounds::AROUND_ARGUMENTS);
    document(text, writer).map(|written| written.text)
}

/// Reads a text that is one object.
pub(super) fn document(text: &[u8], mut writer: Writer<'_>) -> Result<Written, Invalid> {
    let text = std::str::from_utf8(text).map_err(|error| Invalid::InvalidJson { at: error.valid_up_to() })?;
    let _ = writer.join().and_then(|()| value(text, &mut writer));
    writer.finish()
}

/// Reads a text that is one value.
pub(super) fn value(text: &str, writer: &mut Writer<'_>) -> Result<(), Stopped> {
    let mut reader = Reader { text, at: 0, writer };
    reader.value()?;
    reader.skip_space();
    if reader.at < text.len() { Err(reader.invalid()) } else { Ok(()) }
}

/// Writes the number that a text is.
pub(super) fn number(text: &str, writer: &mut Writer<'_>) -> Result<(), Stopped> {
    let mut reader = Reader { text, at: 0, writer };
    reader.number()?;
    if reader.at < text.len() { Err(reader.invalid()) } else { Ok(()) }
}

struct Reader<'t, 'w, 'a> {
    text: &'t str,
    at: usize,
    writer: &'w mut Writer<'a>,
}

impl<'t> Reader<'t, '_, '_> {
    fn value(&mut self) -> Result<(), Stopped> {
        self.skip_space();
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => {
                let string = self.string()?;
                self.writer.string(&string)
            }
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => {
                let rest = &self.text[self.at..];
                let Some(word) = ["true", "false", "null"].into_iter().find(|word| rest.starts_with(word)) else {
                    return Err(self.invalid());
                };
                self.at += word.len();
                self.writer.literal(word)
            }
        }
    }

    fn object(&mut self) -> Result<(), Stopped> {
        self.at += 1;
        self.writer.open_object()?;
        let mut first = true;
        while !self.ends(b'}', first)? {
            first = false;
            if self.peek() != Some(b'"') {
                return Err(self.invalid());
            }
            let name = self.string()?;
            if name.starts_with(PRIVATE) {
                // To `serde_json` this may be a number in disguise; here it is an object, which
                // nobody has asked for.
                return Err(self.writer.stop(|path| Invalid::TypeMismatch { path }));
            }
            self.writer.field(&name)?;
            self.skip_space();
            if self.peek() != Some(b':') {
                return Err(self.invalid());
            }
            self.at += 1;
            self.value()?;
            self.writer.end_field()?;
        }
        self.writer.close()
    }

    fn array(&mut self) -> Result<(), Stopped> {
        self.at += 1;
        self.writer.open_array()?;
        let mut first = true;
        while !self.ends(b']', first)? {
            first = false;
            self.writer.element()?;
            self.value()?;
        }
        self.writer.close()
    }

    /// Steps over the end, or over the comma that has to stand before all but the first.
    fn ends(&mut self, end: u8, first: bool) -> Result<bool, Stopped> {
        self.skip_space();
        match self.peek() {
            Some(byte) if byte == end => {
                self.at += 1;
                Ok(true)
            }
            Some(_) if first => Ok(false),
            Some(b',') => {
                self.at += 1;
                self.skip_space();
                Ok(false)
            }
            _ => Err(self.invalid()),
        }
    }

    /// Reads a string, its escapes resolved.
    fn string(&mut self) -> Result<Cow<'t, str>, Stopped> {
        let text = self.text;
        let start = self.at;
        let mut plain = true;
        self.at += 1;
        loop {
            // What ends a string, what escapes and what must be escaped is what writing one looks for.
            self.at += text.get(self.at..).and_then(escape_at).unwrap_or(text.len() - start);
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    plain = false;
                    self.at += 2;
                }
                _ => return Err(self.invalid()),
            }
        }
        self.at += 1;
        if plain {
            return Ok(Cow::Borrowed(&text[start + 1..self.at - 1]));
        }
        // The longest escape is six bytes for one: more than this can't fit, and isn't resolved.
        if self.at - start > 6 * MAX_BYTES {
            return Err(self.writer.stop(|path| Invalid::TooLarge { path }));
        }
        serde_json::from_str(&text[start..self.at]).map(Cow::Owned).map_err(|_| {
            self.at = start;
            self.invalid()
        })
    }

    /// Reads a number by its text.
    fn number(&mut self) -> Result<(), Stopped> {
        let start = self.at;
        let minus = self.eat(b"-");
        let whole = self.digits();
        if whole == 0 || (whole > 1 && self.text.as_bytes()[self.at - whole] == b'0') {
            return Err(self.invalid());
        }
        let mut integer = true;
        if self.eat(b".") {
            integer = false;
            if self.digits() == 0 {
                return Err(self.invalid());
            }
        }
        if self.eat(b"eE") {
            integer = false;
            self.eat(b"+-");
            if self.digits() == 0 {
                return Err(self.invalid());
            }
        }
        let text = &self.text[start..self.at];
        // An integer has no negative zero; `serde_json` reads it as a float too.
        if !integer || text == "-0" {
            return self.writer.float(text.parse::<f64>().expect("a JSON number is a Rust float"));
        }
        if minus {
            text.parse().map_err(|_| self.writer.out_of_range()).and_then(|value| self.writer.signed(value))
        } else {
            text.parse().map_err(|_| self.writer.out_of_range()).and_then(|value| self.writer.unsigned(value))
        }
    }

    fn digits(&mut self) -> usize {
        let rest = &self.text.as_bytes()[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }

    /// Steps over one byte if it is one of these.
    fn eat(&mut self, any: &[u8]) -> bool {
        let found = self.peek().is_some_and(|byte| any.contains(&byte));
        self.at += usize::from(found);
        found
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.eat(b" \n\r\t") {}
    }

    fn invalid(&mut self) -> Stopped {
        let at = self.at;
        self.writer.stop(|_| Invalid::InvalidJson { at })
    }
}
