//! Rust values to canonical JSON.

use std::fmt::{self, Display, Write as _};

use serde::ser::{self, Serialize, Serializer};
use serde_json::Value;

use super::invalid::Invalid;
use super::key::KeySerializer;
use super::strict;
use super::writer::{PRIVATE, Slots, Stopped, Writer};
use super::{CaptureSettings, Captured};

/// Takes the arguments of a call, one by one, as canonical JSON.
///
/// What is wrong with one of them is remembered and said by [`finish`](Self::finish), so that
/// generated code has one place to look.
pub struct Capture<'a> {
    writer: Writer<'a>,
}

impl<'a> Capture<'a> {
    /// Begins to capture a call's arguments.
    #[must_use]
    pub fn new(settings: CaptureSettings<'a>) -> Self {
        Self { writer: Writer::new(Some(settings), Slots::Refused) }
    }

    /// Captures one argument.
    ///
    /// Arguments that come in the order of their names' bytes are written once; others are moved.
    pub fn argument<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) {
        let _ = put_field(&mut self.writer, name, value);
    }

    /// Captures a value whose fields are arguments themselves. It has to serialize as an object.
    pub fn flatten<T: Serialize + ?Sized>(&mut self, value: &T) {
        let _ = join(&mut self.writer, value);
    }

    /// Captures all arguments at once. They have to be an object.
    pub fn whole(&mut self, arguments: &Value) {
        self.flatten(arguments);
    }

    /// Ends the capture.
    ///
    /// # Errors
    ///
    /// The first [`Invalid`] that was found.
    pub fn finish(self) -> Result<Captured, Invalid> {
        self.writer.finish().map(Captured::new)
    }
}

impl fmt::Debug for Capture<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Capture(..)")
    }
}

/// Writes the fields of `value` as fields of the top level.
pub(super) fn join<T: Serialize + ?Sized>(writer: &mut Writer<'_>, value: &T) -> Result<(), Stopped> {
    writer.join()?;
    put(writer, value)
}

/// Every value passes here, so an error of a value's own `Serialize` is never lost, even when the
/// value around it ignores it.
fn put<T: Serialize + ?Sized>(writer: &mut Writer<'_>, value: &T) -> Result<(), Stopped> {
    value.serialize(&mut *writer).map_err(|Stopped| writer.unsupported())
}

fn put_field<T: Serialize + ?Sized>(writer: &mut Writer<'_>, name: &str, value: &T) -> Result<(), Stopped> {
    writer.field(name)?;
    put(writer, value)?;
    writer.end_field()
}

impl Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value cannot be captured")
    }
}

impl std::error::Error for Stopped {}

impl ser::Error for Stopped {
    /// Drops the message: it may hold a value.
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

impl<'w, 'a> Serializer for &'w mut Writer<'a> {
    type Ok = ();
    type Error = Stopped;
    type SerializeSeq = Open<'w, 'a>;
    type SerializeTuple = Open<'w, 'a>;
    type SerializeTupleStruct = Open<'w, 'a>;
    type SerializeTupleVariant = Variant<'w, 'a>;
    type SerializeMap = Open<'w, 'a>;
    type SerializeStruct = Struct<'w, 'a>;
    type SerializeStructVariant = Variant<'w, 'a>;

    fn serialize_bool(self, value: bool) -> Result<(), Stopped> {
        self.literal(if value { "true" } else { "false" })
    }

