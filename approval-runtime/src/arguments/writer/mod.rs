//! The canonical form: one text for one meaning.
//!
//! Fields sorted by the bytes of their names, no white space, integers with every digit, floats as
//! `serde_json` prints them (the shortest text that reads back as the same bits, `.0` kept),
//! strings with the fewest escapes. It is not RFC 8785, whose numbers are all doubles: that form
//! turns 9007199254740993 into ...992, and a 5.0 into a 5 that decodes as another variant of an
//! untagged enum.
//!
//! Everything that becomes canonical text is written here, from Rust values and from JSON text
//! alike, so bounds, order, duplicates and redaction are decided once.

mod escape;
mod place;
mod secrets;

use std::cell::Cell;
use std::cmp::Ordering;
use std::fmt::Write as _;

use crate::arguments::digest::Digest;
use crate::arguments::invalid::{Invalid, Path};
use crate::arguments::redact::{Hidden, HiddenValue};
use crate::arguments::{CaptureSettings, MAX_BYTES, MAX_DEPTH, MAX_KEYS};

pub(in crate::arguments) use escape::escape_at;

/// What `serde_json` names its own types with when they pass through a serializer.
pub(in crate::arguments) const PRIVATE: &str = "$serde_json::private::";

/// Whether a slot, the object that stands for a redacted value, may be written.
#[derive(Debug)]
pub(in crate::arguments) enum Slots {
    /// No: its name is reserved.
    Refused,
    /// Yes, anywhere.
    Kept,
    /// Only these, by their pointers, and nothing else where a secret belongs.
    Only(Vec<(String, Digest)>),
}

/// How large a document may be.
#[derive(Debug, Clone, Copy)]
pub(in crate::arguments) struct Bounds {
    bytes: usize,
    depth: usize,
    keys: usize,
}

impl Bounds {
    pub(in crate::arguments) const ARGUMENTS: Self = Self { bytes: MAX_BYTES, depth: MAX_DEPTH, keys: MAX_KEYS };

    /// What holds arguments of any allowed size one level down, with some other fields around them.
    pub(in crate::arguments) const AROUND_ARGUMENTS: Self =
        Self { bytes: MAX_BYTES + 16 * 1024, depth: MAX_DEPTH + 1, keys: MAX_KEYS + 16 };
}

/// Writing ended; [`Writer::finish`] says why.
#[derive(Debug)]
pub(in crate::arguments) struct Stopped;

/// What may be written next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    /// A value.
    Value,
    /// An object whose fields become fields of the top level.
    Joined,
    /// A field, an element or an end.
    Other,
    /// Nothing: there was an error.
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    Array,
}

/// An open object or array.
#[derive(Debug)]
struct Frame {
    kind: Kind,
    /// Where its bracket stands.
    start: usize,
    /// An object's first field in `fields`.
    fields: usize,
    /// Fields or elements so far.
    len: usize,
    /// Whether the fields came in order.
    sorted: bool,
    /// Whether a field is named like a slot's.
    slot: bool,
}

/// A field of an open object, as offsets in the text.
#[derive(Debug, Clone, Copy)]
struct Field {
    /// Its name's first quote.
    name: u32,
    /// The colon.
    colon: u32,
    /// Behind its value.
    end: u32,
    /// Whether the name holds no escape.
    plain: bool,
    /// Whether its value is redacted.
    secret: bool,
}

/// How much room a thread keeps for the next text.
const MAX_SCRATCH: usize = 16 * 1024;

thread_local! {
    /// Where texts grow, so that each is allocated once, at its length.
    static SCRATCH: Cell<String> = const { Cell::new(String::new()) };
}

/// Writes one object in canonical form.
///
/// It and all that holds it have no derived `Debug`: the text is not for logs.
pub(in crate::arguments) struct Writer<'a> {
    redaction: Option<CaptureSettings<'a>>,
    slots: Slots,
    bounds: Bounds,
    text: String,
    next: Next,
    frames: Vec<Frame>,
    /// The fields of all open objects, the innermost object's last.
    fields: Vec<Field>,
    keys: usize,
    /// Whether a secret is being written, which is redacted as a whole.
    hiding: bool,
    hidden: Vec<HiddenValue>,
    hidden_bytes: usize,
    has_slots: bool,
    not_object: bool,
    error: Option<Invalid>,
}

/// What was written.
pub(in crate::arguments) struct Written {
    pub(in crate::arguments) text: Box<str>,
    pub(in crate::arguments) has_slots: bool,
    pub(in crate::arguments) hidden: Option<Box<Hidden>>,
}

impl<'a> Writer<'a> {
    pub(in crate::arguments) fn new(redaction: Option<CaptureSettings<'a>>, slots: Slots) -> Self {
        let mut writer = Self {
            redaction,
            slots,
            bounds: Bounds::ARGUMENTS,
            text: SCRATCH.take(),
            next: Next::Other,
            frames: Vec::with_capacity(4),
            fields: Vec::with_capacity(8),
            keys: 0,
            hiding: false,
            hidden: Vec::new(),
            hidden_bytes: 0,
            has_slots: false,
            not_object: false,
            error: None,
        };
        writer.push_frame(Kind::Object);
        writer
    }

