//! What only the store's own rooms show: its connections, and a clock that steps.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::{env, fs};

use chrono::TimeDelta;
use uuid::Uuid;

use super::{SqliteStore, schema};
use crate::store::{ApprovalStore, Expect, RowQuery, Space, StoreError, Write};

struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        let path = env::temp_dir().join(format!("approval-sqlite-{}", Uuid::new_v4()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(self.0.join("approvals.db")).unwrap()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn put(key: String, value: Option<Vec<u8>>) -> Write {
    Write::Put { namespace: String::new(), space: Space::Counter, key, value, expect: Expect::Any }
}

/// F6, I11: every connection syncs the log at each commit.
#[test]
fn f06_every_commit_is_synced() {
    let dir = Dir::new();
    let store = dir.open();
    let connection = schema::reopen(&store.open.common.place).unwrap();
    let read = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(read("synchronous"), 2, "FULL");
    let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

/// F5: where there is no room for a commit it says so, has written nothing of it, writes what comes with it and has room, and
/// goes on when there is room again.
#[tokio::test]
async fn f05_full_store_says_so() {
    let dir = Dir::new();
    schema::MAX_PAGES.set(Some(64));
    let store = dir.open();
    schema::MAX_PAGES.set(None);
    let mut kept = Vec::new();
    let full = loop {
        let nth = kept.len();
        let (small, large) = (put(format!("small {nth}"), Some(vec![0])), put(format!("large {nth}"), Some(vec![0; 8_192])));
        // They are queued together, and so written in one transaction or, after that failed, one by one.
        let ([one], [two]) = ([large], [small]);
        let (large, small) = tokio::join!(store.commit(std::slice::from_ref(&one)), store.commit(std::slice::from_ref(&two)));
        small.unwrap();
        match large {
            Ok(()) => kept.push(nth),
            Err(error) => break error,
        }
    };
    assert!(matches!(full, StoreError::Full { .. }), "{full:?}");
    assert!(kept.len() > 2);
    let rows = store.rows(&RowQuery { prefix: "large".into(), ..RowQuery::all("", Space::Counter) }).await.unwrap();
    assert_eq!(rows.len(), kept.len());
    store.commit(&[put("large 0".into(), None)]).await.unwrap();
    store.commit(&[put("large again".into(), Some(vec![0; 8_192]))]).await.unwrap();
}

/// F18, I30: a wall clock that steps back takes no time away, neither here nor after a restart, and deadlines still come.
#[tokio::test]
async fn f18_clock_steps_forward_only() {
    let dir = Dir::new();
    let store = dir.open();
    let clock = &store.open.common.clock;
    let hour = TimeDelta::hours(1);
    let before = store.now().await.unwrap().time;
    clock.skew.store(hour.num_microseconds().unwrap(), Ordering::SeqCst);
    let ahead = store.now().await.unwrap().time;
    assert!(ahead >= before + hour);
    store.commit(&[put("a".into(), Some(Vec::new()))]).await.unwrap();
    clock.skew.store(-hour.num_microseconds().unwrap(), Ordering::SeqCst);
    let back = store.now().await.unwrap().time;
    assert!(back > ahead, "it goes on from where it was");
    drop(store);
    let store = dir.open();
    assert!(store.now().await.unwrap().time > ahead);
}
