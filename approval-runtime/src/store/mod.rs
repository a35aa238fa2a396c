//! [`ApprovalStore`]: where requests are kept. A store only stores: who may do what is decided in [`request`](crate::request).

mod memory;
mod query;

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};

pub use self::memory::MemoryStore;
pub use self::query::{Cursor, Order, ParseCursorError, Query};
use crate::boxed::BoxFuture;
use crate::request::{ApprovalRequest, Guard, RequestId, State};

/// One write, with what must hold for it. A store writes all of a commit or nothing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Write {
    /// Adds a request whose id is not there yet.
    Insert {
        /// The new record.
        request: ApprovalRequest,
        /// Refused when the namespace already has this many pending requests and the new one is pending too.
        max_pending: usize,
    },
    /// Puts a new state in place of the one that has the guard's version.
    Update {
        /// The request.
        id: RequestId,
        /// Its new state.
        state: Arc<State>,
        /// What must still hold, on the store's clock.
        guard: Guard,
    },
}

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
    /// A request with this id is there.
    #[error("approval request `{id}` exists")]
    AlreadyExists {
        /// The id.
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
    /// The namespace has as many pending requests as are allowed.
    #[error("{limit} requests are pending, the most allowed")]
    TooManyPending {
        /// The most allowed.
        limit: usize,
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

/// Keeps approval requests.
///
/// The contract: [`commit`](Self::commit) is atomic, checks every guard in the same step on the store's own clock, and is
/// durable (as far as the store is) when it returns. [`now`](Self::now) never decreases. Reads show what was committed: the
/// gate projects deadlines that have passed, and [`query`](Self::query) counts them.
pub trait ApprovalStore: fmt::Debug + Send + Sync + 'static {
    /// Writes everything or nothing.
    ///
    /// # Errors
    /// [`StoreError`]; the preconditions of [`Write`] give its first four variants.
    ///
    /// # Cancel safety
    /// A dropped commit has happened whole or not at all.
    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Reads one request.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    fn get<'a>(&'a self, namespace: &'a str, id: RequestId) -> BoxFuture<'a, Result<Option<ApprovalRequest>, StoreError>>;

    /// Reads the requests that a [`Query`] names, in its order.
    ///
    /// What it costs depends on how many are returned, not on how many are kept: people page through it while calls wait.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    fn query<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<ApprovalRequest>, StoreError>>;

    /// Reads the store's clock: UTC, whole microseconds, never less than before.
    ///
    /// # Errors
    /// [`StoreError::Backend`].
    fn now(&self) -> BoxFuture<'_, Result<DateTime<Utc>, StoreError>>;
}