    pub(in crate::arguments) const fn within(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    pub(in crate::arguments) fn finish(mut self) -> Result<Written, Invalid> {
        if self.error.is_none() && !self.not_object {
            let _ = self.expect(Next::Other).and_then(|()| self.reserve(1)).and_then(|()| self.end_frame());
        }
        if let Some(error) = self.error {
            return Err(error);
        }
        if self.not_object {
            return Err(Invalid::TypeMismatch { path: Path::of(&[]) });
        }
        let hidden = Hidden { values: self.hidden };
        let text = self.text.as_str().into();
        if self.text.capacity() <= MAX_SCRATCH {
            self.text.clear();
            SCRATCH.set(self.text);
        }
        Ok(Written { text, has_slots: self.has_slots, hidden: (!hidden.values.is_empty()).then(|| Box::new(hidden)) })
    }

    /// Lets the next value's fields join the top level; it has to be an object.
    pub(in crate::arguments) fn join(&mut self) -> Result<(), Stopped> {
        self.expect(Next::Other)?;
        self.next = Next::Joined;
        Ok(())
    }

    /// Writes a text that needs no escapes and is no string.
    pub(in crate::arguments) fn literal(&mut self, text: &str) -> Result<(), Stopped> {
        self.value(text.len())?;
        self.text.push_str(text);
        Ok(())
    }

    pub(in crate::arguments) fn string(&mut self, string: &str) -> Result<(), Stopped> {
        self.value(string.len())?;
        escape::push(&mut self.text, string);
        Ok(())
    }

    pub(in crate::arguments) fn unsigned(&mut self, value: u64) -> Result<(), Stopped> {
        self.value(1)?;
        write!(self.text, "{value}").expect("a string takes every write");
        Ok(())
    }

    pub(in crate::arguments) fn signed(&mut self, value: i64) -> Result<(), Stopped> {
        self.value(1)?;
        write!(self.text, "{value}").expect("a string takes every write");
        Ok(())
    }

    /// Writes a float as `serde_json` does.
    pub(in crate::arguments) fn float(&mut self, value: f64) -> Result<(), Stopped> {
        if !value.is_finite() {
            return Err(self.out_of_range());
        }
        let mut text = [0; 32];
        let mut rest = &mut text[..];
        serde_json::to_writer(&mut rest, &value).expect("a float's text is 24 bytes at most");
        let unused = rest.len();
        let text = &text[..text.len() - unused];
        self.literal(std::str::from_utf8(text).expect("a float's text is ASCII"))
    }

    /// Writes a short float as the decimal number that it was most likely read from: 0.1, which is
    /// not the same number as an `f32` and as an `f64`.
    pub(in crate::arguments) fn short_float(&mut self, value: f32) -> Result<(), Stopped> {
        let decimal: f64 = format!("{value:e}").parse().expect("a float's text is a float");
        // The body's `f32` comes from an `f64`, and rounded twice 7.038531e-26 would be another one.
        let exact = decimal as f32 == value;
        self.float(if exact { decimal } else { value.into() })
    }

    pub(in crate::arguments) fn open_object(&mut self) -> Result<(), Stopped> {
        if self.next == Next::Joined {
            self.next = Next::Other;
            return Ok(());
        }
        self.open(Kind::Object)
    }

    pub(in crate::arguments) fn open_array(&mut self) -> Result<(), Stopped> {
        self.open(Kind::Array)
    }

    fn open(&mut self, kind: Kind) -> Result<(), Stopped> {
        self.value(2)?;
        if self.frames.len() == self.bounds.depth {
            return Err(self.stop(|path| Invalid::TooDeep { path }));
        }
        self.push_frame(kind);
        Ok(())
    }

    fn push_frame(&mut self, kind: Kind) {
        self.frames.push(Frame { kind, start: self.text.len(), fields: self.fields.len(), len: 0, sorted: true, slot: false });
        self.text.push(if kind == Kind::Object { '{' } else { '[' });
    }

    /// Ends the innermost object or array.
    pub(in crate::arguments) fn close(&mut self) -> Result<(), Stopped> {
        self.expect(Next::Other)?;
        // What joined the top level ends with it.
        if self.frames.len() > 1 { self.end_frame() } else { Ok(()) }
    }

    /// Begins an element of the innermost array.
    pub(in crate::arguments) fn element(&mut self) -> Result<(), Stopped> {
        self.expect(Next::Other)?;
        self.count();
        self.next = Next::Value;
        Ok(())
    }

    /// Writes the comma before all but the first field or element.
    fn count(&mut self) {
        let frame = self.frames.last_mut().expect("the top level stays open");
        frame.len += 1;
        if frame.len > 1 {
            self.text.push(',');
        }
    }

    /// Begins a field of the innermost object; [`Self::end_field`] follows its value.
    pub(in crate::arguments) fn field(&mut self, name: &str) -> Result<(), Stopped> {
        self.expect(Next::Other)?;
        self.reserve(name.len())?;
        self.keys += 1;
        if self.keys > self.bounds.keys {
            return Err(self.stop_at(name, |path| Invalid::TooManyKeys { path }));
        }
        if name.starts_with('$') {
            self.check_reserved(name)?;
        }
        self.count();
        let secret = !self.hiding && self.is_secret(name);
        self.hiding |= secret;

        let start = self.text.len();
        let plain = escape::push(&mut self.text, name);
        let field = Field { name: offset(start), colon: offset(self.text.len()), end: 0, plain, secret };
        self.text.push(':');
        let frame = self.frames.last_mut().expect("the top level stays open");
        if frame.sorted && frame.len > 1 {
            let before = *self.fields.last().expect("an object with a field");
            match self.compare(&before, &field) {
                Ordering::Less => {}
                Ordering::Equal => return Err(self.duplicate(field)),
                Ordering::Greater => self.frames.last_mut().expect("as above").sorted = false,
            }
        }
        self.fields.push(field);
        self.next = Next::Value;
        Ok(())
    }

    pub(in crate::arguments) fn end_field(&mut self) -> Result<(), Stopped> {
        self.expect(Next::Other)?;
        let field = *self.fields.last().expect("a field was begun");
        if field.secret {
            self.hiding = false;
            self.redact(field)?;
        }
        self.fields.last_mut().expect("as above").end = offset(self.text.len());
        Ok(())
    }

    fn end_frame(&mut self) -> Result<(), Stopped> {
        let &Frame { kind, start, fields, sorted, slot, .. } = self.frames.last().expect("the top level stays open");
        if !sorted {
            self.sort(start + 1, fields)?;
        }
        self.text.push(if kind == Kind::Object { '}' } else { ']' });
        self.frames.pop();
        self.fields.truncate(fields);
        if slot { self.check_slot(start) } else { Ok(()) }
    }

    /// Sorts the innermost object's fields, which begin at `start` and in `fields` at `first`.
    fn sort(&mut self, start: usize, first: usize) -> Result<(), Stopped> {
        let mut fields = self.fields.split_off(first);
        fields.sort_unstable_by(|a, b| self.compare(a, b));
        let twice = fields.windows(2).find(|pair| self.compare(&pair[0], &pair[1]).is_eq());
        if let Some(&[field, _]) = twice {
            return Err(self.duplicate(field));
        }
        let mut sorted = String::with_capacity(self.text.len() - start);
        for field in &fields {
            if !sorted.is_empty() {
                sorted.push(',');
            }
            sorted.push_str(&self.text[field.name as usize..field.end as usize]);
        }
        self.text.truncate(start);
        self.text.push_str(&sorted);
        Ok(())
    }

    fn compare(&self, a: &Field, b: &Field) -> Ordering {
        if a.plain && b.plain {
            let bytes = |field: &Field| &self.text[field.name as usize + 1..field.colon as usize - 1];
            bytes(a).cmp(bytes(b))
        } else {
            self.name(a).cmp(&self.name(b))
        }
    }

    fn duplicate(&mut self, field: Field) -> Stopped {
        let name = self.name(&field).into_owned();
        self.stop_at(&name, |path| Invalid::DuplicateKey { path })
    }

    pub(in crate::arguments) fn out_of_range(&mut self) -> Stopped {
        self.stop(|path| Invalid::NumberOutOfRange { path })
    }

    /// The value cannot be written; does nothing if an error was found before.
    pub(in crate::arguments) fn unsupported(&mut self) -> Stopped {
        self.stop(|path| Invalid::Unsupported { path })
    }

    fn expect(&mut self, next: Next) -> Result<(), Stopped> {
        if self.next == next { Ok(()) } else { Err(self.unsupported()) }
    }

    /// Begins a value of at least this length.
    fn value(&mut self, len: usize) -> Result<(), Stopped> {
        match self.next {
            Next::Value => {}
            // It is read to its end, and refused then: it may be wrong in worse ways.
            Next::Joined => self.not_object = true,
            Next::Other | Next::Nothing => return Err(self.unsupported()),
        }
        self.reserve(len)?;
        self.next = Next::Other;
        Ok(())
    }

    /// Refuses what would make the text too long before it is written.
    fn reserve(&mut self, len: usize) -> Result<(), Stopped> {
        if self.text.len() + self.hidden_bytes + len > self.bounds.bytes {
            return Err(self.stop(|path| Invalid::TooLarge { path }));
        }
        Ok(())
    }
}

/// Offsets fit: the text is checked before each part is written.
fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("the text is shorter than its bound")
}
