//! The arguments of a call: what is shown, what is approved, and what the body runs on.
//!
//! All three are one text. [`Capture`] writes it, [`Digest`] names it, a reviewer is shown it in the
//! [display form](display), and a [`Decoder`] makes the body's values of it. What changed in the
//! meantime, or was never in the text, does not get into the body.

mod capture;
mod decode;
mod diagnose;
mod digest;
pub mod display;
mod flags;
mod invalid;
mod key;
mod look;
mod redact;
mod slot;
pub mod strict;
mod writer;

#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use invalid::Step;
use writer::{Slots, Writer, Written};

pub use capture::Capture;
pub use decode::Decoder;
pub use digest::{Digest, ParseDigestError};
pub use flags::{Flag, Flags};
pub use invalid::{Invalid, Path};
pub use redact::{Hidden, RedactionKey, SECRET_NAMES, SecretNames};

/// The longest canonical text of a call's arguments, values to be redacted included: 256 KiB.
pub const MAX_BYTES: usize = 256 * 1024;
/// How deep objects and arrays may stand in each other, the arguments as a whole being the first.
pub const MAX_DEPTH: usize = 64;
/// The most fields in all objects of a call's arguments together.
pub const MAX_KEYS: usize = 4096;

/// The name of the one field of a slot, the object that stands for a redacted value.
const SLOT: &str = "$redacted";

/// What is redacted when arguments are captured, and with which key.
#[derive(Debug, Clone, Copy)]
pub struct CaptureSettings<'a> {
    /// Names whose values are redacted wherever they stand.
    pub secret_names: &'a SecretNames,
    /// Dotted paths of values to redact, `card.number`. In an array they hold for each element.
    pub redact: &'a [&'a str],
    /// What slots are made with.
    pub key: &'a RedactionKey,
}

/// A call's arguments: one JSON object in canonical form, and its digest.
///
/// Serializes as that object. `Debug` shows the digest and the length, never a value.
#[derive(Clone, PartialEq, Eq)]
pub struct Arguments {
    canonical: Box<str>,
    digest: Digest,
    redacted: bool,
}

/// Arguments as they were captured.
#[derive(Debug)]
pub struct Captured {
    /// What may be shown, stored and approved.
    pub arguments: Arguments,
    /// What was redacted, if anything was.
    pub hidden: Option<Box<Hidden>>,
}

impl Captured {
    fn new(written: Written) -> Self {
        let Written { text, has_slots, hidden } = written;
        Self { arguments: Arguments::new(text, has_slots), hidden }
    }
}

impl Arguments {
    fn new(canonical: Box<str>, redacted: bool) -> Self {
        let digest = Digest::of(canonical.as_bytes());
        Self { canonical, digest, redacted }
    }

    /// Reads arguments that a model wrote as JSON text.
    ///
    /// # Errors
    ///
    /// An [`Invalid`] for a text that is not one JSON object, for a name that is given twice, and
    /// for all that captured arguments are refused for.
    pub fn from_json(text: &[u8], settings: CaptureSettings<'_>) -> Result<Captured, Invalid> {
        strict::document(text, Writer::new(Some(settings), Slots::Refused)).map(Captured::new)
    }

    /// Takes a canonical text out of a store.
    ///
    /// # Errors
    ///
    /// [`Invalid::InvalidJson`] if the text is not canonical, or whatever else is wrong with it.
    pub fn from_canonical(text: impl Into<Box<str>>) -> Result<Self, Invalid> {
        let text = text.into();
        let written = strict::document(text.as_bytes(), Writer::new(None, Slots::Kept))?;
        if written.text != text {
            let same = written.text.bytes().zip(text.bytes()).take_while(|(a, b)| a == b);
            return Err(Invalid::InvalidJson { at: same.count() });
        }
        Ok(Self::new(text, written.has_slots))
    }

    /// Takes a canonical text out of a store that has checked that it is what was written.
    pub(crate) fn stored(canonical: &str, redacted: bool) -> Self {
        Self::new(canonical.into(), redacted)
    }

    /// Makes the arguments that a reviewer's edit asks for in place of these.
    ///
    /// `edit` is the whole object. A slot may stand where it stood, and means that the secret is
    /// kept; a field may be left out.
    ///
    /// # Errors
    ///
    /// [`Invalid::RedactedChanged`] for a slot elsewhere and for a secret in clear, and an
    /// [`Invalid`] for all that captured arguments are refused for.
    pub fn edited(&self, edit: &Value, settings: CaptureSettings<'_>) -> Result<Self, Invalid> {
        let mut slots = Vec::new();
        if self.redacted {
            redact::each_slot(&self.to_value(), &mut Vec::new(), &mut |steps, slot| {
                slots.push((Step::pointer(steps), slot));
            });
        }
        let mut writer = Writer::new(Some(settings), Slots::Only(slots));
        let _ = capture::join(&mut writer, edit);
        let written = writer.finish()?;
        Ok(Self::new(written.text, written.has_slots))
    }

    /// The canonical text.
    #[must_use]
    pub const fn canonical(&self) -> &str {
        &self.canonical
    }

    /// The digest of the canonical text.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// The length of the canonical text in bytes.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "an object's text is never empty")]
    pub const fn len(&self) -> usize {
        self.canonical.len()
    }

    /// Whether a value in it is redacted.
    #[must_use]
    pub const fn is_redacted(&self) -> bool {
        self.redacted
    }

    /// What about the arguments can mislead who reads them: the flags of every string and of every name, at any depth.
    ///
    /// Not kept: each call reads the text once. It allocates nothing.
    #[must_use]
    pub fn flags(&self) -> Flags {
        let redacted = if self.redacted { Flag::Redacted.into() } else { Flags::NONE };
        flags::of_canonical(&self.canonical).union(redacted)
    }

    /// The arguments as a JSON value, with `{"$redacted": "<hash>"}` where one is redacted.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::from_str(&self.canonical).expect("canonical text is JSON")
    }
}

impl Serialize for Arguments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json: &RawValue = serde_json::from_str(&self.canonical).expect("canonical text is JSON");
        json.serialize(serializer)
    }
}

impl fmt::Debug for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { canonical, digest, redacted: _ } = self;
        write!(f, "Arguments({} bytes, {digest})", canonical.len())
    }
}
