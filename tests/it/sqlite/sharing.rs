//! Two stores on one file: what one writes, the other reads, is told, and does not undo.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use approval_runtime::request::Transition;
use approval_runtime::store::{Changed, Query, SqliteStore, Which};
use approval_runtime::{
    ApprovalGate, ApprovalStore, DecideError, Decision, ExecutionState, NewRequest, Refusal, Reviewer, Tool,
};
use serde_json::json;
use tokio::time::timeout;

use super::{Dir, approve, ask, gate, gate_of, history, open};

/// I3, I4: of two decisions through two stores one stands, and both tell it.
#[tokio::test]
async fn i03_first_decision_stands_for_both() {
    let dir = Dir::new();
    let (store, other) = (open(&dir.file()), open(&dir.file()));
    let (one, two) = (gate(&store), gate(&other));
    for _ in 0..20 {
        let request = ask(&one).await;
        let reject = Decision::reject(Reviewer::new("bob"));
        let (yes, no) = tokio::join!(one.decide(request.id(), approve(&request, "alice")), two.decide(request.id(), reject));
        assert_ne!(yes.is_ok(), no.is_ok());
        let stands = one.get_request(request.id()).await.unwrap();
        assert_eq!(stands.status(), two.get_request(request.id()).await.unwrap().status());
        let lost = yes.err().or(no.err()).unwrap();
        let DecideError::AlreadyDecided { request } = lost else { panic!("{lost:?}") };
        assert_eq!(request.status(), stands.status());
    }
}

/// I17, L2: what is committed elsewhere is told within moments (a benchmark says how many), in order, and once.
#[tokio::test]
async fn i17_other_store_is_told() {
    let dir = Dir::new();
    let (store, other) = (open(&dir.file()), open(&dir.file()));
    let gate = gate(&other);
    let mut place = store.changes("", None).await.unwrap().next;
    for _ in 0..3 {
        let start = Instant::now();
        let change = async {
            let request = ask(&gate).await;
            gate.decide(request.id(), approve(&request, "alice")).await.unwrap();
            request
        };
        let told = timeout(Duration::from_secs(10), store.changes("", Some(place)));
        let (told, request) = tokio::join!(told, change);
        let mut told = told.expect("it is told").unwrap();
        if told.changes.len() < 2 {
            let rest = store.changes("", Some(told.next)).await.unwrap();
            told.changes.extend(rest.changes);
            told.next = rest.next;
        }
        let (id, place_before) = (request.id(), place);
        place = told.next;
        let made = Changed { id, what: Some(Transition::Requested) };
        assert_eq!(told.changes, [made, Changed { id, what: Some(Transition::Approved) }]);
        assert!(place > place_before);
        assert!(start.elapsed() < Duration::from_secs(1), "ten times what it should take, twice");
    }
}

/// Whoever asks for what is already there need not wait for it.
#[tokio::test]
async fn change_before_asking_is_told() {
    let dir = Dir::new();
    let (store, other) = (open(&dir.file()), open(&dir.file()));
    let place = store.changes("", None).await.unwrap().next;
    let request = ask(&gate(&other)).await;
    for _ in 0..2 {
        let told = store.changes("", Some(place)).await.unwrap();
        assert_eq!(told.changes, [Changed { id: request.id(), what: Some(Transition::Requested) }]);
    }
}

/// Its own changes, and those of another namespace, are nothing to wait for.
#[tokio::test]
async fn own_changes_are_left_out() {
    let dir = Dir::new();
    let (store, other) = (open(&dir.file()), open(&dir.file()));
    let (own, foreign, elsewhere) = (gate(&store), gate(&other), gate_of(&other, "elsewhere"));
    let place = store.changes("", None).await.unwrap().next;
    for _ in 0..5 {
        ask(&own).await;
        ask(&elsewhere).await;
    }
    let waits = timeout(Duration::from_millis(200), store.changes("", Some(place))).await;
    assert!(waits.is_err(), "{waits:?}");
    ask(&own).await;
    let request = ask(&foreign).await;
    ask(&own).await;
    let told = store.changes("", Some(place)).await.unwrap().changes;
    assert_eq!(told, [Changed { id: request.id(), what: Some(Transition::Requested) }]);
    assert_eq!(other.changes("", Some(place)).await.unwrap().changes.len(), 7);
}

