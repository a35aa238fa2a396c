//! What else may be in a file, or become of it.

use std::path::PathBuf;
use std::{env, fs};

use approval_runtime::ApprovalStore;
use approval_runtime::store::{Expect, Query, RowQuery, Space, SqliteStore, StoreError, Write};

use super::{Dir, ask, gate, open, sql};

#[test]
fn foreign_file_is_left_alone() {
    let dir = Dir::new();
    fs::write(dir.file(), "Dear diary, ".repeat(1_000)).unwrap();
    let diary = fs::read(dir.file()).unwrap();
    let refused = SqliteStore::open(dir.file());
    assert!(matches!(refused, Err(StoreError::Foreign { .. })), "{refused:?}");
    assert_eq!(fs::read(dir.file()).unwrap(), diary);

    let other = dir.0.join("other.db");
    sql(&other).execute_batch("CREATE TABLE diary (day TEXT)").unwrap();
    let database = fs::read(&other).unwrap();
    let refused = SqliteStore::open(&other);
    assert!(matches!(refused, Err(StoreError::Foreign { .. })), "{refused:?}");
    assert_eq!(fs::read(&other).unwrap(), database);

    let nowhere = SqliteStore::open(dir.0.join("no such directory").join("approvals.db"));
    assert!(matches!(nowhere, Err(StoreError::Backend { .. })), "{nowhere:?}");
}

/// F8, F9: an older program does not touch what it does not know.
#[test]
fn f09_newer_schema_is_refused() {
    let dir = Dir::new();
    drop(open(&dir.file()));
    sql(&dir.file()).execute_batch("PRAGMA user_version = 99").unwrap();
    let refused = SqliteStore::open(dir.file());
    assert!(matches!(refused, Err(StoreError::NewerSchema { found: 99, .. })), "{refused:?}");
}

/// Arguments are for nobody else on the machine.
#[cfg(unix)]
#[tokio::test]
async fn file_is_for_its_owner() {
    use std::os::unix::fs::PermissionsExt;
    let dir = Dir::new();
    let store = open(&dir.file());
    ask(&gate(&store)).await;
    for file in fs::read_dir(&dir.0).unwrap() {
        let file = file.unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{file:?}");
    }
}

/// F7: what is acknowledged is in the file that is there.
#[tokio::test]
async fn f07_replaced_file_is_noticed() {
    for (nth, file) in ["approvals.db", "approvals.db", "approvals.db-wal"].into_iter().enumerate() {
        let dir = Dir::new();
        let store = open(&dir.file());
        let request = ask(&gate(&store)).await;
        let file = dir.0.join(file);
        match nth {
            0 => {
                fs::copy(&file, dir.0.join("copy")).unwrap();
                fs::rename(dir.0.join("copy"), &file).unwrap();
            }
            _ => fs::remove_file(&file).unwrap(),
        }
        let replaced = |error: StoreError| matches!(error, StoreError::Replaced { .. });
        assert!(replaced(store.commit(&[]).await.unwrap_err()));
        assert!(replaced(store.get("", request.id()).await.unwrap_err()));
        assert!(replaced(store.query(&Query::default()).await.unwrap_err()));
        assert!(replaced(store.rows(&RowQuery::all("", Space::Tool)).await.unwrap_err()));
        assert!(replaced(store.changes("", None).await.unwrap_err()));
        assert!(replaced(store.now().await.unwrap_err()));
    }
}

/// F7: somebody who waits for changes is not left waiting.
#[tokio::test]
async fn f07_waiting_notices_replaced_file() {
    let dir = Dir::new();
    let store = open(&dir.file());
    let place = store.changes("", None).await.unwrap().next;
    let waiting = tokio::spawn(async move { store.changes("", Some(place)).await });
    tokio::task::yield_now().await;
    fs::remove_file(dir.file()).unwrap();
    let told = waiting.await.unwrap();
    assert!(matches!(told, Err(StoreError::Replaced { .. })), "{told:?}");
}

/// F5: on a disk that fills up nothing that was acknowledged is lost, and the store goes on when there is room again.
#[tokio::test]
#[ignore = "needs APPROVAL_TEST_SMALL_DIR: an empty file system of a few MiB"]
async fn f05_full_disk_loses_nothing() {
    let dir = PathBuf::from(env::var_os("APPROVAL_TEST_SMALL_DIR").expect("APPROVAL_TEST_SMALL_DIR names a directory"));
    let (file, ballast) = (dir.join("approvals.db"), dir.join("ballast"));
    fs::write(&ballast, vec![0; 512 << 10]).unwrap();
    let put = |nth: usize| Write::Put {
        namespace: String::new(),
        space: Space::Counter,
        key: format!("{nth:08}"),
        value: Some(vec![0; 16 << 10]),
        expect: Expect::Absent,
    };
    let store = open(&file);
    let mut kept = 0;
    let full = loop {
        match store.commit(&[put(kept)]).await {
            Ok(()) => kept += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(full, StoreError::Full { .. }), "{full:?}");
    assert!(kept > 10);
    let count = async |store: &SqliteStore| store.rows(&RowQuery::all("", Space::Counter)).await.unwrap().len();
    assert_eq!(count(&store).await, kept);
    fs::remove_file(&ballast).unwrap();
    store.commit(&[put(kept)]).await.unwrap();
    drop(store);
    assert_eq!(count(&*open(&file)).await, kept + 1);
    for file in fs::read_dir(&dir).unwrap() {
        fs::remove_file(file.unwrap().path()).unwrap();
    }
}
