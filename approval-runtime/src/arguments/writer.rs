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

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write as _;

use serde::Serialize;

use super::digest::Digest;
use super::invalid::{Invalid, Path, Step};
use super::redact::{Hidden, HiddenValue};
use super::{CaptureSettings, MAX_BYTES, MAX_DEPTH, MAX_KEYS, SLOT};

/// What `serde_json` names its own types with when they pass through a serializer.
pub(super) const PRIVATE: &str = "$serde_json::private::";

/// Whether a slot, the object that stands for a redacted value, may be written.
#[derive(Debug)]
pub(super) enum Slots {
    /// No: its name is reserved.
    Refused,
    /// Yes, anywhere.
    Kept,
    /// Only these, by their pointers, and nothing else where a secret belongs.
    Only(Vec<(String, Digest)>),
}

/// Writing ended; [`Writer::finish`] says why.
#[derive(Debug)]
pub(super) struct Stopped;

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

/// Writes one object in canonical form.
///
/// It and all that holds it have no derived `Debug`: the text is not for logs.
pub(super) struct Writer<'a> {
    redaction: Option<CaptureSettings<'a>>,
    slots: Slots,
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
pub(super) struct Written {
    pub(super) text: Box<str>,
    pub(super) has_slots: bool,
    pub(super) hidden: Option<Box<Hidden>>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(redaction: Option<CaptureSettings<'a>>, slots: Slots) -> Self {
        let mut writer = Self {
            redaction,
            slots,
            text: String::with_capacity(256),
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

    pub(super) fn finish(mut self) -> Result<Written, Invalid> {
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
        Ok(Written {
            text: self.text.into_boxed_str(),
            has_slots: self.has_slots,
            hidden: (!hidden.values.is_empty()).then(|| Box::new(hidden)),
        })
    }

    /// Lets the next value's fields join the top level; it has to be an object.
    pub(super) fn join(&mut self) -> Result<(), Stopped> {
        self.expect(Next::Other)?;
        self.next = Next::Joined;
        Ok(())
    }

    /// Writes a text that needs no escapes and is no string.
    pub(super) fn literal(&mut self, text: &str) -> Result<(), Stopped> {
        self.value(text.len())?;
        self.text.push_str(text);
        Ok(())
    }

    pub(super) fn string(&mut self, string: &str) -> Result<(), Stopped> {
        self.value(string.len())?;
        self.push_string(string);
        Ok(())
    }

    pub(super) fn unsigned(&mut self, value: u64) -> Result<(), Stopped> {
        self.value(1)?;
        write!(self.text, "{value}").expect("a string takes every write");
        Ok(())
    }

    pub(super) fn signed(&mut self, value: i64) -> Result<(), Stopped> {
        self.value(1)?;
        write!(self.text, "{value}").expect("a string takes every write");
        Ok(())
    }

    /// Writes an `f64` or an `f32`, each in its own shortest form.
    pub(super) fn float<F: Into<f64> + Serialize + Copy>(&mut self, value: F) -> Result<(), Stopped> {
        if !value.into().is_finite() {
            return Err(self.out_of_range());
        }
        let mut text = [0; 32];
        let mut rest = &mut text[..];
        serde_json::to_writer(&mut rest, &value).expect("a float's text is 24 bytes at most");
        let unused = rest.len();
        let text = &text[..text.len() - unused];
        self.literal(std::str::from_utf8(text).expect("a float's text is ASCII"))
    }

    pub(super) fn open_object(&mut self) -> Result<(), Stopped> {
        if self.next == Next::Joined {
            self.next = Next::Other;
            return Ok(());
        }
        self.open(Kind::Object)
    }

    pub(super) fn open_array(&mut self) -> Result<(), Stopped> {
        self.open(Kind::Array)
    }

    fn open(&mut self, kind: Kind) -> Result<(), Stopped> {
        self.value(2)?;
        if self.frames.len() == MAX_DEPTH {
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
    pub(super) fn close(&mut self) -> Result<(), Stopped> {
        self.expect(Next::Other)?;
        // What joined the top level ends with it.
        if self.frames.len() > 1 { self.end_frame() } else { Ok(()) }
    }

    /// Begins an element of the innermost array.
    pub(super) fn element(&mut self) -> Result<(), Stopped> {
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
    pub(super) fn field(&mut self, name: &str) -> Result<(), Stopped> {
        self.expect(Next::Other)?;
        self.reserve(name.len())?;
        self.keys += 1;
        if self.keys > MAX_KEYS {
            return Err(self.stop_at(name, |path| Invalid::TooManyKeys { path }));
        }
        if name.starts_with('$') {
            self.check_reserved(name)?;
        }
        self.count();
        let secret = !self.hiding && self.is_secret(name);
        self.hiding |= secret;

        let start = self.text.len();
        let plain = self.push_string(name);
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

    pub(super) fn end_field(&mut self) -> Result<(), Stopped> {
        self.expect(Next::Other)?;
        let field = *self.fields.last().expect("a field was begun");
        if field.secret {
            self.hiding = false;
            self.redact(field)?;
        }
        self.fields.last_mut().expect("as above").end = offset(self.text.len());
        Ok(())
    }

    fn check_reserved(&mut self, name: &str) -> Result<(), Stopped> {
        if name == SLOT && !matches!(self.slots, Slots::Refused) {
            self.frames.last_mut().expect("the top level stays open").slot = true;
            return Ok(());
        }
        if name == SLOT || name.starts_with(PRIVATE) {
            return Err(self.stop_at(name, |path| Invalid::ReservedKey { path }));
        }
        Ok(())
    }

    fn is_secret(&self, name: &str) -> bool {
        self.redaction.is_some_and(|settings| {
            settings.secret_names.matches(name) || settings.redact.iter().any(|path| self.stands_at(path, name))
        })
    }

    /// Whether a field of this name in the innermost object has this dotted path. Arrays take no
    /// step in it.
    fn stands_at(&self, path: &str, name: &str) -> bool {
        let Some(mut rest) = path.strip_suffix(name) else {
            return false;
        };
        for field in self.open_fields().rev() {
            let parent = rest.strip_suffix('.');
            match parent.and_then(|rest| rest.strip_suffix(&*self.name(field))) {
                Some(before) => rest = before,
                None => return false,
            }
        }
        rest.is_empty()
    }

    /// Puts a slot in the place of the secret that was just written.
    fn redact(&mut self, field: Field) -> Result<(), Stopped> {
        let start = field.colon as usize + 1;
        if let Slots::Only(_) = self.slots {
            // A slot in its old place was checked when it ended; anything else is a new secret.
            return if self.text[start..].starts_with("{\"$redacted\":") {
                Ok(())
            } else {
                Err(self.stop(|path| Invalid::RedactedChanged { path }))
            };
        }
        let settings = self.redaction.expect("only a list of names makes a secret");
        let value = Box::<str>::from(&self.text[start..]);
        let pointer = self.pointer();
        let slot = settings.key.slot(&pointer, &value);
        self.text.truncate(start);
        write!(self.text, "{{\"{SLOT}\":\"{slot}\"}}").expect("a string takes every write");
        self.has_slots = true;
        self.hidden_bytes += value.len();
        self.hidden.push(HiddenValue { pointer: pointer.into(), slot, value });
        Ok(())
    }

    /// Judges an object that has a field named like a slot's.
    fn check_slot(&mut self, start: usize) -> Result<(), Stopped> {
        let text = &self.text[start..];
        let hex = text.strip_prefix("{\"$redacted\":\"").and_then(|rest| rest.strip_suffix("\"}"));
        let hash = hex.and_then(|hex| hex.parse::<Digest>().ok());
        if hash.is_none() {
            return Err(self.stop(|path| Invalid::ReservedKey { path }));
        }
        if let Slots::Only(known) = &self.slots {
            let pointer = self.pointer();
            if !known.iter().any(|(place, slot)| *place == pointer && Some(*slot) == hash) {
                return Err(self.stop(|path| Invalid::RedactedChanged { path }));
            }
        }
        self.has_slots = true;
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

    /// A field's name, its escapes resolved.
    fn name(&self, field: &Field) -> Cow<'_, str> {
        let quoted = &self.text[field.name as usize..field.colon as usize];
        if field.plain {
            Cow::Borrowed(&quoted[1..quoted.len() - 1])
        } else {
            Cow::Owned(serde_json::from_str(quoted).expect("a name is a JSON string"))
        }
    }

    /// The fields that the innermost object or array stands in, the outermost first.
    fn open_fields(&self) -> impl DoubleEndedIterator<Item = &Field> {
        let inner = self.frames.windows(2).filter(|pair| pair[1].fields > pair[0].fields);
        inner.map(|pair| &self.fields[pair[1].fields - 1])
    }

    /// The steps to the value that is being written, or was written last.
    fn steps(&self) -> Vec<Step<'_>> {
        let ends = self.frames.iter().skip(1).map(|frame| frame.fields);
        self.frames
            .iter()
            .zip(ends.chain([self.fields.len()]))
            .filter(|(frame, end)| frame.len > 0 && (frame.kind == Kind::Array || *end > frame.fields))
            .map(|(frame, end)| match frame.kind {
                Kind::Object => Step::Name(self.name(&self.fields[end - 1])),
                Kind::Array => Step::Index(frame.len - 1),
            })
            .collect()
    }

    fn pointer(&self) -> String {
        Step::pointer(&self.steps())
    }

    fn path(&self, last: Option<&str>) -> Path {
        let mut steps = self.steps();
        steps.extend(last.map(Step::name));
        Path::of(&steps)
    }

    fn duplicate(&mut self, field: Field) -> Stopped {
        let name = self.name(&field).into_owned();
        self.stop_at(&name, |path| Invalid::DuplicateKey { path })
    }

    pub(super) fn out_of_range(&mut self) -> Stopped {
        self.stop(|path| Invalid::NumberOutOfRange { path })
    }

    /// The value cannot be written; does nothing if an error was found before.
    pub(super) fn unsupported(&mut self) -> Stopped {
        self.stop(|path| Invalid::Unsupported { path })
    }

    /// Ends writing with an error at the value that is being written.
    #[cold]
    pub(super) fn stop(&mut self, error: impl FnOnce(Path) -> Invalid) -> Stopped {
        if self.error.is_none() {
            self.error = Some(error(self.path(None)));
        }
        self.next = Next::Nothing;
        Stopped
    }

    /// Ends writing with an error at a field of the innermost object.
    #[cold]
    pub(super) fn stop_at(&mut self, name: &str, error: impl FnOnce(Path) -> Invalid) -> Stopped {
        // The object's last field, if it has one, is not on the way to this one.
        if let Some(frame) = self.frames.last() {
            self.fields.truncate(frame.fields);
        }
        if self.error.is_none() {
            self.error = Some(error(self.path(Some(name))));
        }
        self.next = Next::Nothing;
        Stopped
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
        if self.text.len() + self.hidden_bytes + len > MAX_BYTES {
            return Err(self.stop(|path| Invalid::TooLarge { path }));
        }
        Ok(())
    }

    /// Writes a string and says whether it needed no escape.
    fn push_string(&mut self, string: &str) -> bool {
        self.text.push('"');
        let mut rest = string;
        while let Some(at) = escape_at(rest) {
            self.text.push_str(&rest[..at]);
            let byte = rest.as_bytes()[at];
            match byte {
                b'"' => self.text.push_str("\\\""),
                b'\\' => self.text.push_str("\\\\"),
                b'\n' => self.text.push_str("\\n"),
                b'\r' => self.text.push_str("\\r"),
                b'\t' => self.text.push_str("\\t"),
                0x08 => self.text.push_str("\\b"),
                0x0C => self.text.push_str("\\f"),
                _ => write!(self.text, "\\u{byte:04x}").expect("a string takes every write"),
            }
            rest = &rest[at + 1..];
        }
        self.text.push_str(rest);
        self.text.push('"');
        rest.len() == string.len()
    }
}

/// Finds the first byte that cannot stand in a JSON string as it is.
///
/// Looks at eight bytes at a time. In each sum below a byte's highest bit says that the byte is one
/// of those; a carry can only make a byte behind the first one say so too.
pub(super) fn escape_at(text: &str) -> Option<usize> {
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

/// Offsets fit: the text is checked before each part is written.
fn offset(at: usize) -> u32 {
    u32::try_from(at).expect("the text is shorter than its bound")
}
