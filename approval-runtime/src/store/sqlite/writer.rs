//! [`Writer`]: the one thread that writes. What waits for it goes into one transaction, so that many commits share a sync.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::common::Common;
use super::fault::{Fault, STORE};
use super::group::{Group, Memory, No};
use super::queue::{Closing, Queue, Taken};
use super::schema;
use super::wanted::Wanted;
use crate::store::StoreError;

/// How many commits one transaction takes. Smaller ones write pages more often that they have in common.
const MOST: usize = 1_024;

/// After so long without a commit the log is copied to the database, while nobody waits.
const IDLE: Duration = Duration::from_secs(1);

type Told = Result<(), StoreError>;

/// What a caller gets back: the answer, and what it gave. Freeing that is not the writer's work.
type Answer = (Told, Vec<Wanted>);

/// A commit, and who waits for it.
#[derive(Debug)]
struct Job {
    writes: Vec<Wanted>,
    answer: oneshot::Sender<Answer>,
}

impl Job {
    fn answer(self, told: Told) {
        let _ = self.answer.send((told, self.writes));
    }
}

#[derive(Debug)]
pub(super) struct Writer {
    queue: Arc<Queue<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(super) fn start(common: Common, connection: Connection) -> io::Result<Self> {
        let queue = Arc::<Queue<Job>>::default();
        let jobs = Arc::clone(&queue);
        let work = move || Work { common, connection: Some(connection), memory: Memory::default() }.run(&jobs);
        let thread = thread::Builder::new().name("sqlite-write".into()).spawn(work)?;
        Ok(Self { queue, thread: Some(thread) })
    }

    /// Has a commit written. It is, or is not, whether or not anybody waits for the answer.
    pub(super) fn commit(&self, writes: Vec<Wanted>) -> impl Future<Output = Answer> + Send + use<> {
        let (answer, told) = oneshot::channel();
        self.queue.push(Job { writes, answer });
        async move { told.await.unwrap_or_else(|_| (Err(StoreError::Closed { store: STORE }), Vec::new())) }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.close();
        // What waits is still written: then the thread ends.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

struct Work {
    common: Common,
    /// Nothing after it failed, until it is opened again.
    connection: Option<Connection>,
    memory: Memory,
}

/// What became of a transaction.
enum Undone {
    /// Nothing was written.
    Failed(Fault),
    /// Whether it was written is unknown.
    Unknown(Fault),
}

impl Work {
    fn run(&mut self, queue: &Queue<Job>) {
        let _closing = Closing(queue);
        let mut patience = None;
        loop {
            match queue.take(MOST, patience) {
                Taken::Jobs(jobs) => {
                    self.commit(&mut Vec::from(jobs));
                    patience = Some(IDLE);
                }
                Taken::Idle => {
                    self.checkpoint();
                    patience = None;
                }
                Taken::Closed => return,
            }
        }
    }

    fn commit(&mut self, jobs: &mut Vec<Job>) {
        let faults = match self.attempt(jobs) {
            Ok(told) => return jobs.drain(..).zip(told).for_each(|(job, told)| job.answer(told)),
            // One that cannot be written must not keep the others from it.
            Err(Undone::Failed(_)) if jobs.len() > 1 => {
                return jobs.drain(..).for_each(|job| self.commit(&mut vec![job]));
            }
            Err(Undone::Failed(fault) | Undone::Unknown(fault)) => fault,
        };
        for job in jobs.drain(..) {
            job.answer(Err(faults.tell(&self.common.place, "write")));
        }
    }

    /// Writes the commits in one transaction, and returns what to tell their callers: only once it is over.
    fn attempt(&mut self, jobs: &[Job]) -> Result<Vec<Told>, Undone> {
        let connection = self.connected().map_err(Undone::Unknown)?;
        let attempt = self.transact(&connection, jobs);
        match attempt {
            Ok(_) => self.connection = Some(connection),
            Err(_) => {
                self.memory = Memory::default();
                // After a failed sync nothing that this connection holds is to be trusted.
                if matches!(attempt, Err(Undone::Failed(_)))
                    && (connection.is_autocommit() || connection.execute_batch("ROLLBACK").is_ok())
                {
                    self.connection = Some(connection);
                } else {
                    // The new one first: the log stays while anybody has it open.
                    self.connection = schema::reopen(&self.common.place).ok();
                }
            }
        }
        attempt
    }

    fn connected(&mut self) -> Result<Connection, Fault> {
        self.common.place.check()?;
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => schema::reopen(&self.common.place),
        }
    }

    fn transact(&mut self, connection: &Connection, jobs: &[Job]) -> Result<Vec<Told>, Undone> {
        let Common { place, clock, feed, .. } = &self.common;
        let now = |life| {
            clock.see(life);
            clock.micros()
        };
        failpoint!("sqlite_before_begin");
        // Whoever holds the lock, holds it for each of them.
        let group = Group::begin(connection, &mut self.memory, feed.origin(), now);
        let mut group = group.map_err(|error| Undone::Unknown(error.into()))?;
        let mut told = Vec::with_capacity(jobs.len());
        for job in jobs {
            told.push(match group.write(&job.writes) {
                Ok(()) => Ok(()),
                Err(No::Refused(error)) => Err(error),
                Err(No::Failed(fault)) => return Err(Undone::Failed(fault)),
            });
        }
        if !group.is_written {
            connection.execute_batch("ROLLBACK").map_err(|error| Undone::Failed(error.into()))?;
            return Ok(told);
        }
        failpoint!("sqlite_before_commit");
        group.end().map_err(|error| Undone::Unknown(error.into()))?;
        failpoint!("sqlite_after_commit");
        clock.see(group.life());
        feed.wrote(group.first, group.last);
        // A file that was replaced meanwhile has none of it.
        place.check().map_err(|replaced| Undone::Unknown(replaced.into()))?;
        Ok(told)
    }

    /// Copies the log to the database, so that it begins anew. If it cannot be done now, a commit does it later.
    fn checkpoint(&self) {
        if let Some(connection) = &self.connection
            && self.common.place.check().is_ok()
        {
            failpoint!("sqlite_before_checkpoint");
            let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()));
            failpoint!("sqlite_after_checkpoint");
        }
    }
}
