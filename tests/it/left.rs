//! I11, I25: callers that go away while their commit is under way, on a store that ends what it began. What was written is told,
//! and what they left behind is settled behind it.

use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use approval_runtime::store::{AuditQuery, Changes, Logged, Row, RowQuery, StoreError, Write};
use approval_runtime::{
    Agent, ApprovalGate, ApprovalRequest, ApprovalStatus, ApprovalStore, BoxFuture, Decision, EventKind, ExecutionState,
    MemoryStore, NewRequest, RequestId, RequestQuery, Transition,
};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use crate::tools::{Starts, alice, approve, builder, five, passes_on, pay, spawn_pay};

/// Ten times what a busy machine takes, and more.
const LONG: Duration = Duration::from_secs(60);

type Held = fn(&ApprovalRequest) -> bool;

/// Commits on a task of its own, whoever waits for that, and tells nobody what its own handle changed.
#[derive(Debug)]
struct Lasting {
    store: Arc<MemoryStore>,
    held: Mutex<Option<Held>>,
    /// What is held is written, and nobody is told.
    holds_answers: AtomicBool,
    gets: AtomicUsize,
    arrived: Arc<Semaphore>,
    released: Arc<Semaphore>,
}

impl Lasting {
    fn new() -> Arc<Self> {
        let none = || Arc::new(Semaphore::new(0));
        Arc::new(Self {
            store: Arc::default(),
            held: Mutex::default(),
            holds_answers: AtomicBool::new(false),
            gets: AtomicUsize::new(0),
            arrived: none(),
            released: none(),
        })
    }

    /// Holds the next write of a request that is like this.
    fn hold(&self, held: Held) {
        *self.held.lock().unwrap() = Some(held);
    }

    async fn arrived(&self) {
        let arrived = timeout(LONG, self.arrived.acquire()).await.expect("the write comes").unwrap();
        arrived.forget();
    }

    fn release(&self) {
        self.released.add_permits(1);
    }
}

impl ApprovalStore for Lasting {
    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<(), StoreError>> {
        let mut held = self.held.lock().unwrap();
        let is_held = held.is_some_and(|held| writes.iter().filter_map(Write::request).any(held));
        if is_held {
            *held = None;
        }
        let (answer, answered) = oneshot::channel();
        let (store, arrived, released) = (Arc::clone(&self.store), Arc::clone(&self.arrived), Arc::clone(&self.released));
        let writes = writes.to_vec();
        let early = is_held && self.holds_answers.load(Ordering::SeqCst);
        tokio::spawn(async move {
            let written = if early { Some(store.commit(&writes).await) } else { None };
            if is_held {
                arrived.add_permits(1);
                released.acquire().await.unwrap().forget();
            }
            let written = match written {
                Some(written) => written,
                None => store.commit(&writes).await,
            };
            let _ = answer.send(written);
        });
        Box::pin(async { answered.await.expect("the task answers") })
    }

    fn get<'a>(&'a self, namespace: &'a str, id: RequestId) -> BoxFuture<'a, Result<Option<ApprovalRequest>, StoreError>> {
        self.gets.fetch_add(1, Ordering::SeqCst);
        self.store.get(namespace, id)
    }

    fn changes<'a>(&'a self, namespace: &'a str, after: Option<u64>) -> BoxFuture<'a, Result<Changes, StoreError>> {
        if after.is_some() { Box::pin(pending()) } else { self.store.changes(namespace, after) }
    }

    fn rows<'a>(&'a self, query: &'a RowQuery) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        self.store.rows(query)
    }

    fn audit<'a>(&'a self, query: &'a AuditQuery) -> BoxFuture<'a, Result<Vec<Logged>, StoreError>> {
        self.store.audit(query)
    }

    fn is_shared(&self) -> bool {
        true
    }

    passes_on!(store: query, now);
}

fn on(store: &Arc<Lasting>) -> ApprovalGate {
    builder().shared_store(Arc::<Lasting>::clone(store)).build().unwrap()
}

