//! [`SqliteStore`]: everything in one file, which several processes may share.

mod apply;
mod clock;
mod common;
mod fault;
mod feed;
mod find;
mod group;
mod history;
mod kept;
mod look;
mod pending;
mod place;
mod queue;
mod reader;
mod record;
mod schema;
mod snapshot;
mod standing;
mod wanted;
mod writer;

use std::io;
use std::path::Path;
use std::sync::Arc;

use self::clock::Clock;
use self::common::Common;
use self::fault::{Fault, STORE};
use self::feed::Feed;
use self::look::Look;
use self::place::Place;
use self::reader::Reader;
use self::snapshot::Snapshot;
use self::wanted::Wanted;
use self::writer::Writer;
use super::{ApprovalStore, AuditQuery, Changes, Found, Logged, Query, Row, RowQuery, StoreError, Which, Write};
use crate::boxed::BoxFuture;
use crate::request::{ApprovalRequest, Moment, RequestId};

/// Keeps everything in one SQLite file: what was acknowledged is there when the program, or another one, starts again.
///
/// A commit returns when it is on the disk, safe from a loss of power (`synchronous = FULL`). Commits that come together share
/// one transaction. Several processes of one machine may have the file open; each learns within about 20 ms what another one
/// changed. Beside the file SQLite keeps two more, `-wal` and `-shm`: they belong to it, and a copy without them is none. It does
/// not belong on a network's file system.
///
/// Clones are the same store. When the last one is dropped, what it was asked to write is written, and the file is closed. The
/// clock is the system's, but never less than it was, on any of the processes; it does not follow tokio's paused time.
///
/// Another program that holds the file's lock for longer than five seconds makes commits fail as [`StoreError::Busy`], and reads of
/// requests that have ended by the clock, until that is written.
///
/// # Backups
///
/// Copy it with SQLite's own means, `VACUUM INTO` or its backup, while programs use it; or with all three files, while none does. To
/// put a copy back: stop every program, replace the file and remove the other two, and begin a new life before anything else uses
/// it: build a gate on it and call [`new_incarnation`](crate::ApprovalGate::new_incarnation). What the copy shows as waiting may
/// have run since; it ends, and callers ask anew.
///
/// # Examples
///
/// ```no_run
/// # fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use approval_runtime::{ApprovalGate, SqliteStore};
///
/// let store = SqliteStore::open("approvals.db")?;
/// let gate = ApprovalGate::builder().store(store).install()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct SqliteStore {
    open: Arc<Open>,
}

/// What clones share. The writer ends first: what it was asked to write is written.
#[derive(Debug)]
struct Open {
    writer: Writer,
    reader: Reader,
    _look: Look,
    common: Common,
}

impl SqliteStore {
    /// Opens the file, and makes it if it is not there. A file of an older version is brought to this one.
    ///
    /// It waits for the disk: a program opens its store before it begins.
    ///
    /// # Errors
    /// [`StoreError::Foreign`] and [`StoreError::NewerSchema`] for a file that is left as it is, [`StoreError::Busy`],
    /// [`StoreError::Full`], [`StoreError::Backend`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let failed = |source: io::Error| StoreError::Backend { store: STORE, verb: "open its file", source: source.into() };
        let place = Arc::new(Place::new(path.as_ref()).map_err(failed)?);
        let connection = schema::open(&place)?;
        let common = Common { place, clock: Arc::new(Clock::start()), feed: Arc::new(Feed::new()) };
        let (life, _) = group::life(&connection).map_err(|error| Fault::from(error).tell(&common.place, "read its clock"))?;
        common.clock.see(life);
        let reader = Reader::start(common.clone())?;
        let writer = Writer::start(common.clone(), connection).map_err(failed)?;
        let look = Look::start(common.clone()).map_err(failed)?;
        Ok(Self { open: Arc::new(Open { writer, reader, _look: look, common }) })
    }

    /// Reads, and where that finds what has ended by itself, reads again behind every commit that began before: one that was
    /// checked in time may reach the file after the deadline, and what was once read as ended must not be decided after all.
    async fn read_settled<T: Send + 'static>(
        &self,
        verb: &'static str,
        read: impl Fn(&Snapshot<'_>) -> Result<T, Fault> + Clone + Send + 'static,
        is_due: impl Fn(&T) -> bool,
    ) -> Result<T, StoreError> {
        let Open { reader, writer, .. } = &*self.open;
        let found = reader.read(verb, read.clone()).await?;
        if !is_due(&found) {
            return Ok(found);
        }
        // A commit of nothing takes the lock after whichever process has it, and writes the time down: no clock goes behind it.
        match writer.commit(Vec::new()).await.0 {
            // Nothing can be decided then either, and people want to see why.
            Ok(()) | Err(StoreError::Full { .. }) => {}
            Err(error) => return Err(error),
        }
        reader.read(verb, read).await
    }
}

