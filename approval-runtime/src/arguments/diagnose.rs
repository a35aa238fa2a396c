//! Why a value could not be decoded, and where, without its text.
//!
//! The error of `serde_json` is a text, often with the value in it, and says nothing of the place.
//! So once decoding has failed it is done again, by a deserializer that reports what went wrong as
//! data. It need not be faithful in every corner: where it finds nothing the value as a whole has
//! the wrong type.

use std::fmt::{self, Display};

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use super::invalid::{Invalid, Path, Step};
use super::writer::PRIVATE;

/// Says why `T` is not decoded from `value`, which stands at `place`.
#[cold]
pub(super) fn value<T: DeserializeOwned>(place: &[Step<'_>], value: &Value) -> Invalid {
    T::deserialize(Probe::new(value)).err().unwrap_or_default().at(place)
}

/// Finds a field that `T` skips when it is decoded from `arguments`.
pub(super) fn unread_field<T: DeserializeOwned>(arguments: &Value) -> Option<Invalid> {
    unread::<T>(&[], arguments, Place::Top)
}

/// Finds a field, at any depth, that `T` skips when it is decoded from `value`, which stands at `place`.
pub(super) fn unread_inside<T: DeserializeOwned>(place: &[Step<'_>], value: &Value) -> Option<Invalid> {
    unread::<T>(place, value, Place::Anywhere)
}

fn unread<T: DeserializeOwned>(steps: &[Step<'_>], value: &Value, place: Place) -> Option<Invalid> {
    let fault = T::deserialize(Probe { value, place }).err()?;
    matches!(fault.kind, FaultKind::Unread).then(|| fault.at(steps))
}

/// Decodes the argument that is not there: `None` to an `Option`, missing to any other type.
pub(super) fn absent<T: DeserializeOwned>(name: &str) -> Result<T, Invalid> {
    T::deserialize(Absent).map_err(|_| Invalid::MissingField { path: Path::of(&[Step::name(name)]) })
}

/// What went wrong, and the steps to it from the inside out.
#[derive(Debug, Default)]
struct Fault {
    kind: FaultKind,
    steps: Vec<Step<'static>>,
}

#[derive(Debug, Default)]
enum FaultKind {
    #[default]
    Type,
    /// This field is not there.
    Missing(&'static str),
    /// This field is there, and must not be.
    Unknown(String),
    /// The value itself was passed over.
    Unread,
    Duplicate(&'static str),
}

impl Fault {
    fn new(kind: FaultKind) -> Self {
        Self { kind, steps: Vec::new() }
    }

    fn inside(mut self, step: Step<'static>) -> Self {
        self.steps.push(step);
        self
    }

    fn at(self, place: &[Step<'_>]) -> Invalid {
        let Self { kind, steps } = self;
        let mut steps: Vec<_> = place.iter().cloned().chain(steps.into_iter().rev()).collect();
        let (last, error): (_, fn(Path) -> Invalid) = match kind {
            FaultKind::Type => (None, |path| Invalid::TypeMismatch { path }),
            FaultKind::Unread => (None, |path| Invalid::UnknownField { path }),
            FaultKind::Missing(name) => (Some(Step::name(name)), |path| Invalid::MissingField { path }),
            FaultKind::Unknown(name) => (Some(Step::name(name)), |path| Invalid::UnknownField { path }),
            FaultKind::Duplicate(name) => (Some(Step::name(name)), |path| Invalid::DuplicateKey { path }),
        };
        steps.extend(last);
        error(Path::of(&steps))
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value cannot be decoded")
    }
}

impl std::error::Error for Fault {}

impl de::Error for Fault {
    /// Drops the message: it may hold a value.
    fn custom<T: Display>(_: T) -> Self {
        Self::default()
    }

    fn unknown_field(field: &str, _: &'static [&'static str]) -> Self {
        Self::new(FaultKind::Unknown(field.to_owned()))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(FaultKind::Missing(field))
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(FaultKind::Duplicate(field))
    }
}

/// Where a [`Probe`] stands, as far as it matters who passes over it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The arguments as a whole, none of whose fields may be passed over.
    Top,
    /// Such a field.
    Field,
    /// Deeper, where a field may be passed over.
    Inside,
    /// Anywhere, where none may.
    Anywhere,
}

impl Place {
    /// Where the fields and elements of a value at this place stand.
    const fn inside(self) -> Self {
        match self {
            Self::Top => Self::Field,
            Self::Field | Self::Inside => Self::Inside,
            Self::Anywhere => Self::Anywhere,
        }
    }
}

/// Decodes a JSON value as `serde_json` does.
#[derive(Debug, Clone, Copy)]
struct Probe<'v> {
    value: &'v Value,
    place: Place,
}

impl<'v> Probe<'v> {
    const fn new(value: &'v Value) -> Self {
        Self { value, place: Place::Inside }
    }
}

impl<'de> Deserializer<'de> for Probe<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(value) => visitor.visit_bool(*value),
            Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
                (Some(number), _, _) => visitor.visit_u64(number),
                (_, Some(number), _) => visitor.visit_i64(number),
                (_, _, Some(number)) => visitor.visit_f64(number),
                _ => Err(Fault::default()),
            },
            Value::String(string) => visitor.visit_borrowed_str(string),
            Value::Array(elements) => {
                let place = self.place.inside();
                let mut elements = Elements { rest: elements.iter(), next: 0, place };
                let value = visitor.visit_seq(&mut elements)?;
                match elements.rest.len() {
                    0 => Ok(value),
                    _ => Err(Fault::default()),
                }
            }
            Value::Object(fields) => visitor.visit_map(Fields { rest: fields.iter(), value: None, place: self.place.inside() }),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.value {
            Value::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        if name.starts_with(PRIVATE) {
            // `RawValue` under its own name, which only `serde_json` knows: it takes the value whole.
            return self.value.deserialize_newtype_struct(name, visitor).map_err(|_| Fault::default());
        }
        visitor.visit_newtype_struct(self)
    }

    /// Enums are left to `serde_json`: what is wrong in one is wrong with the enum. Only what a variant passes over is
    /// looked for here.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match (self.place, self.value) {
            (Place::Anywhere, Value::Object(fields)) if fields.len() == 1 => {
                let mut fields = Fields { rest: fields.iter(), value: None, place: self.place };
                visitor.visit_enum(&mut fields)
            }
            _ => self.value.deserialize_enum(name, variants, visitor).map_err(|_| Fault::default()),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.place {
            Place::Field | Place::Anywhere => Err(Fault::new(FaultKind::Unread)),
            Place::Top | Place::Inside => visitor.visit_unit(),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct seq tuple tuple_struct map struct identifier
    }
}

struct Elements<'v> {
    rest: std::slice::Iter<'v, Value>,
    next: usize,
    place: Place,
}