/// I25: dropped at whatever point, a commit has happened whole or not at all.
#[tokio::test]
async fn i25_dropped_commit_is_whole() {
    let dir = Dir::new();
    let store = open(&dir.file());
    let gate = gate(&store);
    for polls in 0..6 {
        let request = ask(&gate).await;
        {
            let mut decide = pin!(gate.decide(request.id(), approve(&request, "alice")));
            for _ in 0..polls {
                if decide.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
        // What was under way is done by then: commits are written in the order they came in.
        ask(&gate).await;
        let kept = store.get("", request.id()).await.unwrap().unwrap();
        let rows = history(&store, &request).await;
        assert_eq!(kept.version() as usize, rows.len());
        assert_eq!(kept.audit_head(), rows.last().unwrap().row.hash);
    }
}

/// I28: the cap on pending requests holds over all stores on a file, and frees what is decided anywhere.
#[tokio::test]
async fn i28_cap_holds_for_both() {
    let dir = Dir::new();
    let stores = [open(&dir.file()), open(&dir.file())];
    let gates = stores.each_ref().map(|store| {
        let store = Arc::<SqliteStore>::clone(store);
        ApprovalGate::builder().shared_store(store).max_pending(4).without_notifier().build().unwrap()
    });
    let mut pending = VecDeque::new();
    for nth in 0..120_u32 {
        // Some steps of each store in a row, so that what it knows of the other's is old.
        let gate = &gates[(nth / 5 % 2) as usize];
        if nth.wrapping_mul(2_654_435_761) >> 30 == 0 {
            let Some(request) = pending.pop_front() else { continue };
            gate.cancel(request, "operator").await.unwrap();
        } else {
            match gate.create_request(NewRequest::new(Tool::named("pay"), json!({}))).await {
                Ok(request) => pending.push_back(request.id()),
                Err(Refusal::TooManyPending { limit: 4, .. }) => {
                    assert_eq!(pending.len(), 4, "step {nth}");
                    for _ in 0..nth % 4 {
                        let request = pending.pop_front().unwrap();
                        gate.cancel(request, "operator").await.unwrap();
                    }
                }
                Err(refusal) => panic!("{refusal}"),
            }
        }
        assert!(pending.len() <= 4, "step {nth}");
    }
}

/// I21: a record that is removed leaves its history, and its id to nobody.
#[tokio::test]
async fn i21_history_outlives_its_record() {
    let dir = Dir::new();
    let (store, other) = (open(&dir.file()), open(&dir.file()));
    let (one, two) = (gate(&store), gate(&other));
    let (ended, open) = (ask(&one).await, ask(&one).await);
    two.cancel(ended.id(), "operator").await.unwrap();
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(two.remove_ended(Duration::from_millis(1)).await.unwrap(), 1);
    assert!(store.get("", ended.id()).await.unwrap().is_none());
    let rows = history(&store, &ended).await;
    let what: Vec<_> = rows.iter().map(|logged| logged.row.what.unwrap()).collect();
    assert_eq!(what, [Transition::Requested, Transition::Cancelled, Transition::Removed]);
    for (before, after) in rows.iter().zip(&rows[1..]) {
        assert!(after.row.text.contains(&format!("\"previous\":\"{}\"", before.row.hash)), "{}", after.row.text);
    }
    assert_eq!(one.get_pending().await.unwrap()[0].id(), open.id());
    two.decide(ended.id(), approve(&ended, "alice")).await.unwrap_err();
}

/// Whoever looks after a gate that is gone finds what it held: the calls that wait, then those that run, then none.
#[tokio::test]
async fn held_requests_are_found() {
    let dir = Dir::new();
    let (store, other) = (open(&dir.file()), open(&dir.file()));
    let (one, two) = (gate(&store), gate(&other));
    let held = async || {
        let (which, at) = (Which::HeldBy(one.instance()), other.now().await.unwrap());
        let query = Query { namespace: String::new(), which, at, ..Query::default() };
        other.query(&query).await.unwrap().requests
    };
    let body = |_| async {
        assert_eq!(held().await[0].execution().state, ExecutionState::Executing);
        Ok::<_, Refusal>(())
    };
    let call = one.call(Tool::named("pay"), json!({}), body);
    let review = async {
        let request = loop {
            match two.get_pending().await.unwrap().pop() {
                Some(request) => break request,
                None => tokio::time::sleep(Duration::from_millis(1)).await,
            }
        };
        assert_eq!(held().await[0].id(), request.id());
        two.decide(request.id(), approve(&request, "alice")).await.unwrap();
    };
    let (returned, ()) = tokio::join!(call, review);
    returned.unwrap();
    assert_eq!(held().await.len(), 0);
}
