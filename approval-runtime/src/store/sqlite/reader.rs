//! [`Reader`]: the one thread that reads. What waits for it is read in one transaction, of one moment.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::common::Common;
use super::fault::{Fault, STORE};
use super::group::life;
use super::queue::{Closing, Queue, Taken};
use super::schema;
use super::snapshot::Snapshot;

use crate::store::StoreError;

/// How many reads one transaction takes.
const MOST: usize = 256;

type Job = Box<dyn FnOnce(Result<&Snapshot<'_>, &Fault>) + Send>;

pub(super) struct Reader {
    common: Common,
    queue: Arc<Queue<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("common", &self.common).finish_non_exhaustive()
    }
}

impl Reader {
    pub(super) fn start(common: Common) -> Result<Self, StoreError> {
        let verb = "open its file";
        let connection = connect(&common).map_err(|fault| fault.tell(&common.place, verb))?;
        let queue = Arc::<Queue<Job>>::default();
        let work = Work { common: common.clone(), connection: Some(connection), namespaces: RefCell::default() };
        let thread = spawn(work, Arc::clone(&queue));
        let thread = thread.map_err(|source| StoreError::Backend { store: STORE, verb, source: source.into() })?;
        Ok(Self { common, queue, thread: Some(thread) })
    }

    /// Reads something in the next transaction.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        verb: &'static str,
        read: impl FnOnce(&Snapshot<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, told) = oneshot::channel();
        self.queue.push(Box::new(move |snapshot| {
            let _ = answer.send(snapshot.map_err(Fault::clone).and_then(read));
        }));
        match told.await {
            Ok(Ok(read)) => Ok(read),
            Ok(Err(fault)) => Err(fault.tell(&self.common.place, verb)),
            Err(_) => Err(StoreError::Closed { store: STORE }),
        }
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.queue.close();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn connect(common: &Common) -> Result<Connection, Fault> {
    let connection = schema::reopen(&common.place)?;
    connection.execute_batch("PRAGMA query_only = ON")?;
    Ok(connection)
}

fn spawn(mut work: Work, queue: Arc<Queue<Job>>) -> io::Result<JoinHandle<()>> {
    let run = move || {
        let _closing = Closing(&queue);
        while let Taken::Jobs(jobs) = queue.take(MOST, None) {
            work.read(Vec::from(jobs));
        }
    };
    thread::Builder::new().name("sqlite-read".into()).spawn(run)
}

struct Work {
    common: Common,
    connection: Option<Connection>,
    namespaces: RefCell<HashMap<String, i64>>,
}

impl Work {
    fn read(&mut self, jobs: Vec<Job>) {
        let mut jobs = jobs.into_iter();
        if let Err(fault) = self.transact(&mut jobs) {
            // Another transaction may be able to: it begins with a new connection.
            self.connection = None;
            jobs.for_each(|job| job(Err(&fault)));
        }
    }

    fn transact(&mut self, jobs: &mut impl Iterator<Item = Job>) -> Result<(), Fault> {
        self.common.place.check()?;
        let connection = match &self.connection {
            Some(connection) => connection,
            None => self.connection.insert(connect(&self.common)?),
        };
        connection.prepare_cached("BEGIN")?.execute(())?;
        let (life, last) = life(connection)?;
        self.common.clock.see(life);
        let snapshot = Snapshot { connection, life, last, namespaces: &self.namespaces };
        jobs.for_each(|job| job(Ok(&snapshot)));
        connection.prepare_cached("COMMIT")?.execute(())?;
        Ok(())
    }
}