fn is_due(request: &ApprovalRequest, at: Moment) -> bool {
    request.status_at(at) != request.status()
}

impl ApprovalStore for SqliteStore {
    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            Write::check_distinct(writes)?;
            let wanted = writes.iter().map(Wanted::of).collect();
            self.open.writer.commit(wanted).await.0
        })
    }

    fn get<'a>(&'a self, namespace: &'a str, id: RequestId) -> BoxFuture<'a, Result<Option<ApprovalRequest>, StoreError>> {
        Box::pin(async move {
            let name: Arc<str> = namespace.into();
            let read = move |snapshot: &Snapshot<'_>| find::get(snapshot, &name, id);
            let at = self.open.common.clock.now();
            let is_due = |read: &Option<find::Readable>| matches!(read, Some(Ok(request)) if is_due(request, at));
            let read = self.read_settled("read a request", read, is_due).await?;
            read.transpose().map_err(|source| StoreError::Corrupt { id, source })
        })
    }

    fn query<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Found, StoreError>> {
        Box::pin(async move {
            let asked = query.clone();
            let read = move |snapshot: &Snapshot<'_>| find::find(snapshot, &asked);
            // Whoever reads what is due is about to write that.
            let is_due =
                |found: &Found| query.which != Which::Due && found.requests.iter().any(|request| is_due(request, query.at));
            self.read_settled("read requests", read, is_due).await
        })
    }

    fn rows<'a>(&'a self, query: &'a RowQuery) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        Box::pin(async move {
            let query = query.clone();
            self.open.reader.read("read rows", move |snapshot| history::rows(snapshot, &query)).await
        })
    }

    fn audit<'a>(&'a self, query: &'a AuditQuery) -> BoxFuture<'a, Result<Vec<Logged>, StoreError>> {
        Box::pin(async move {
            let query = query.clone();
            self.open.reader.read("read histories", move |snapshot| history::audit(snapshot, &query)).await
        })
    }

    fn changes<'a>(&'a self, namespace: &'a str, after: Option<u64>) -> BoxFuture<'a, Result<Changes, StoreError>> {
        Box::pin(async move {
            let feed = &self.open.common.feed;
            // Interested first, looked then: no change falls between the two.
            let interest = feed.interest(namespace);
            loop {
                let (feed, name) = (Arc::clone(feed), namespace.to_owned());
                let look = move |snapshot: &Snapshot<'_>| feed.changes(snapshot, &name, after);
                if let Some(changes) = self.open.reader.read("read changes", look).await? {
                    return Ok(changes);
                }
                interest.told().await;
            }
        })
    }

    fn now(&self) -> BoxFuture<'_, Result<Moment, StoreError>> {
        Box::pin(async move {
            let Common { place, clock, .. } = &self.open.common;
            if place.is_replaced() {
                return Err(Fault::Replaced.tell(place, "read its clock"));
            }
            if clock.is_stale() {
                let life = |snapshot: &Snapshot<'_>| Ok(group::life(snapshot.connection)?.0);
                clock.see(self.open.reader.read("read its clock", life).await?);
            }
            Ok(clock.now())
        })
    }

    fn is_shared(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests;