    fn serialize_i8(self, value: i8) -> Result<(), Stopped> {
        self.signed(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Stopped> {
        self.signed(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Stopped> {
        self.signed(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Stopped> {
        self.signed(value)
    }

    fn serialize_i128(self, value: i128) -> Result<(), Stopped> {
        match (i64::try_from(value), u64::try_from(value)) {
            (Ok(value), _) => self.signed(value),
            (_, Ok(value)) => self.unsigned(value),
            _ => Err(self.out_of_range()),
        }
    }

    fn serialize_u8(self, value: u8) -> Result<(), Stopped> {
        self.unsigned(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Stopped> {
        self.unsigned(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Stopped> {
        self.unsigned(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Stopped> {
        self.unsigned(value)
    }

    fn serialize_u128(self, value: u128) -> Result<(), Stopped> {
        match u64::try_from(value) {
            Ok(value) => self.unsigned(value),
            Err(_) => Err(self.out_of_range()),
        }
    }

    fn serialize_f32(self, value: f32) -> Result<(), Stopped> {
        self.short_float(value)
    }

    fn serialize_f64(self, value: f64) -> Result<(), Stopped> {
        self.float(value)
    }

    fn serialize_char(self, value: char) -> Result<(), Stopped> {
        self.string(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Stopped> {
        self.string(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Stopped> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), Stopped> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stopped> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Stopped> {
        self.literal("null")
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Stopped> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Result<(), Stopped> {
        self.string(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result<(), Stopped> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Stopped> {
        self.open_object()?;
        put_field(self, variant, value)?;
        self.close()
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Open<'w, 'a>, Stopped> {
        self.open_array()?;
        Ok(Open(self))
    }

    fn serialize_tuple(self, _len: usize) -> Result<Open<'w, 'a>, Stopped> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Open<'w, 'a>, Stopped> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Variant<'w, 'a>, Stopped> {
        self.open_object()?;
        self.field(variant)?;
        self.open_array()?;
        Ok(Variant(self))
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Open<'w, 'a>, Stopped> {
        self.open_object()?;
        Ok(Open(self))
    }

    fn serialize_struct(self, name: &'static str, _len: usize) -> Result<Struct<'w, 'a>, Stopped> {
        match name.strip_prefix(PRIVATE) {
            Some("Number") => Ok(Struct::Number(self)),
            Some("RawValue") => Ok(Struct::RawValue(self)),
            _ => {
                self.open_object()?;
                Ok(Struct::Object(self))
            }
        }
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Variant<'w, 'a>, Stopped> {
        self.open_object()?;
        self.field(variant)?;
        self.open_object()?;
        Ok(Variant(self))
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), Stopped> {
        let mut text = String::new();
        write!(text, "{value}").map_err(|_| Stopped)?;
        self.string(&text)
    }
}

/// An open array or object.
pub(super) struct Open<'w, 'a>(&'w mut Writer<'a>);

impl Open<'_, '_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stopped> {
        self.0.element()?;
        put(self.0, value)
    }
}

impl ser::SerializeSeq for Open<'_, '_> {
    type Ok = ();
    type Error = Stopped;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stopped> {
        self.element(value)
    }

    fn end(self) -> Result<(), Stopped> {
        self.0.close()
    }
}

impl ser::SerializeTuple for Open<'_, '_> {
    type Ok = ();
    type Error = Stopped;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stopped> {
        self.element(value)
    }

    fn end(self) -> Result<(), Stopped> {
        self.0.close()
    }
}

impl ser::SerializeTupleStruct for Open<'_, '_> {
    type Ok = ();
    type Error = Stopped;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stopped> {
        self.element(value)
    }

    fn end(self) -> Result<(), Stopped> {
        self.0.close()
    }
}

impl ser::SerializeMap for Open<'_, '_> {
    type Ok = ();
    type Error = Stopped;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Stopped> {
        key.serialize(KeySerializer(&mut *self.0)).map_err(|Stopped| self.0.unsupported())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stopped> {
        put(self.0, value)?;
        self.0.end_field()
    }

    fn end(self) -> Result<(), Stopped> {
        self.0.close()
    }
}

/// A struct, or one of the two that `serde_json` passes text in.
pub(super) enum Struct<'w, 'a> {
    Object(&'w mut Writer<'a>),
    /// A number, with `serde_json`'s feature `arbitrary_precision`.
    Number(&'w mut Writer<'a>),
    /// JSON text as it stands.
    RawValue(&'w mut Writer<'a>),
}

impl ser::SerializeStruct for Struct<'_, '_> {
    type Ok = ();
    type Error = Stopped;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Stopped> {
        match self {
            Self::Object(writer) => put_field(writer, name, value),
            Self::Number(writer) => match serde_json::to_value(value) {
                Ok(Value::String(number)) => strict::number(&number, writer),
                _ => Err(writer.unsupported()),
            },
            Self::RawValue(writer) => match serde_json::to_value(value) {
                Ok(Value::String(text)) => strict::value(&text, writer),
                _ => Err(writer.unsupported()),
            },
        }
    }

    fn end(self) -> Result<(), Stopped> {
        match self {
            Self::Object(writer) => writer.close(),
            Self::Number(_) | Self::RawValue(_) => Ok(()),
        }
    }
}

/// The array or object inside an enum's variant, and the object around it.
pub(super) struct Variant<'w, 'a>(&'w mut Writer<'a>);

impl Variant<'_, '_> {
    fn end(self) -> Result<(), Stopped> {
        self.0.close()?;
        self.0.end_field()?;
        self.0.close()
    }
}

impl ser::SerializeTupleVariant for Variant<'_, '_> {
    type Ok = ();
    type Error = Stopped;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Stopped> {
        self.0.element()?;
        put(self.0, value)
    }

    fn end(self) -> Result<(), Stopped> {
        self.end()
    }
}

impl ser::SerializeStructVariant for Variant<'_, '_> {
    type Ok = ();
    type Error = Stopped;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Stopped> {
        put_field(self.0, name, value)
    }

    fn end(self) -> Result<(), Stopped> {
        self.end()
    }
}
