//! [`Checkpoint`]: a signed statement of what the rows of a namespace were, up to one of them.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use super::{AuditKey, Flaw};
use crate::arguments::Digest;
use crate::request::rfc3339;

const KIND: &str = "approval checkpoint 1";

/// What the rows of a namespace were, up to a position: how many, and a hash over the hash of each in order. Signed.
///
/// [`Display`](fmt::Display) writes it as one line of JSON, and [`FromStr`] reads that line and no other spelling of it. Keep
/// such lines where whoever can write to the store cannot: in [a file](super::CheckpointLog) on another machine, in a log that
/// is shipped away, in a ticket. One of them is enough to find any change to what it sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Checkpoint {
    /// The namespace (tenant).
    pub namespace: Box<str>,
    /// 1 for the first one of the namespace, one more with each.
    pub number: u64,
    /// The position of the last row that is sealed.
    pub position: u64,
    /// How many rows are sealed, from the first one of the namespace on.
    pub count: u64,
    /// The hash over them: that of the previous row's seal, followed by the row's hash.
    pub seal: Digest,
    /// When it was made, on the store's clock, in UTC.
    #[serde(serialize_with = "micros")]
    pub at: DateTime<Utc>,
    /// The signature of the checkpoint before this one.
    pub previous: Option<Digest>,
    /// The id of the key that signed it.
    pub key: Box<str>,
    /// The signature: HMAC-SHA-256 over everything above.
    pub mac: Digest,
}

fn micros<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*time))
}

impl Checkpoint {
    pub(super) fn sign(mut self, key: &AuditKey) -> Self {
        self.key = key.id().into();
        self.mac = key.sign(KIND, &self.unsigned());
        self
    }

    /// Says whether it is signed with one of these keys.
    ///
    /// # Errors
    /// [`Flaw::UnknownKey`] when none of them has the id that it names, else [`Flaw::Forged`].
    pub fn verify<'a>(&self, keys: impl IntoIterator<Item = &'a AuditKey>) -> Result<(), Flaw> {
        let mut named = keys.into_iter().filter(|key| *key.id() == *self.key).peekable();
        if named.peek().is_none() {
            return Err(Flaw::UnknownKey { id: self.key.clone() });
        }
        let text = self.unsigned();
        if named.any(|key| key.signed(KIND, &text, &self.mac)) { Ok(()) } else { Err(Flaw::Forged) }
    }

    /// Returns what is signed: all of it with an empty signature.
    fn unsigned(&self) -> String {
        Self { mac: Digest::from_bytes([0; 32]), ..self.clone() }.to_string()
    }
}

impl fmt::Display for Checkpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).expect("texts and numbers have a JSON form"))
    }
}

/// The text is no checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a checkpoint: it is one line of JSON, as it was exported")]
pub struct ParseCheckpointError;

impl FromStr for Checkpoint {
    type Err = ParseCheckpointError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read: Self = serde_json::from_str(text).map_err(|_| ParseCheckpointError)?;
        if read.to_string() == text { Ok(read) } else { Err(ParseCheckpointError) }
    }
}

/// The hash over rows, as it grows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seal {
    pub(super) seal: Digest,
    pub(super) count: u64,
    pub(super) position: u64,
}

impl Seal {
    pub(super) fn first(namespace: &str) -> Self {
        Self { seal: Digest::of(format!("approval seal 1\0{namespace}").as_bytes()), count: 0, position: 0 }
    }

    pub(super) const fn behind(checkpoint: &Checkpoint) -> Self {
        Self { seal: checkpoint.seal, count: checkpoint.count, position: checkpoint.position }
    }

    pub(super) fn add(&mut self, position: u64, hash: &Digest) {
        let mut hasher = Sha256::new();
        hasher.update(self.seal.as_bytes());
        hasher.update(hash.as_bytes());
        self.seal = Digest::from_bytes(hasher.finalize().into());
        self.count += 1;
        self.position = position;
    }

    pub(super) fn is_that_of(&self, checkpoint: &Checkpoint) -> bool {
        let Checkpoint { seal, count, position, .. } = checkpoint;
        self.seal == *seal && self.count == *count && self.position == *position
    }
}
