//! Canonical JSON back to Rust values.

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::Arguments;
use super::diagnose;
use super::invalid::{Invalid, Path, Step};
use super::redact::Hidden;
use super::strict;
use super::writer::{Slots, Writer};

/// The arguments that were approved, on their way into a tool's body.
///
/// The values come out of the canonical text and from nowhere else, with the redacted ones put back
/// in their places, so nothing in here may be shown.
pub struct Decoder {
    arguments: Value,
    /// Whether redacted values are among them.
    has_secrets: bool,
    /// Whether no field may be passed over at any depth.
    strict: bool,
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
        Ok(Self { arguments, has_secrets, strict: false })
    }

    /// Begins to decode arguments that a model wrote as JSON text, strictly.
    ///
    /// For tools that are called by hand: what comes out is typed, and nothing that the model wrote was passed over.
    ///
    /// ```
    /// # use approval_runtime::arguments::Decoder;
    /// # #[derive(serde::Deserialize)]
    /// struct Refund {
    ///     customer: String,
    ///     amount: u32,
    /// }
    ///
    /// let refund = Decoder::from_json(br#"{"customer": "Anna", "amount": 5}"#)?.rest::<Refund>()?;
    /// # assert_eq!((&*refund.customer, refund.amount), ("Anna", 5));
    /// let unknown = Decoder::from_json(br#"{"customer": "Anna", "amount": 5, "to": "Eve"}"#)?.rest::<Refund>();
    /// assert_eq!(unknown.err().map(|error| error.error()), Some("unknown_field"));
    /// # Ok::<_, approval_runtime::Invalid>(())
    /// ```
    ///
    /// # Errors
    ///
    /// An [`Invalid`] as for [`Arguments::from_json`]. Decoding then refuses, with [`Invalid::UnknownField`], each field at
    /// any depth that the type would pass over, but for those inside of `flatten`, `untagged` and `tag`: serde does not tell
    /// which of these it passes over, so say `deny_unknown_fields` there.
    pub fn from_json(text: &[u8]) -> Result<Self, Invalid> {
        let written = strict::document(text, Writer::new(None, Slots::Refused))?;
        let arguments = serde_json::from_str(&written.text).expect("canonical text is JSON");
        Ok(Self { arguments, has_secrets: false, strict: true })
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
            _ if self.strict => self.peek(name)?,
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
            Some(value) => {
                let place = [Step::name(name)];
                let decoded = T::deserialize(value).map_err(|_| self.diagnose::<T>(&place, value))?;
                match self.strict.then(|| diagnose::unread_inside::<T>(&place, value)).flatten() {
                    Some(unread) => Err(unread),
                    None => Ok(decoded),
                }
            }
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
        let unread = match self.strict {
            true => diagnose::unread_inside::<T>(&[], &rest),
            false => diagnose::unread_field::<T>(&rest),
        };
        match unread {
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
        let mut rest = Self { arguments: self.arguments.clone(), ..*self };
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
