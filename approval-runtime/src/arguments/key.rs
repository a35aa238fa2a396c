//! Names of map entries: what `serde_json` writes as a string, and nothing else.

use std::fmt::{Display, Write as _};

use serde::ser::{Impossible, Serialize, Serializer};

use super::writer::{Stopped, Writer};

/// Begins the field that a map's key names.
pub(super) struct KeySerializer<'w, 'a>(pub(super) &'w mut Writer<'a>);

/// Keys that are their own text.
macro_rules! displayed {
    ($($method:ident($type:ty)),+ $(,)?) => {$(
        fn $method(self, key: $type) -> Result<(), Stopped> {
            self.collect_str(&key)
        }
    )+};
}

/// A float prints as the value would, `.0` and all.
macro_rules! float {
    ($($method:ident($type:ty)),+) => {$(
        fn $method(self, key: $type) -> Result<(), Stopped> {
            if !key.is_finite() {
                return Err(self.0.out_of_range());
            }
            self.0.field(&serde_json::to_string(&key).map_err(|_| Stopped)?)
        }
    )+};
}

/// What has no text.
macro_rules! refused {
    ($($method:ident($($type:ty),*) -> $ok:ty;)+) => {$(
        fn $method(self, $(_: $type),*) -> Result<$ok, Stopped> {
            Err(self.0.unsupported())
        }
    )+};
}

impl Serializer for KeySerializer<'_, '_> {
    type Ok = ();
    type Error = Stopped;
    type SerializeSeq = Impossible<(), Stopped>;
    type SerializeTuple = Impossible<(), Stopped>;
    type SerializeTupleStruct = Impossible<(), Stopped>;
    type SerializeTupleVariant = Impossible<(), Stopped>;
    type SerializeMap = Impossible<(), Stopped>;
    type SerializeStruct = Impossible<(), Stopped>;
    type SerializeStructVariant = Impossible<(), Stopped>;

    displayed! {
        serialize_bool(bool), serialize_char(char),
        serialize_i8(i8), serialize_i16(i16), serialize_i32(i32), serialize_i64(i64),
        serialize_i128(i128),
        serialize_u8(u8), serialize_u16(u16), serialize_u32(u32), serialize_u64(u64),
        serialize_u128(u128),
    }

    float!(serialize_f32(f32), serialize_f64(f64));

    fn serialize_str(self, key: &str) -> Result<(), Stopped> {
        self.0.field(key)
    }

    fn collect_str<T: Display + ?Sized>(self, key: &T) -> Result<(), Stopped> {
        let mut text = String::new();
        write!(text, "{key}").map_err(|_| Stopped)?;
        self.0.field(&text)
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Result<(), Stopped> {
        self.0.field(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, key: &T) -> Result<(), Stopped> {
        key.serialize(self)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, key: &T) -> Result<(), Stopped> {
        key.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _key: &T,
    ) -> Result<(), Stopped> {
        Err(self.0.unsupported())
    }

    refused! {
        serialize_bytes(&[u8]) -> ();
        serialize_none() -> ();
        serialize_unit() -> ();
        serialize_unit_struct(&'static str) -> ();
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }
}
