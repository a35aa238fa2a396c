//! Somebody else has the file.

use approval_runtime::ApprovalStore;
use approval_runtime::store::{Expect, RowQuery, Space, StoreError, Write};

use super::{Dir, open, sql};

fn put(key: &str) -> [Write; 1] {
    [Write::Put {
        namespace: String::new(),
        space: Space::Counter,
        key: key.into(),
        value: Some(Vec::new()),
        expect: Expect::Absent,
    }]
}

/// F7: it waits for a while, says so, reads meanwhile, and goes on afterwards.
#[tokio::test]
async fn f07_locked_store_is_busy() {
    let dir = Dir::new();
    let store = open(&dir.file());
    let other = sql(&dir.file());
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let refused = store.commit(&put("a")).await;
    assert!(matches!(refused, Err(StoreError::Busy { .. })), "{refused:?}");
    assert_eq!(store.rows(&RowQuery::all("", Space::Counter)).await.unwrap(), []);
    other.execute_batch("ROLLBACK").unwrap();
    store.commit(&put("a")).await.unwrap();
    assert_eq!(store.rows(&RowQuery::all("", Space::Counter)).await.unwrap().len(), 1);
}

/// F7: a reader that does not end keeps nobody from writing.
#[tokio::test]
async fn f07_long_reader_is_passed() {
    let dir = Dir::new();
    let store = open(&dir.file());
    let other = sql(&dir.file());
    other.execute_batch("BEGIN").unwrap();
    let _: i64 = other.query_row("SELECT count(*) FROM entry", (), |row| row.get(0)).unwrap();
    for nth in 0..100 {
        store.commit(&put(&nth.to_string())).await.unwrap();
    }
    assert_eq!(store.rows(&RowQuery::all("", Space::Counter)).await.unwrap().len(), 100);
}
