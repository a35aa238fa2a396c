//! The clock, and the lives of a store.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use approval_runtime::store::{Expect, Query, Space, StoreError, Which, Write};
use approval_runtime::{ApprovalRequest, ApprovalStatus, ApprovalStore, EndedBecause};

use super::{Dir, approve, ask, gate, open, sql};

/// I30: the clock goes on from what is written down, however late that is.
#[tokio::test]
async fn i30_clock_mark_is_kept() {
    let dir = Dir::new();
    drop(open(&dir.file()));
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(3_600);
    let ahead = i64::try_from(wall.as_micros()).unwrap();
    sql(&dir.file()).execute("UPDATE life SET time = ?1", (ahead,)).unwrap();
    let made = {
        let store = open(&dir.file());
        assert!(store.now().await.unwrap().time.timestamp_micros() >= ahead);
        ask(&gate(&store)).await.created_at()
    };
    assert!(made.timestamp_micros() >= ahead);
    sql(&dir.file()).execute("UPDATE life SET time = 0", ()).unwrap();
    let store = open(&dir.file());
    assert!(store.now().await.unwrap().time >= made, "a request's history is a mark as well");
}

/// I30: a commit that writes no history leaves its mark too.
#[tokio::test]
async fn i30_every_commit_leaves_a_mark() {
    let dir = Dir::new();
    let store = open(&dir.file());
    let before = store.now().await.unwrap().time.timestamp_micros();
    let put = Write::Put {
        namespace: String::new(),
        space: Space::Counter,
        key: "a".into(),
        value: Some(Vec::new()),
        expect: Expect::Any,
    };
    store.commit(&[put]).await.unwrap();
    let mark: i64 = sql(&dir.file()).query_row("SELECT time FROM life", (), |row| row.get(0)).unwrap();
    assert!(before <= mark && mark <= store.now().await.unwrap().time.timestamp_micros());
}

/// I30: what another process has written down, this one's clock is not behind of once it has seen it.
#[tokio::test]
async fn i30_clock_follows_others() {
    let dir = Dir::new();
    let (store, other) = (open(&dir.file()), open(&dir.file()));
    let ahead = store.now().await.unwrap().time.timestamp_micros() + 3_600_000_000;
    sql(&dir.file()).execute("UPDATE life SET time = ?1", (ahead,)).unwrap();
    let request = ask(&gate(&other)).await;
    let seen = store.get("", request.id()).await.unwrap().unwrap();
    assert!(store.now().await.unwrap().time >= seen.created_at());
}

/// I31: what waited or was approved before a new life can no longer be used, also by another process, and after a restart.
#[tokio::test]
async fn i31_incarnation_is_kept() {
    let dir = Dir::new();
    let pending = {
        let (store, other) = (open(&dir.file()), open(&dir.file()));
        let (gate, elsewhere) = (gate(&store), gate(&other));
        let (pending, approved) = (ask(&gate).await, ask(&gate).await);
        gate.decide(approved.id(), approve(&approved, "alice")).await.unwrap();
        assert_eq!(gate.new_incarnation().await.unwrap(), 1);
        for (request, gate) in [(&pending, &gate), (&approved, &gate), (&pending, &elsewhere), (&approved, &elsewhere)] {
            let ended = gate.get_request(request.id()).await.unwrap();
            assert_eq!((ended.status(), ended.ended_because()), (ApprovalStatus::Expired, Some(EndedBecause::Incarnation)));
            gate.decide(request.id(), approve(request, "bob")).await.unwrap_err();
        }
        let again = store.commit(&[Write::NewIncarnation { from: 0 }]).await;
        assert!(matches!(again, Err(StoreError::RowStale { space: Space::Counter, .. })), "{again:?}");
        pending
    };
    let store = open(&dir.file());
    assert_eq!(store.now().await.unwrap().incarnation, 1);
    assert_eq!(gate(&store).get_request(pending.id()).await.unwrap().status(), ApprovalStatus::Expired);
}

/// I31: what is of an earlier life is due at once, and no page of what is pending has it.
#[tokio::test]
async fn i31_earlier_life_is_due() {
    let dir = Dir::new();
    let store = open(&dir.file());
    let request = ask(&gate(&store)).await;
    // No gate is left that would write down how it ended.
    store.commit(&[Write::NewIncarnation { from: 0 }]).await.unwrap();
    let found = async |which: Which, incarnation| {
        let at = store.now().await.unwrap().of_incarnation(incarnation);
        let query = Query { which, at, ..Query::default() };
        store.query(&query).await.unwrap().requests.iter().map(ApprovalRequest::id).collect::<Vec<_>>()
    };
    assert_eq!(found(Which::Due, 1).await, [request.id()]);
    assert_eq!(found(Which::Standing(vec![ApprovalStatus::Pending]), 1).await, []);
    assert_eq!(found(Which::Standing(vec![ApprovalStatus::Expired]), 1).await, [request.id()]);
    // Whoever has not heard of the new life is told what held in the old one.
    assert_eq!(found(Which::Due, 0).await, []);
    assert_eq!(found(Which::Standing(vec![ApprovalStatus::Pending]), 0).await, [request.id()]);
}
