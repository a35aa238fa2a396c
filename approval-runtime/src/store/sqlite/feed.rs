//! [`Feed`]: what others changed. SQLite tells nobody, so one thread looks, while somebody waits.

use std::collections::{HashMap, VecDeque};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use uuid::Uuid;

use super::fault::Fault;
use super::history;
use super::snapshot::Snapshot;
use crate::store::Changes;

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
    pub(super) changed: Condvar,
}

#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) waiters: HashMap<u64, (Arc<str>, Arc<Notify>)>,
    last: u64,
    pub(super) is_parked: bool,
    pub(super) is_closed: bool,
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
    pub(super) fn gaps(&self, mut after: i64, until: i64) -> Vec<(i64, i64)> {
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

    pub(super) fn waiting(&self) -> MutexGuard<'_, Waiting> {
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

    pub(super) fn tell(&self, is_concerned: impl Fn(&str) -> bool) {
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