impl<'de> SeqAccess<'de> for &mut Elements<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some(value) = self.rest.next() else {
            return Ok(None);
        };
        let index = self.next;
        self.next += 1;
        let element = seed.deserialize(Probe { value, place: self.place });
        element.map(Some).map_err(|fault| fault.inside(Step::Index(index)))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

struct Fields<'v> {
    rest: serde_json::map::Iter<'v>,
    /// The field whose name was read last.
    value: Option<(&'v str, &'v Value)>,
    place: Place,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((name, value)) = self.rest.next() else {
            return Ok(None);
        };
        self.value = Some((name, value));
        seed.deserialize(Name(name)).map(Some)
    }

    fn next_value_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<T::Value, Fault> {
        let (name, value) = self.value.take().ok_or_else(Fault::default)?;
        let field = seed.deserialize(Probe { value, place: self.place });
        field.map_err(|fault| fault.inside(Step::name(name.to_owned())))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

impl<'de> EnumAccess<'de> for &mut Fields<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let variant = self.next_key_seed(seed)?.ok_or_else(Fault::default)?;
        Ok((variant, self))
    }
}

impl<'de> VariantAccess<'de> for &mut Fields<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        self.next_value()
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        self.next_value_seed(seed)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.next_value_seed(Visited(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(self, _: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        self.next_value_seed(Visited(visitor))
    }
}

/// What a visitor makes of a value.
struct Visited<V>(V);

impl<'de, V: Visitor<'de>> DeserializeSeed<'de> for Visited<V> {
    type Value = V::Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<V::Value, D::Error> {
        deserializer.deserialize_any(self.0)
    }
}

/// The name of an object's field: a string, or a number to a map whose keys are numbers.
struct Name<'v>(&'v str);

macro_rules! parsed {
    ($($method:ident => $visit:ident),+ $(,)?) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match self.0.parse() {
                Ok(key) => visitor.$visit(key),
                Err(_) => visitor.visit_borrowed_str(self.0),
            }
        }
    )+};
}

impl<'de> Deserializer<'de> for Name<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(self.0)
    }

    parsed! {
        deserialize_bool => visit_bool,
        deserialize_i8 => visit_i64, deserialize_i16 => visit_i64,
        deserialize_i32 => visit_i64, deserialize_i64 => visit_i64,
        deserialize_u8 => visit_u64, deserialize_u16 => visit_u64,
        deserialize_u32 => visit_u64, deserialize_u64 => visit_u64,
        deserialize_i128 => visit_i128, deserialize_u128 => visit_u128,
        deserialize_f32 => visit_f64, deserialize_f64 => visit_f64,
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_enum(de::value::BorrowedStrDeserializer::new(self.0))
    }

    forward_to_deserialize_any! {
        char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}

/// Nothing, where only an `Option` finds something.
struct Absent;

impl<'de> Deserializer<'de> for Absent {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Fault> {
        Err(Fault::default())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_none()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
