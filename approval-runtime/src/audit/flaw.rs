//! [`Flaw`]: what can be wrong with a history, [`Broken`]: where, and [`AuditError`].

use std::fmt;
use std::io;

use crate::request::RequestId;
use crate::store::StoreError;

/// What is wrong with a row, a record or a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Flaw {
    /// The row's hash is not the SHA-256 of its text: one of them was changed.
    #[error("its hash is not that of its text")]
    Hash,
    /// The text is no row of a history as this version knows it.
    #[error(
        "its text is not a row that this version knows\nhelp: use the version of approval-runtime that wrote it, if that is newer"
    )]
    Unreadable,
    /// What the store keeps beside the text says something else.
    #[error("its `{0}` is not the one that its text names")]
    Column(&'static str),
    /// The row stands before the one that was read before it, or at the same place.
    #[error("its position does not come after the one before it")]
    Position,
    /// The request has this version already.
    #[error("the history has this version already")]
    Repeated,
    /// Rows of the request are missing before this one.
    #[error("version {expected} should stand here")]
    Missing {
        /// The version that should follow.
        expected: u32,
    },
    /// The row does not follow the one before it: one of them is not what it was.
    #[error("it does not name the hash of the row before it")]
    Previous,
    /// The row is dated before the one before it.
    #[error("its time is before that of the row before it")]
    Time,
    /// The history goes on although the record was removed.
    #[error("it stands behind the row that says the record was removed")]
    AfterRemoval,
    /// The record is of a later version: rows are missing at the end of its history.
    #[error("it is the last row of its history, and the record is at version {version}")]
    TailMissing {
        /// The version of the record.
        version: u32,
    },
    /// The record is of an earlier version than its history.
    #[error("the record is still at version {version}")]
    RecordBehind {
        /// The version of the record.
        version: u32,
    },
    /// The record says something else than the history.
    #[error("the record has another `{0}` than the history")]
    Record(&'static str),
    /// The record is gone, and no row says that it was removed.
    #[error("the record is gone, and no row says that it was removed")]
    RecordMissing,
    /// The record is there although the history says that it was removed.
    #[error("the record is there, and the history says that it was removed")]
    RecordKept,
    /// The record cannot be read.
    #[error("the record cannot be read")]
    RecordUnreadable,
    /// There is a record without a history.
    #[error("the record, at version {version}, has no history")]
    NoHistory {
        /// The version of the record.
        version: u32,
    },
    /// The rows up to a checkpoint are not those that it sealed: since the checkpoint before it, one was changed, removed,
    /// added or moved.
    #[error(
        "the rows behind position {since} up to here are not those that were sealed: {found} rows, and {sealed} were sealed"
    )]
    Sealed {
        /// Up to here they are what was sealed.
        since: u64,
        /// How many rows were sealed, from the first one on.
        sealed: u64,
        /// How many there are.
        found: u64,
    },
    /// The checkpoint cannot be read.
    #[error("it is not a checkpoint that this version knows")]
    CheckpointUnreadable,
    /// The checkpoint is not signed with the key that it names.
    #[error("it is not signed with the key that it names")]
    Forged,
    /// The checkpoint is signed with a key that was not given.
    #[error(
        "it is signed with the key `{id}`, which was not given\nhelp: give that key too, if it is one of yours; otherwise somebody else signed"
    )]
    UnknownKey {
        /// The key's id.
        id: Box<str>,
    },
    /// The checkpoint does not follow the one before it: one was changed, removed or put in its place.
    #[error("it does not follow the checkpoint before it")]
    CheckpointOrder,
    /// An exported checkpoint is not in the store.
    #[error("it was exported, and the store does not have it")]
    CheckpointMissing,
    /// An exported checkpoint is another one in the store.
    #[error("it was exported otherwise than the store has it")]
    CheckpointDiffers,
    /// The export is not signed, and has to be.
    #[error("it is not signed")]
    Unsigned,
}

/// The first thing that is wrong: where, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Broken {
    /// The place among the rows of the store; nothing where there is no row.
    pub position: Option<u64>,
    /// The request.
    pub request: Option<RequestId>,
    /// The version of the request.
    pub version: Option<u32>,
    /// The number of the checkpoint, where one is wrong or shows that something is.
    pub checkpoint: Option<u64>,
    /// What is wrong.
    pub flaw: Flaw,
}

impl Broken {
    pub(super) const fn row(position: u64, request: RequestId, version: u32, flaw: Flaw) -> Self {
        Self { position: Some(position), request: Some(request), version: Some(version), checkpoint: None, flaw }
    }

    pub(super) const fn checkpoint(number: u64, position: u64, flaw: Flaw) -> Self {
        Self { position: Some(position), request: None, version: None, checkpoint: Some(number), flaw }
    }

    /// Returns the one of two that comes first; what has no place comes last.
    pub(super) fn or_earlier(self, other: Option<Self>) -> Self {
        let place = |broken: &Self| broken.position.unwrap_or(u64::MAX);
        match other {
            Some(other) if place(&other) < place(&self) => other,
            _ => self,
        }
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { position, request, version, checkpoint, flaw } = self;
        let mut before = "";
        if let Some(checkpoint) = checkpoint {
            write!(f, "checkpoint {checkpoint}")?;
            before = ", ";
        }
        if let Some(position) = position {
            write!(f, "{before}row {position}")?;
            before = ", ";
        }
        if let Some(request) = request {
            write!(f, "{before}request {request}")?;
            before = ", ";
        }
        if let Some(version) = version {
            write!(f, "{before}version {version}")?;
            before = ", ";
        }
        if !before.is_empty() {
            f.write_str(": ")?;
        }
        fmt::Display::fmt(flaw, f)
    }
}

impl std::error::Error for Broken {}

/// Why a history was not read, checked, sealed or exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The history is not what was written.
    #[error("the audit trail is broken: {0}")]
    Broken(Broken),
    /// The store has neither a record nor a history of this request.
    #[error("no approval request `{id}`, and no history of one")]
    NotFound {
        /// The id.
        id: RequestId,
    },
    /// The key is too short to sign with.
    #[error(
        "an audit key has at least {} bytes, and this one has {len}\nhelp: make one with `openssl rand 32`",
        super::AuditKey::MIN
    )]
    ShortKey {
        /// How many bytes it has.
        len: usize,
    },
    /// The store failed.
    #[error("the store could not be read, or the checkpoint not be written")]
    Store(#[from] StoreError),
    /// The file of checkpoints could not be read or written.
    #[error("the checkpoints in {path} could not be read or written")]
    File {
        /// The file.
        path: Box<str>,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line of the file is no checkpoint.
    #[error("line {line} of {path} is no checkpoint\nhelp: such a file is only ever appended to; take an untouched copy")]
    Line {
        /// The file.
        path: Box<str>,
        /// The line, from 1.
        line: usize,
    },
}

impl From<Broken> for AuditError {
    fn from(broken: Broken) -> Self {
        Self::Broken(broken)
    }
}

impl AuditError {
    /// Returns what is wrong with the history, where that is the error.
    #[must_use]
    pub const fn broken(&self) -> Option<&Broken> {
        match self {
            Self::Broken(broken) => Some(broken),
            _ => None,
        }
    }
}
