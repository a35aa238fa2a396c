//! Canonical JSON back to Rust values.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Arguments;
use super::diagnose;
use super::invalid::{Invalid, Path, Step};
use super::redact::Hidden;

/// The arguments that were approved, on their way into a tool's body.
///
/// The values come out of the canonical text and from nowhere else, with the redacted ones put back
/// in their places, so nothing in here may be shown.
pub struct Decoder {
    arguments: Value,
    /// Whether redacted values are among them.
    has_secrets: bool,
}

impl Decoder {
    /// Begins to decode `arguments`, with the values that were hidden when they were captured.
    ///
    /// # Errors
    ///
    /// [`Invalid::RedactedChanged`] if a slot stands where no hidden value belongs.
    pub fn new(arguments: &Arguments, hidden: Option<&Hidden>) -> Result<Self, Invalid> {
        let has_secrets = arguments.is_redacted();
        let mut arguments = arguments.to_value();
        if has_secrets {
            Hidden::reveal(hidden, &mut arguments)?;
        }
        Ok(Self { arguments, has_secrets })
    }

    /// Takes one argument out.
    ///
    /// An argument that is not there is `None` to an `Option`, as `serde` has it.
    ///
    /// # Errors
    ///
    /// [`Invalid::MissingField`] and [`Invalid::TypeMismatch`], or what else is wrong inside it.
    pub fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Invalid> {
        let value = match self.arguments.get_mut(name) {
            // A text goes into the body as it is, not as a copy; what is wrong with it can be said without it.
            Some(Value::String(text)) => T::deserialize(Value::String(std::mem::take(text)))
                .map_err(|_| self.diagnose::<T>(&[Step::name(name)], &Value::String(String::new())))?,
            _ => self.peek(name)?,
        };
        self.discard(name);
        Ok(value)
    }

    /// Decodes one argument and leaves it in.
    ///
    /// # Errors
    ///
    /// As for [`take`](Self::take).
    pub fn peek<T: DeserializeOwned>(&self, name: &str) -> Result<T, Invalid> {
        match self.arguments.get(name) {
            Some(value) => T::deserialize(value).map_err(|_| self.diagnose::<T>(&[Step::name(name)], value)),
            None => diagnose::absent(name),
        }
    }

    /// Says what is wrong with a value, but names nothing in it where that could be a secret's part.
    fn diagnose<T: DeserializeOwned>(&self, place: &[Step<'_>], value: &Value) -> Invalid {
        if self.has_secrets { Invalid::TypeMismatch { path: Path::of(place) } } else { diagnose::value::<T>(place, value) }
    }

    /// Takes all that is left as one object.
    ///
    /// # Errors
    ///
    /// As for [`take`](Self::take), and [`Invalid::UnknownField`] if `T` would pass over a field:
    /// its reviewer has seen it as if it counted.
    pub fn rest<T: DeserializeOwned>(&mut self) -> Result<T, Invalid> {
        let rest = std::mem::replace(&mut self.arguments, Value::Object(Map::new()));
        let value = T::deserialize(&rest).map_err(|_| self.diagnose::<T>(&[], &rest))?;
        match diagnose::unread_field::<T>(&rest) {
            Some(unread) => Err(unread),
            None => Ok(value),
        }
    }

    /// Decodes all but the named arguments as one object, and leaves them in.
    ///
    /// # Errors
    ///
    /// As for [`rest`](Self::rest).
    pub fn peek_rest<T: DeserializeOwned>(&self, besides: &[&str]) -> Result<T, Invalid> {
        let mut rest = Self { arguments: self.arguments.clone(), has_secrets: self.has_secrets };
        besides.iter().for_each(|name| rest.discard(name));
        rest.rest()
    }

    /// Drops an argument that nobody decodes.
    pub(crate) fn discard(&mut self, name: &str) {
        if let Value::Object(fields) = &mut self.arguments {
            fields.remove(name);
        }
    }

    /// Ends the decoding.
    ///
    /// # Errors
    ///
    /// [`Invalid::UnknownField`] if an argument was not taken.
    pub fn finish(&self) -> Result<(), Invalid> {
        let left = self.arguments.as_object().and_then(|fields| fields.keys().next());
        left.map_or(Ok(()), |name| Err(Invalid::UnknownField { path: Path::of(&[Step::name(name)]) }))
    }

    /// What was not taken yet.
    #[must_use]
    pub const fn value(&self) -> &Value {
        &self.arguments
    }

    /// What was not taken yet, as an object.
    #[must_use]
    pub fn into_value(self) -> Value {
        self.arguments
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let left = self.arguments.as_object().map_or(0, Map::len);
        write!(f, "Decoder({left} arguments)")
    }
}
