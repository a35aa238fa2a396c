//! A store that fails: whatever fails, and whether or not the write happened, no body starts without a claim (I1, I7).

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use approval_runtime::request::{ApprovalRequest, Moment, RequestId, Settlement};
use approval_runtime::store::{Query, StoreError, Write};
use approval_runtime::{
    ApprovalPolicy, ApprovalStatus, ApprovalStore, BoxFuture, Decision, ExecutionState, MemoryStore, NewRequest, Refusal,
    SqliteStore,
};
use serde_json::Value;

use crate::sqlite::Dir;
use crate::tools::{Starts, alice, approve, builder, five, passes_on, pay, pending};

/// Fails its `nth` operation, after doing it or without.
#[derive(Debug)]
pub(crate) struct Faulty {
    store: MemoryStore,
    countdown: AtomicUsize,
    after: bool,
}

impl Faulty {
    pub(crate) fn new(nth: usize, after: bool) -> Self {
        Self { store: MemoryStore::new(), countdown: AtomicUsize::new(nth + 1), after }
    }

    async fn or_fail<T>(&self, verb: &'static str, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let before = self.countdown.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| Some(count.saturating_sub(1)));
        let failure = || StoreError::Backend { store: "faulty", verb, source: "the cable was cut".into() };
        match before {
            Ok(1) if self.after => work.await.and(Err(failure())),
            Ok(1) => Err(failure()),
            _ => work.await,
        }
    }
}

impl ApprovalStore for Faulty {
    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.or_fail("commit", self.store.commit(writes)))
    }

    fn get<'a>(&'a self, namespace: &'a str, id: RequestId) -> BoxFuture<'a, Result<Option<ApprovalRequest>, StoreError>> {
        Box::pin(self.or_fail("read", self.store.get(namespace, id)))
    }

    // The tests' reviewer looks through the query: it always works.
    passes_on!(store: query, others);

    fn now(&self) -> BoxFuture<'_, Result<Moment, StoreError>> {
        Box::pin(self.or_fail("read the clock", self.store.now()))
    }
}

/// F1, F2 on every operation of a call and its decision, before and after the write.
#[tokio::test(start_paused = true)]
async fn f02_no_fault_starts_a_body_unclaimed() {
    for (nth, after) in (0..20).flat_map(|nth| [(nth, false), (nth, true)]) {
        let store = Arc::new(Faulty::new(nth, after));
        let gate = builder().shared_store(Arc::<Faulty>::clone(&store)).build().unwrap();
        let starts = Starts::default();
        let reviewer = async {
            let Some(request) = first_pending(&store).await else { return };
            for _ in 0..3 {
                // Giving a decision again is safe, whatever the first answer was.
                if gate.decide(request.id(), Decision::approve(alice(), request.digest())).await.is_ok() {
                    return;
                }
            }
        };
        let (returned, ()) = tokio::join!(starts.pay(&gate, five()), reviewer);
        let record = all(&store).await.pop();
        let state = record.as_ref().map_or(ExecutionState::NotStarted, |record| record.execution().state);
        match returned {
            Ok(_) => {
                assert_eq!(starts.count(), 1, "operation {nth}");
                // The outcome may be what could not be written.
                assert!(matches!(state, ExecutionState::Executed | ExecutionState::Executing | ExecutionState::Indeterminate));
            }
            Err(refusal) => {
                assert_eq!(starts.count(), 0, "operation {nth}: {refusal}");
                assert!(
                    matches!(refusal, Refusal::Unavailable { .. } | Refusal::TimedOut { .. }),
                    "operation {nth}: {refusal:?}"
                );
                assert!(std::error::Error::source(&refusal).is_some() || refusal.is_timed_out());
            }
        }
    }
}

async fn all(store: &Faulty) -> Vec<ApprovalRequest> {
    let query = Query { namespace: "default".into(), ..Query::default() };
    store.store.query(&query).await.unwrap().requests
}

async fn first_pending(store: &Faulty) -> Option<ApprovalRequest> {
    for _ in 0..50 {
        if let Some(request) = all(store).await.pop() {
            return Some(request);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// I24: a request of another namespace is as if it were not there.
#[tokio::test(start_paused = true)]
async fn i24_namespaces_do_not_meet() {
    namespaces_do_not_meet(Arc::new(MemoryStore::new())).await;
}

/// I24: where what a call waits for is at hand in the process, too.
#[tokio::test]
async fn i24_namespaces_of_a_shared_store_do_not_meet() {
    let dir = Dir::new();
    namespaces_do_not_meet(Arc::new(SqliteStore::open(dir.file()).unwrap())).await;
}

async fn namespaces_do_not_meet(store: Arc<dyn ApprovalStore>) {
    let gate = |namespace: &str| builder().namespace(namespace).shared_store(Arc::clone(&store)).build().unwrap();
    let (a, b) = (gate("a"), gate("b"));
    let starts = Starts::default();
    let other = async {
        let request = pending(&a).await;
        assert!(b.get_pending().await.unwrap().is_empty());
        assert_eq!(b.get_request(request.id()).await.unwrap_err().code(), "not_found");
        let decision = Decision::approve(alice(), request.digest());
        assert_eq!(b.decide(request.id(), decision).await.unwrap_err().code(), "not_found");
        assert_eq!(b.cancel(request.id(), "operator").await.unwrap_err().code(), "not_found");
        assert_eq!(b.settle(request.id(), alice(), Settlement::Failed).await.unwrap_err().code(), "not_found");
        approve(&a).await
    };
    let (returned, _) = tokio::join!(starts.pay(&a, five()), other);
    returned.unwrap();
}

/// I17: a decision through another gate on the same store wakes the waiter of this process.
#[tokio::test(start_paused = true)]
async fn two_gates_share_one_store() {
    let store: Arc<dyn ApprovalStore> = Arc::new(MemoryStore::new());
    let gate = || builder().shared_store(Arc::clone(&store)).build().unwrap();
    let (one, two) = (gate(), gate());
    let starts = Starts::default();
    let (returned, _) = tokio::join!(starts.pay(&one, five()), approve(&two));
    returned.unwrap();
    assert_eq!(starts.count(), 1);
}

/// Suspends once before and once after each operation.
#[derive(Debug)]
pub(crate) struct Slow(pub(crate) MemoryStore);
impl Slow {
    async fn slowly<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::task::yield_now().await;
        let t = work.await;
        tokio::task::yield_now().await;
        t
    }
}
impl ApprovalStore for Slow {
    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.slowly(self.0.commit(writes)))
    }
    fn get<'a>(&'a self, n: &'a str, id: RequestId) -> BoxFuture<'a, Result<Option<ApprovalRequest>, StoreError>> {
        Box::pin(self.slowly(self.0.get(n, id)))
    }
    fn now(&self) -> BoxFuture<'_, Result<Moment, StoreError>> {
        Box::pin(self.slowly(self.0.now()))
    }
    passes_on!(0: query, others);
}

