//! [`StoreError`]: why a store did not do what it was asked.

use std::error::Error;

use super::Space;
use crate::request::{Corrupt, RequestId};

/// Why a store did not do what it was asked. Nothing was written, except where the variant says otherwise.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// No request has this id.
    #[error("no approval request `{id}`")]
    NotFound {
        /// The id.
        id: RequestId,
    },
    /// The request is there, or one whose call is the same.
    #[error("approval request `{id}` exists")]
    AlreadyExists {
        /// The one that is there.
        id: RequestId,
    },
    /// Somebody wrote first, or the time for this write has passed: read again, decide again.
    #[error("approval request `{id}` is no longer as it was at version {version}")]
    Stale {
        /// The id.
        id: RequestId,
        /// The version the write was made from.
        version: u32,
    },
    /// A row is not as the write expects it.
    #[error("the {space} row `{key}` is not as it was expected")]
    RowStale {
        /// What kind of row.
        space: Space,
        /// Its key.
        key: Box<str>,
    },
    /// The namespace has as many pending requests as are allowed.
    #[error("{limit} requests are pending, the most allowed")]
    TooManyPending {
        /// The most allowed.
        limit: usize,
    },
    /// The record cannot be read. It is never run.
    #[error("approval request `{id}` cannot be read")]
    Corrupt {
        /// The id.
        id: RequestId,
        /// Why.
        #[source]
        source: Corrupt,
    },
    /// There is no room left.
    #[error("the {store} store is full\nhelp: make room where it is kept; what was acknowledged is safe")]
    Full {
        /// Which store.
        store: &'static str,
    },
    /// Somebody else held it for too long.
    #[error(
        "the {store} store is locked by another program\nhelp: end what holds it, a long transaction or a backup; then try again"
    )]
    Busy {
        /// Which store.
        store: &'static str,
    },
    /// What it is kept in was replaced or deleted while it was open.
    #[error(
        "{place} was replaced or deleted while it was in use\nhelp: stop the program, put the file back or choose another one, and start again"
    )]
    Replaced {
        /// What.
        place: Box<str>,
    },
    /// A newer version of this library made it.
    #[error(
        "{place} has schema version {found}, and this version knows {known}\nhelp: use the newer version of approval-runtime that made it"
    )]
    NewerSchema {
        /// What.
        place: Box<str>,
        /// Its version.
        found: i64,
        /// The newest that is known here.
        known: i64,
    },
    /// It is something else than a store of this kind.
    #[error("{place} is not an approval store: {why}\nhelp: name another file; this one is left as it is")]
    Foreign {
        /// What.
        place: Box<str>,
        /// How that shows.
        why: &'static str,
    },
    /// The store does not know this kind of write: it was made for an earlier version of this library.
    #[error("the {store} store does not know this kind of write\nhelp: use its newer version")]
    Unsupported {
        /// Which store.
        store: &'static str,
    },
    /// It has been shut.
    #[error("the {store} store has been shut")]
    Closed {
        /// Which store.
        store: &'static str,
    },
    /// The database or its driver failed. Whether a write happened is unknown.
    #[error("the {store} store could not {verb}")]
    Backend {
        /// Which store.
        store: &'static str,
        /// What it was doing, as a verb with its object.
        verb: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl StoreError {
    /// Says whether the same may succeed later without anybody changing the program.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Stale { .. } | Self::TooManyPending { .. } | Self::Full { .. } | Self::Busy { .. } | Self::Backend { .. }
        )
    }
}