/// Waits until the only request is as it shall be.
async fn until(gate: &ApprovalGate, is: impl Fn(&ApprovalRequest) -> bool) -> ApprovalRequest {
    let comes = async {
        loop {
            let found = gate.get_requests(&RequestQuery::new()).await.unwrap().requests.pop();
            if let Some(request) = found.filter(&is) {
                return request;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONG, comes).await.expect("it comes to that")
}

/// A call that goes while its request is being written takes the request with it.
#[tokio::test]
async fn i25_call_left_while_it_asks_is_withdrawn() {
    let (store, starts) = (Lasting::new(), Starts::default());
    let gate = on(&store);
    store.hold(|request| request.status() == ApprovalStatus::Pending);
    let call = spawn_pay(&gate, &starts);
    store.arrived().await;
    call.abort();
    call.await.unwrap_err();
    store.release();
    let request = until(&gate, |request| request.status() != ApprovalStatus::Pending).await;
    assert_eq!((request.status(), starts.count()), (ApprovalStatus::Cancelled, 0));
}

/// A call that goes while its claim is being written does not look as if it ran for ever.
#[tokio::test]
async fn i25_call_left_while_it_claims_is_indeterminate() {
    let (store, starts) = (Lasting::new(), Starts::default());
    let gate = on(&store);
    let call = spawn_pay(&gate, &starts);
    store.hold(|request| request.execution().state == ExecutionState::Executing);
    approve(&gate).await;
    store.arrived().await;
    call.abort();
    call.await.unwrap_err();
    store.release();
    let request = until(&gate, |request| request.execution().finished_at.is_some()).await;
    assert_eq!((request.execution().state, starts.count()), (ExecutionState::Indeterminate, 0));
}

/// I4, L2: a decision whose sender goes while it is being written wakes the call, and is told.
#[tokio::test]
async fn i11_decision_that_was_left_wakes_the_call() {
    let (store, starts) = (Lasting::new(), Starts::default());
    let gate = on(&store);
    let (mut events, call) = (gate.events(), spawn_pay(&gate, &starts));
    let request = until(&gate, |_| true).await;
    store.hold(|request| request.status() == ApprovalStatus::Approved);
    let decision = Decision::approve(alice(), request.digest());
    let decides = tokio::spawn({
        let gate = gate.clone();
        async move { gate.decide(request.id(), decision).await }
    });
    store.arrived().await;
    decides.abort();
    decides.await.unwrap_err();
    store.release();
    timeout(LONG, call).await.expect("it is woken").unwrap().unwrap();
    assert_eq!(starts.count(), 1);
    for what in [Transition::Requested, Transition::Approved, Transition::Started, Transition::Executed] {
        let event = timeout(LONG, events.next()).await.expect("it is told").unwrap();
        assert_eq!(event.kind, EventKind::Changed(what));
    }
}

/// A call that is made again, while the one before goes and is still being written, keeps its request.
#[tokio::test]
async fn i25_call_made_again_keeps_the_request() {
    let (store, starts) = (Lasting::new(), Starts::default());
    let gate = on(&store);
    let same = || {
        let (gate, starts) = (gate.clone(), starts.clone());
        tokio::spawn(
            Agent::new("billing").run_id("run-1").call_id("call-1").scope(async move { starts.pay(&gate, five()).await }),
        )
    };
    store.holds_answers.store(true, Ordering::SeqCst);
    store.hold(|request| request.status() == ApprovalStatus::Pending);
    let first = same();
    store.arrived().await;
    first.abort();
    first.await.unwrap_err();
    // Its withdrawal waits for what is being written; the same call comes first.
    let second = same();
    let attaches = async {
        // It reads the request that it finds, once it has it in common with the first.
        while store.gets.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONG, attaches).await.expect("it finds the request");
    store.release();
    let returned = async {
        loop {
            if let Some(request) = gate.get_pending().await.unwrap().pop() {
                let _ = gate.decide(request.id(), Decision::approve(alice(), request.digest())).await;
            }
            if second.is_finished() {
                return second.await.unwrap();
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    timeout(LONG, returned).await.expect("it returns").unwrap();
    assert_eq!(starts.count(), 1);
    let made = gate.get_requests(&RequestQuery::new()).await.unwrap().requests.len();
    assert_eq!(made, 1, "it did not have to ask anew");
}

/// Shutting down waits for a decision that was left.
#[tokio::test]
async fn i11_shutdown_waits_for_left_commits() {
    let store = Lasting::new();
    let gate = on(&store);
    let request = gate.create_request(NewRequest::new(pay(), five())).await.unwrap();
    store.hold(|request| request.status() == ApprovalStatus::Approved);
    let decision = Decision::approve(alice(), request.digest());
    let (decides, shuts) = (gate.clone(), gate.clone());
    let decides = tokio::spawn(async move { decides.decide(request.id(), decision).await });
    store.arrived().await;
    decides.abort();
    decides.await.unwrap_err();
    let shuts = tokio::spawn(async move { shuts.shutdown().await });
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!shuts.is_finished(), "a commit is under way");
    store.release();
    timeout(LONG, shuts).await.expect("it shuts down").unwrap();
    until(&gate, |request| request.status() == ApprovalStatus::Approved).await;
}