async fn dropped_everywhere(policy: ApprovalPolicy) {
    let mut wrong = Vec::new();
    for polls in 0..200 {
        let store = Arc::new(Slow(MemoryStore::new()));
        let gate = builder().policy(policy.clone()).shared_store(Arc::<Slow>::clone(&store)).build().unwrap();
        let mut completed = false;
        let started = AtomicUsize::new(0);
        {
            let mut call = pin!(gate.call(pay(), five(), |_| async {
                started.fetch_add(1, Ordering::SeqCst);
                tokio::task::yield_now().await;
                Ok::<_, Refusal>(())
            }));
            for _ in 0..polls {
                if call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    completed = true;
                    break;
                }
                if let Some(r) = gate.get_pending().await.unwrap().pop() {
                    gate.decide(r.id(), Decision::approve(alice(), r.digest())).await.unwrap();
                }
            }
        }
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
        let q = Query { namespace: "default".into(), ..Query::default() };
        if let Some(r) = store.0.query(&q).await.unwrap().requests.pop() {
            let settled = !matches!(
                (r.status(), r.execution().state),
                (ApprovalStatus::Pending, _)
                    | (_, ExecutionState::Executing)
                    | (ApprovalStatus::Approved, ExecutionState::NotStarted)
            );
            if !settled {
                wrong.push((polls, r.status(), r.execution().state, started.load(Ordering::SeqCst)));
            }
        }
        if completed {
            break;
        }
    }
    assert!(wrong.is_empty(), "(polls, status, execution, bodies started): {wrong:?}");
}

#[tokio::test(start_paused = true)]
async fn i25_dropped_call_is_settled_on_a_slow_store() {
    dropped_everywhere(ApprovalPolicy::new()).await;
}
#[tokio::test(start_paused = true)]
async fn i25_dropped_auto_approved_call_is_settled_on_a_slow_store() {
    dropped_everywhere(ApprovalPolicy::new().add_auto_approve_rule("pay", "always", |_: &Value| true)).await;
}

#[tokio::test(start_paused = true)]
async fn i24_full_namespace_does_not_fill_another() {
    let store: Arc<dyn ApprovalStore> = Arc::new(MemoryStore::new());
    let gate = |n: &str| builder().namespace(n).max_pending(1).shared_store(Arc::clone(&store)).build().unwrap();
    gate("a").create_request(NewRequest::new(pay(), five())).await.unwrap();
    let other = gate("b").create_request(NewRequest::new(pay(), five())).await;
    assert!(other.is_ok(), "{other:?}");
}

/// The write of the claim happens, its answer is lost.
#[derive(Debug)]
struct LosesAnswer(MemoryStore, AtomicUsize, usize);
impl ApprovalStore for LosesAnswer {
    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let n = self.1.fetch_add(1, Ordering::SeqCst);
            let done = self.0.commit(writes).await;
            if n == self.2 { Err(StoreError::Backend { store: "x", verb: "commit", source: "cut".into() }) } else { done }
        })
    }
    passes_on!(0: get, query, now, others);
}

#[tokio::test(start_paused = true)]
async fn f02_lost_answers_leave_nothing_open() {
    let mut wrong = Vec::new();
    for nth in 0..3 {
        let store = Arc::new(LosesAnswer(MemoryStore::new(), AtomicUsize::new(0), nth));
        let gate = builder().shared_store(Arc::<LosesAnswer>::clone(&store)).build().unwrap();
        let starts = Starts::default();
        let reviewer = async {
            for _ in 0..50 {
                tokio::task::yield_now().await;
                if let Some(r) = gate.get_pending().await.unwrap().pop() {
                    let _ = gate.decide(r.id(), Decision::approve(alice(), r.digest())).await;
                    return;
                }
            }
        };
        let (returned, ()) = tokio::join!(starts.pay(&gate, five()), reviewer);
        let q = Query { namespace: "default".into(), ..Query::default() };
        let r = store.0.query(&q).await.unwrap().requests.pop().unwrap();
        if matches!(
            (r.status(), r.execution().state),
            (ApprovalStatus::Pending, _)
                | (_, ExecutionState::Executing)
                | (ApprovalStatus::Approved, ExecutionState::NotStarted)
        ) {
            wrong.push((nth, returned.map_err(|e| e.code()), r.status(), r.execution().state, starts.count()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
