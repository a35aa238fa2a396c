//! [`ApprovalStore`]: where requests are kept. A store only stores: who may do what is decided in [`request`](crate::request).

#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod memory;
mod query;
mod row;
#[cfg(feature = "sqlite")]
mod sqlite;
mod write;

use std::fmt;

pub use self::error::StoreError;
pub use self::memory::MemoryStore;
pub use self::query::{AuditQuery, Changed, Changes, Cursor, Found, Logged, Order, ParseCursorError, Query, Which};
pub use self::row::{Expect, Row, RowQuery, Space};
#[cfg(feature = "sqlite")]
pub use self::sqlite::SqliteStore;
pub use self::write::Write;
use crate::boxed::BoxFuture;
use crate::request::{ApprovalRequest, Moment, RequestId};

/// Keeps approval requests, their histories, and rows of other kinds.
///
/// The contract, which the public suite (feature `conformance`) tests:
///
/// - [`commit`](Self::commit) writes all of its writes or none, checks each one's precondition in the same step, guards on the
///   store's own clock, and is durable (as far as the store is) when it returns. Preconditions are about what was there before
///   the commit; only the limit of pending requests counts those that the commit itself adds, and those whose deadline has passed
///   until that is written. A kind of [`Write`] that a store does not know refuses the commit:
///   [`StoreError::Unsupported`].
/// - With each write to a request it keeps that version's [`audit_row`](ApprovalRequest::audit_row), in the same step.
/// - [`now`](Self::now) never decreases, over all handles and over restarts. Its incarnation may be a second behind; writes are
///   checked against the present one at once.
/// - Reads show what was committed. Deadlines that have passed count in [`query`](Self::query), written or not; whoever reads a
///   request projects them. So where a read shows a request whose deadline had passed by [`now`](Self::now) before the read
///   began, it shows every commit to it that was checked in time: what was once read as ended is not decided after all.
/// - A record that cannot be read is told as such, and harms no other.
/// - Namespaces do not meet. An id is one request's; a store may refuse one that another namespace has.
///
/// None of its futures needs more of the runtime than that somebody polls them, unless the store says so.
pub trait ApprovalStore: fmt::Debug + Send + Sync + 'static {
    /// Writes everything or nothing.
    ///
    /// # Errors
    /// [`StoreError`]: what [`Write`] says for each write, or what became of the store itself.
    ///
    /// # Cancel safety
    /// A dropped commit has happened whole or not at all, or will: a [shared](Self::is_shared) store may end what it began. One
    /// that is not shared has done so when it is dropped.
    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<(), StoreError>>;

    /// Reads one request.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], or what became of the store itself.
    fn get<'a>(&'a self, namespace: &'a str, id: RequestId) -> BoxFuture<'a, Result<Option<ApprovalRequest>, StoreError>>;

    /// Reads the requests that a [`Query`] names, in its order.
    ///
    /// What it costs depends on how many are returned, not on how many are kept: people page through it while calls wait.
    ///
    /// # Errors
    /// What became of the store itself. A record that cannot be read is named in [`Found::corrupt`].
    fn query<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Found, StoreError>>;

    /// Reads rows of another kind than requests, by key.
    ///
    /// # Errors
    /// What became of the store itself.
    fn rows<'a>(&'a self, query: &'a RowQuery) -> BoxFuture<'a, Result<Vec<Row>, StoreError>>;

    /// Reads rows of histories, in the order in which they were committed.
    ///
    /// # Errors
    /// What became of the store itself.
    fn audit<'a>(&'a self, query: &'a AuditQuery) -> BoxFuture<'a, Result<Vec<Logged>, StoreError>>;

    /// Returns which requests changed behind a place that an earlier call returned; waits until one did. Without a place it
    /// returns at once, with the place where the changes to come begin.
    ///
    /// Every change that somebody else committed is told, in order; one that [others share](Self::is_shared) may leave out those
    /// committed through this very handle. It looks before it waits, so that dropping the future and calling again loses nothing.
    ///
    /// # Errors
    /// What became of the store itself.
    fn changes<'a>(&'a self, namespace: &'a str, after: Option<u64>) -> BoxFuture<'a, Result<Changes, StoreError>>;

    /// Reads the store's clock.
    ///
    /// # Errors
    /// What became of the store itself.
    fn now(&self) -> BoxFuture<'_, Result<Moment, StoreError>>;

    /// Says whether other processes may write to it. Then a gate on it reads its changes, and tells the others that it is alive.
    fn is_shared(&self) -> bool;
}
