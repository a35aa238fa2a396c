//! The least program that makes the same commits: a row for what is asked, its state four times, a history row each time.
//!
//! The bytes are those of the store's own rows, made beforehand. One thread commits all that waits in one transaction; each
//! change names the version it was made from. It judges nothing, and finds nothing but by id.

use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::Failed;

/// What one cycle writes.
#[derive(Debug, Default)]
pub(crate) struct Bytes {
    pub(crate) ask: Vec<u8>,
    /// By version, from 1.
    pub(crate) states: [Vec<u8>; 4],
    pub(crate) rows: [String; 4],
}

struct Job {
    id: Uuid,
    version: u8,
    done: oneshot::Sender<()>,
}

/// The program.
pub(crate) struct Raw {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Raw {
    pub(crate) fn open(path: &Path, bytes: Arc<Bytes>) -> Result<Self, Failed> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 16384; PRAGMA cache_size = -32768;
             CREATE TABLE request (nr INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, version INTEGER NOT NULL, state BLOB NOT NULL);
             CREATE TABLE ask (nr INTEGER PRIMARY KEY, ask BLOB NOT NULL);
             CREATE TABLE audit (
                position INTEGER PRIMARY KEY, request BLOB NOT NULL, version INTEGER NOT NULL, text TEXT NOT NULL, hash BLOB NOT NULL
             )",
        )?;
        let (sender, jobs) = channel();
        let thread = thread::spawn(move || write(&connection, &jobs, &bytes).expect("the disk takes it"));
        Ok(Self { jobs: Some(sender), thread: Some(thread) })
    }

    /// Makes, decides, claims and finishes.
    pub(crate) async fn cycle(&self) {
        let id = Uuid::new_v4();
        for version in 1..=4 {
            let (done, told) = oneshot::channel();
            let jobs = self.jobs.as_ref().expect("it is open");
            jobs.send(Job { id, version, done }).expect("the thread is there");
            told.await.expect("it is written");
        }
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        self.jobs = None;
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn write(connection: &Connection, jobs: &Receiver<Job>, bytes: &Bytes) -> rusqlite::Result<()> {
    let mut group = Vec::new();
    while let Ok(job) = jobs.recv() {
        group.push(job);
        group.extend(jobs.try_iter().take(1_023));
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute(())?;
        for job in &group {
            write_one(connection, job, bytes)?;
        }
        connection.prepare_cached("COMMIT")?.execute(())?;
        for job in group.drain(..) {
            let _ = job.done.send(());
        }
    }
    Ok(())
}

fn write_one(connection: &Connection, job: &Job, bytes: &Bytes) -> rusqlite::Result<()> {
    let (id, version) = (job.id.into_bytes(), job.version);
    let nth = usize::from(version) - 1;
    let (state, text) = (&bytes.states[nth], &bytes.rows[nth]);
    if version == 1 {
        let mut insert = connection.prepare_cached("INSERT INTO request (id, version, state) VALUES (?1, 1, ?2)")?;
        let nr = insert.insert(params![id, state])?;
        connection.prepare_cached("INSERT INTO ask (nr, ask) VALUES (?1, ?2)")?.execute(params![nr, bytes.ask])?;
    } else {
        let mut find = connection.prepare_cached("SELECT nr FROM request WHERE id = ?1 AND version = ?2")?;
        let nr: Option<i64> = find.query_row((id, version - 1), |row| row.get(0)).optional()?;
        let mut update = connection.prepare_cached("UPDATE request SET version = ?2, state = ?3 WHERE nr = ?1")?;
        update.execute(params![nr.expect("nobody else writes"), version, state])?;
    }
    let mut log = connection.prepare_cached("INSERT INTO audit (request, version, text, hash) VALUES (?1, ?2, ?3, ?4)")?;
    log.execute(params![id, version, text, [0_u8; 32]])?;
    Ok(())
}
