//! [`Feed`]: what others changed. SQLite tells nobody, so one thread looks, while somebody waits.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use std::{io, mem};

use rusqlite::Connection;
use tokio::sync::Notify;
use uuid::Uuid;

use super::fault::Fault;
use super::group::life;
use super::history;
use super::reader::Snapshot;
use super::schema;
use super::writer::Common;
use crate::store::Changes;

/// How often it looks.
const LOOK: Duration = Duration::from_millis(20);

/// How many times more it looks when nobody waits any more: whoever has heard of a change waits for the next one in a moment.
const LINGER: u32 = 10;

/// How many ranges of this store's own rows are remembered.
const RANGES: usize = 1_024;

/// How many changes are told at once.
const MOST: usize = 10_000;

#[derive(Debug)]
pub(super) struct Feed {
    /// Names this open store in the rows that it writes.
    origin: i64,
    /// Places of rows that this store wrote, each range behind its first and up to its last, so that nobody has to read them to
    /// find nothing of others. It may know fewer than there are.
    own: Mutex<VecDeque<(i64, i64)>>,
    /// By namespace, a place that somebody asked from, and how far from there on there is nothing.
    clean: Mutex<HashMap<String, (i64, i64)>>,
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    waiters: HashMap<u64, (Arc<str>, Arc<Notify>)>,
    last: u64,
    is_parked: bool,
    is_closed: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Feed {
    pub(super) fn new() -> Self {
        Self {
            // 47 bits: the row has them in six bytes.
            origin: (Uuid::new_v4().as_u128() >> 81) as i64,
            own: Mutex::default(),
            clean: Mutex::default(),
            waiting: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(super) const fn origin(&self) -> i64 {
        self.origin
    }

    /// Takes notice of rows that this store wrote.
    pub(super) fn wrote(&self, first: i64, last: i64) {
        let mut own = lock(&self.own);
        match own.back_mut() {
            _ if first == last => {}
            Some((_, end)) if *end == first => *end = last,
            _ => own.push_back((first, last)),
        }
        if own.len() > RANGES {
            own.pop_front();
        }
    }

    /// Returns where there may be rows of others between two places.
    fn gaps(&self, mut after: i64, until: i64) -> Vec<(i64, i64)> {
        let mut gaps = Vec::new();
        for (first, last) in lock(&self.own).iter().copied() {
            if last <= after {
                continue;
            }
            if first >= until {
                break;
            }
            if first > after {
                gaps.push((after, first));
            }
            after = last;
        }
        if after < until {
            gaps.push((after, until));
        }
        gaps
    }

    /// Reads what others changed in a namespace behind a place, if anything did.
    pub(super) fn changes(&self, snapshot: &Snapshot<'_>, name: &str, after: Option<u64>) -> Result<Option<Changes>, Fault> {
        let Some(after) = after.map(history::place) else {
            return Ok(Some(Changes { changes: Vec::new(), next: super::group::number(snapshot.last) }));
        };
        let Some(namespace) = snapshot.namespace(name)? else { return Ok(None) };
        let clean = lock(&self.clean).get(name).copied().filter(|(first, last)| (*first..=*last).contains(&after));
        let (first, from) = clean.unwrap_or((after, after));
        let mut changes = Vec::new();
        for gap in self.gaps(from, snapshot.last) {
            if let Some(next) = history::changes(snapshot.connection, namespace, self.origin, gap, MOST, &mut changes)? {
                return Ok(Some(Changes { changes, next: super::group::number(next) }));
            }
        }
        if changes.is_empty() {
            lock(&self.clean).insert(name.to_owned(), (first, snapshot.last.max(from)));
            return Ok(None);
        }
        Ok(Some(Changes { changes, next: super::group::number(snapshot.last) }))
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        lock(&self.waiting)
    }

    /// Waits for changes in a namespace, from now on: whoever looks after this and finds nothing is told of the next one.
    pub(super) fn interest(&self, namespace: &str) -> Interest<'_> {
        let told = Arc::new(Notify::new());
        let mut waiting = self.waiting();
        waiting.last += 1;
        let nr = waiting.last;
        waiting.waiters.insert(nr, (namespace.into(), Arc::clone(&told)));
        if mem::take(&mut waiting.is_parked) {
            self.changed.notify_all();
        }
        Interest { feed: self, nr, told }
    }

    fn tell(&self, is_concerned: impl Fn(&str) -> bool) {
        for (namespace, told) in self.waiting().waiters.values() {
            if is_concerned(namespace) {
                told.notify_one();
            }
        }
    }
}

/// Somebody who waits for changes.
pub(super) struct Interest<'a> {
    feed: &'a Feed,
    nr: u64,
    told: Arc<Notify>,
}

impl Interest<'_> {
    /// Waits until there may be changes.
    pub(super) async fn told(&self) {
        self.told.notified().await;
    }
}

impl Drop for Interest<'_> {
    fn drop(&mut self) {
        self.feed.waiting().waiters.remove(&self.nr);
    }
}

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
