//! [`Row`]: what is kept beside requests and their histories.

use std::fmt;

/// What a row is about. Each kind has keys of its own in each namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Space {
    /// The tools of a deployment, by name.
    Tool,
    /// The people who decide, by name.
    Reviewer,
    /// What a person holds to decide, by its public part.
    Token,
    /// Decisions that are remembered for later calls.
    Grant,
    /// Counts.
    Counter,
    /// What is frozen.
    Freeze,
    /// The gates that are alive, by instance.
    Process,
    /// What is still to be delivered.
    Outbox,
    /// What seals histories, by the place up to which it does.
    Checkpoint,
}

impl Space {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Tool,
        Self::Reviewer,
        Self::Token,
        Self::Grant,
        Self::Counter,
        Self::Freeze,
        Self::Process,
        Self::Outbox,
        Self::Checkpoint,
    ];

    /// Returns the kind's name in snake case, as stores may spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tool => "tool",
            Self::Reviewer => "reviewer",
            Self::Token => "token",
            Self::Grant => "grant",
            Self::Counter => "counter",
            Self::Freeze => "freeze",
            Self::Process => "process",
            Self::Outbox => "outbox",
            Self::Checkpoint => "checkpoint",
        }
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A row as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its key: any text, compared byte by byte.
    pub key: String,
    /// What it holds: bytes that the store does not look into.
    pub value: Vec<u8>,
    /// 1 when it is made, one more with each change. A row that was removed and made anew begins at 1.
    pub version: u64,
}

/// Which rows to read, in the order of their keys' bytes.
#[derive(Clone, Debug)]
pub struct RowQuery {
    /// The namespace (tenant).
    pub namespace: String,
    /// Which kind.
    pub space: Space,
    /// Only keys that begin with this.
    pub prefix: String,
    /// Only keys behind this one.
    pub after: Option<String>,
    /// At most this many.
    pub limit: Option<usize>,
}

impl RowQuery {
    /// Asks for all rows of a kind.
    #[must_use]
    pub fn all(namespace: impl Into<String>, space: Space) -> Self {
        Self { namespace: namespace.into(), space, prefix: String::new(), after: None, limit: None }
    }
}

/// What a row has to be like for a write to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Anything, or nothing.
    Any,
    /// It is not there.
    Absent,
    /// It has this version.
    Version(u64),
}

impl Expect {
    /// Says whether a row of this version, or none, is as expected.
    #[must_use]
    pub fn is_met_by(self, version: Option<u64>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => version.is_none(),
            Self::Version(expected) => version == Some(expected),
        }
    }
}
