//! [`Look`]: the thread that looks what other processes wrote, while somebody waits for it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{io, mem};

use rusqlite::Connection;

use super::common::Common;
use super::fault::Fault;
use super::feed::Feed;
use super::group::life;
use super::schema;

/// How often it looks.
const LOOK: Duration = Duration::from_millis(20);

/// How many times more it looks when nobody waits any more: whoever has heard of a change waits for the next one in a moment.
const LINGER: u32 = 10;

/// The thread that looks.
#[derive(Debug)]
pub(super) struct Look {
    feed: Arc<Feed>,
    thread: Option<JoinHandle<()>>,
}

impl Look {
    pub(super) fn start(common: Common) -> io::Result<Self> {
        let feed = Arc::clone(&common.feed);
        let looks = Looks { common, connection: None, version: -1, seen: None, names: HashMap::new() };
        let thread = thread::Builder::new().name("sqlite-look".into()).spawn(move || looks.run())?;
        Ok(Self { feed, thread: Some(thread) })
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        self.feed.waiting().is_closed = true;
        self.feed.changed.notify_all();
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

struct Looks {
    common: Common,
    connection: Option<Connection>,
    /// SQLite's number for what the connection has seen.
    version: i64,
    /// The last place in `audit` that was looked at, if anything was since somebody waits.
    seen: Option<i64>,
    names: HashMap<i64, Vec<u8>>,
}

impl Looks {
    fn run(mut self) {
        let feed = Arc::clone(&self.common.feed);
        while park(&feed) {
            // What was written while nobody waited is not looked through: those who began to wait meanwhile look once.
            (self.version, self.seen) = (-1, None);
            let _ = self.look();
            feed.tell(|_| true);
            let mut alone = 0;
            while alone < LINGER {
                let mut waiting = feed.waiting();
                if !waiting.is_closed {
                    waiting = feed.changed.wait_timeout(waiting, LOOK).unwrap_or_else(PoisonError::into_inner).0;
                }
                if waiting.is_closed {
                    return;
                }
                alone = if waiting.waiters.is_empty() { alone + 1 } else { 0 };
                drop(waiting);
                match self.look() {
                    Ok(namespaces) if namespaces.is_empty() => {}
                    Ok(namespaces) => feed.tell(|name| namespaces.contains(name.as_bytes())),
                    // They find out themselves.
                    Err(_) => feed.tell(|_| true),
                }
            }
        }
    }

    /// Looks what others have written since the last look, and returns the namespaces of it.
    fn look(&mut self) -> Result<HashSet<Vec<u8>>, Fault> {
        let looked = self.read();
        if looked.is_err() {
            // Another connection counts what it sees anew.
            (self.connection, self.version) = (None, -1);
        }
        looked
    }

    fn read(&mut self) -> Result<HashSet<Vec<u8>>, Fault> {
        let Common { place, clock, feed, .. } = &self.common;
        place.check()?;
        let connection = match &self.connection {
            Some(connection) => connection,
            None => self.connection.insert(schema::reopen(place)?),
        };
        let version = connection.prepare_cached("PRAGMA data_version")?.query_row((), |row| row.get(0))?;
        let mut namespaces = HashSet::new();
        if mem::replace(&mut self.version, version) == version {
            clock.look();
            return Ok(namespaces);
        }
        let (life, last) = life(connection)?;
        clock.see(life);
        for (after, until) in feed.gaps(self.seen.replace(last).unwrap_or(last), last) {
            let mut statement = connection.prepare_cached(
                "SELECT DISTINCT namespace FROM audit WHERE position > ?1 AND position <= ?2 AND origin <> ?3",
            )?;
            let mut rows = statement.query((after, until, feed.origin()))?;
            while let Some(row) = rows.next()? {
                namespaces.insert(name(connection, &mut self.names, row.get(0)?)?);
            }
        }
        Ok(namespaces)
    }
}

fn name(connection: &Connection, names: &mut HashMap<i64, Vec<u8>>, nr: i64) -> rusqlite::Result<Vec<u8>> {
    if let Some(name) = names.get(&nr) {
        return Ok(name.clone());
    }
    let mut statement = connection.prepare_cached("SELECT name FROM namespace WHERE nr = ?1")?;
    let name: Vec<u8> = statement.query_row((nr,), |row| row.get(0))?;
    names.insert(nr, name.clone());
    Ok(name)
}

/// Waits until somebody waits, and says whether the store is still open.
fn park(feed: &Feed) -> bool {
    let mut waiting = feed.waiting();
    while !waiting.is_closed && waiting.waiters.is_empty() {
        waiting.is_parked = true;
        waiting = feed.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
    }
    waiting.is_parked = false;
    !waiting.is_closed
}
