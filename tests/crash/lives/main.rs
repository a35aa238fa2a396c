//! Processes that pause, block, abort or leave while a call runs, on a store that others share.

#![allow(missing_docs)]
#![cfg(unix)]

mod child;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use std::{env, fs, process};

use approval_runtime::store::{AuditQuery, Expect, RowQuery, Space, Write};
use approval_runtime::{
    ApprovalGate, ApprovalRequest, ApprovalStatus, ApprovalStore, Decision, ExecutionState, NewRequest, RequestId, Reviewer,
    Settlement, SqliteStore, Tool,
};
use serde_json::{Value, json};

use self::child::Child;

/// A file that is gone when the test is, and a gate on it.
struct Shared {
    folder: PathBuf,
    store: Arc<SqliteStore>,
    gate: ApprovalGate,
}

impl Shared {
    fn new() -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let name = format!("approval-lives-{}-{}", process::id(), LAST.fetch_add(1, Ordering::Relaxed));
        let folder = env::temp_dir().join(name);
        fs::create_dir(&folder).unwrap();
        let store = Arc::new(SqliteStore::open(folder.join("approvals.db")).unwrap());
        let gate = child::gate(&store);
        Self { folder, store, gate }
    }

    /// Starts a process on the same file.
    fn child(&self, orders: &str) -> Child {
        Child::start(&self.folder.join("approvals.db"), orders)
    }

    /// Files a call that does this, and approves it.
    async fn approved(&self, does: &str) -> RequestId {
        let new = NewRequest::new(Tool::named("lives.work"), json!({"does": does}));
        let request = self.gate.create_request(new).await.unwrap();
        self.approve(&request).await;
        request.id()
    }

    async fn approve(&self, request: &ApprovalRequest) {
        let decision = Decision::approve(Reviewer::new("alice"), request.digest());
        self.gate.decide(request.id(), decision).await.unwrap();
    }

    async fn state(&self, id: RequestId) -> ExecutionState {
        self.gate.get_request(id).await.unwrap().execution().state
    }

    /// What the history says, in a word a row.
    async fn history(&self, id: RequestId) -> Vec<String> {
        let query = AuditQuery { namespace: "default".into(), request: Some(id), after: 0, limit: None };
        let rows = self.store.audit(&query).await.unwrap();
        let what = |text: &str| serde_json::from_str::<Value>(text).unwrap()["what"].as_str().unwrap().to_owned();
        rows.iter().map(|logged| what(&logged.row.text)).collect()
    }

    /// The row of the gate that holds a call.
    async fn heart(&self, id: RequestId) -> (String, Value) {
        let holder = self.gate.get_request(id).await.unwrap().execution().holder.expect("somebody holds it").to_string();
        let query = RowQuery { prefix: holder.clone(), ..RowQuery::all("default", Space::Process) };
        let rows = self.store.rows(&query).await.unwrap();
        (holder, serde_json::from_slice(&rows.first().expect("a gate that holds a call is known").value).unwrap())
    }

    /// Puts a gate's last heartbeat so many seconds back: as if that time had passed without one.
    async fn silence(&self, (holder, mut heart): (String, Value), seconds: i64) {
        heart["beat"] = (heart["beat"].as_i64().unwrap() - seconds * 1_000_000).into();
        let write = Write::Put {
            namespace: "default".into(),
            space: Space::Process,
            key: holder,
            value: Some(heart.to_string().into_bytes()),
            expect: Expect::Any,
        };
        self.store.commit(&[write]).await.unwrap();
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// F17, I13, I14: while its process is paused for longer than the lapse nobody knows how a call goes, and nobody runs it again;
/// when the process goes on, what it says stands, once.
#[tokio::test]
async fn f17_paused_holder_is_heard_once() {
    let shared = Shared::new();
    let id = shared.approved("waits").await;
    let mut child = shared.child(&format!("resume {id}"));
    child.hears("started").await;
    child.signal("STOP");
    let heart = shared.heart(id).await;
    assert_eq!(shared.state(id).await, ExecutionState::Executing);
    shared.silence(heart, 21).await;
    shared.gate.recover().await.unwrap();
    assert_eq!(shared.state(id).await, ExecutionState::Indeterminate);
    let error = shared.gate.resume(id).await.unwrap_err();
    assert!(format!("{error:?}").contains("Indeterminate"), "{error:?}");
    child.signal("CONT");
    child.tell("go");
    child.hears("returned Ok(String(\"done\"))").await;
    assert_eq!(shared.state(id).await, ExecutionState::Executed);
    let settled = shared.gate.settle(id, Reviewer::new("alice"), Settlement::Failed).await.unwrap_err();
    assert_eq!(settled.code(), "not_indeterminate");
    assert_eq!(shared.history(id).await, ["requested", "approved", "started", "indeterminate", "executed", "refused"]);
}

/// I14: what a person said meanwhile stands; what the holder says later is kept in the history, and changes nothing.
#[tokio::test]
async fn i14_settled_call_stays_so() {
    let shared = Shared::new();
    let id = shared.approved("waits").await;
    let mut child = shared.child(&format!("resume {id}"));
    child.hears("started").await;
    child.signal("STOP");
    shared.silence(shared.heart(id).await, 21).await;
    shared.gate.recover().await.unwrap();
    shared.gate.settle(id, Reviewer::new("alice"), Settlement::Failed).await.unwrap();
    child.signal("CONT");
    child.tell("go");
    child.hears("returned").await;
    assert_eq!(shared.state(id).await, ExecutionState::Failed);
    assert_eq!(shared.history(id).await, ["requested", "approved", "started", "indeterminate", "settled", "refused"]);
}

/// I13: a process that was taken for gone goes on and starts another call; when it dies then, that is noticed.
#[tokio::test]
async fn i13_paused_process_is_not_forgotten() {
    let shared = Shared::new();
    let first = shared.approved("returns").await;
    let new = NewRequest::new(Tool::named("lives.work"), json!({"does": "waits"}));
    let second = shared.gate.create_request(new).await.unwrap();
    let mut child = shared.child(&format!("resume {first} {}", second.id()));
    child.hears("returned").await;
    child.signal("STOP");
    shared.silence(shared.heart(first).await, 21).await;
    // Whoever looks now takes it for gone.
    shared.gate.recover().await.unwrap();
    shared.approve(&second).await;
    child.signal("CONT");
    child.tell("next");
    child.hears("started").await;
    child.kill();
    shared.gate.recover().await.unwrap();
    assert_eq!(shared.state(second.id()).await, ExecutionState::Indeterminate);
}

/// A body that blocks its thread for longer than the lapse keeps executing: the gate's own thread says that it is alive.
#[tokio::test]
async fn long_body_stays_executing() {
    let shared = Shared::new();
    let id = shared.approved("waits").await;
    let mut child = shared.child(&format!("resume {id}"));
    child.hears("started").await;
    let (holder, heart) = shared.heart(id).await;
    let silent = heart["beat"].as_i64().unwrap();
    shared.silence((holder, heart), 12).await;
    let end = Instant::now() + Duration::from_secs(9);
    while shared.heart(id).await.1["beat"].as_i64().unwrap() <= silent {
        assert!(Instant::now() < end, "its heart has stopped");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    shared.gate.recover().await.unwrap();
    assert_eq!(shared.state(id).await, ExecutionState::Executing);
    child.tell("go");
    child.hears("returned").await;
    assert_eq!(shared.history(id).await, ["requested", "approved", "started", "executed"]);
}

async fn is_unknown_after(does: &str) {
    let shared = Shared::new();
    let id = shared.approved(does).await;
    let mut child = shared.child(&format!("resume {id}"));
    child.hears("started").await;
    child.ends().await;
    let recovery = shared.gate.recover().await.unwrap();
    assert!(recovery.finished.is_empty(), "it does not run again: {recovery:?}");
    let unknown = shared.gate.get_indeterminate().await.unwrap();
    assert_eq!(unknown.iter().map(ApprovalRequest::id).collect::<Vec<_>>(), [id]);
    assert_eq!(shared.history(id).await, ["requested", "approved", "started", "indeterminate"]);
}

/// F20: nobody knows how far a body came whose process aborted in it.
#[tokio::test]
async fn f20_aborted_body_is_unknown() {
    is_unknown_after("aborts").await;
}

#[tokio::test]
async fn f20_overflowed_stack_is_unknown() {
    is_unknown_after("overflows").await;
}

/// F29: a process that is told to end leaves its requests to others, and records the body that still runs.
#[tokio::test]
async fn f29_shut_down_process_leaves_requests() {
    let shared = Shared::new();
    let mut child = shared.child("ask pauses waits");
    let mut asked = Vec::new();
    while asked.len() < 2 {
        asked = shared.gate.get_pending().await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let is = |request: &ApprovalRequest, does: &str| request.arguments().to_value()["does"] == does;
    let runs = asked.iter().find(|request| is(request, "pauses")).unwrap();
    let waits = asked.iter().find(|request| is(request, "waits")).unwrap();
    shared.approve(runs).await;
    child.hears("started").await;
    child.tell("end");
    child.hears("refused shutting_down").await;
    child.ends().await;
    assert_eq!(shared.state(runs.id()).await, ExecutionState::Executed, "it got the time to end");
    shared.gate.recover().await.unwrap();
    let left = shared.gate.get_request(waits.id()).await.unwrap();
    assert_eq!((left.status(), left.is_waited_for()), (ApprovalStatus::Pending, false));
}

/// A request is made although another process began a new life of the store just now.
#[tokio::test]
async fn request_is_made_in_new_life() {
    let shared = Shared::new();
    let other = child::gate(&Arc::new(SqliteStore::open(shared.folder.join("approvals.db")).unwrap()));
    for _ in 0..20 {
        let life = shared.gate.new_incarnation().await.unwrap();
        let made = other.create_request(NewRequest::new(Tool::named("lives.work"), json!({"does": "returns"}))).await;
        assert_eq!(made.unwrap().incarnation(), life);
    }
}

/// Each gate has a thread of its own that looks after it, however many are made at once.
#[tokio::test]
async fn every_gate_is_looked_after() {
    let shared = Shared::new();
    let mut gates = Vec::new();
    for nth in 0..120 {
        let store = Arc::<SqliteStore>::clone(&shared.store);
        let gate =
            ApprovalGate::builder().shared_store(store).namespace(format!("of-{nth}")).without_notifier().build().unwrap();
        let short = Tool::named("short").timeout(Duration::from_secs(1));
        let request = gate.create_request(NewRequest::new(short, json!({}))).await.unwrap();
        gates.push((gate, request.id()));
    }
    let end = Instant::now() + Duration::from_secs(8);
    for (gate, id) in &gates {
        let query = AuditQuery {
            namespace: gate.get_request(*id).await.unwrap().namespace().into(),
            request: None,
            after: 0,
            limit: None,
        };
        while shared.store.audit(&query).await.unwrap().len() < 2 {
            assert!(Instant::now() < end, "nobody wrote that the deadline of {id} passed");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
