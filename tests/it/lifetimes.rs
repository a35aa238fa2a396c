//! Futures that are dropped, runtimes that end, gates that shut down.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use approval_runtime::{
    ApprovalGate, ApprovalRequest, ApprovalStatus, Decision, ExecutionState, MemoryStore, NewRequest, Refusal,
};

use crate::tools::{Starts, alice, approve, builder, five, gate, pay, pending, spawn_pay};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
}

/// I25, T36: polled k times and dropped, for every k until it completes. Whatever was cut short is on the record.
#[tokio::test(start_paused = true)]
async fn i25_call_dropped_at_any_point_is_settled() {
    for polls in 0.. {
        let store = Arc::new(MemoryStore::new());
        let gate = builder().shared_store(Arc::<MemoryStore>::clone(&store)).build().unwrap();
        let mut events = gate.events();
        let starts = Starts::default();
        let mut completed = false;
        {
            let body = |_| async {
                tokio::task::yield_now().await;
                starts.pay(&builder().policy(open()).build().unwrap(), five()).await.map(|_| ())
            };
            let mut call = pin!(gate.call(pay(), five(), body));
            for _ in 0..polls {
                if call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                    completed = true;
                    break;
                }
                if let Some(request) = gate.get_pending().await.unwrap().pop() {
                    gate.decide(request.id(), Decision::approve(alice(), request.digest())).await.unwrap();
                }
            }
        }
        let mut last: Option<ApprovalRequest> = None;
        while let Poll::Ready(Some(event)) = pin!(events.next()).poll(&mut Context::from_waker(Waker::noop())) {
            last = Some(event.request);
        }
        match last {
            None => assert_eq!((polls, starts.count()), (0, 0)),
            Some(request) => match request.execution().state {
                ExecutionState::NotStarted => {
                    assert_eq!(request.status(), ApprovalStatus::Cancelled, "after {polls} polls");
                    assert_eq!(starts.count(), 0, "after {polls} polls");
                }
                ExecutionState::Executed => assert!(completed, "after {polls} polls"),
                state => assert_eq!(state, ExecutionState::Indeterminate, "after {polls} polls"),
            },
        }
        assert!(gate.get_pending().await.unwrap().is_empty());
        if completed {
            assert!(polls > 2);
            return;
        }
    }
}

fn open() -> approval_runtime::ApprovalPolicy {
    approval_runtime::ApprovalPolicy::new().pass_through("pay")
}

/// A gate is not bound to the runtime it was made on.
#[test]
fn gate_outlives_its_runtime() {
    let gate = runtime().block_on(async { gate() });
    for _ in 0..2 {
        let starts = Starts::default();
        runtime().block_on(async {
            let (returned, _) = tokio::join!(starts.pay(&gate, five()), approve(&gate));
            returned.unwrap();
        });
        assert_eq!(starts.count(), 1);
    }
}

/// A runtime that ends under a waiting call withdraws it.
#[test]
fn i25_ended_runtime_withdraws_its_calls() {
    let (gate, starts) = (gate(), Starts::default());
    let first = runtime();
    let mut task = None;
    first.block_on(async {
        task = Some(spawn_pay(&gate, &starts));
        pending(&gate).await;
    });
    drop(first);
    drop(task);
    runtime().block_on(async { assert!(gate.get_pending().await.unwrap().is_empty()) });
    assert_eq!(starts.count(), 0);
}

/// F29: shutting down is not cancelling.
#[tokio::test(start_paused = true)]
async fn f29_shutdown_leaves_requests_open() {
    let (gate, starts) = (gate(), Starts::default());
    let task = spawn_pay(&gate, &starts);
    let request = pending(&gate).await;
    gate.shutdown().await;
    let refusal = task.await.unwrap().unwrap_err();
    assert!(matches!(refusal, Refusal::ShuttingDown { id: Some(id), .. } if id == request.id()), "{refusal:?}");
    assert_eq!(gate.get_request(request.id()).await.unwrap().status(), ApprovalStatus::Pending);
    assert_eq!(starts.pay(&gate, five()).await.unwrap_err().code(), "shutting_down");
    assert_eq!(starts.count(), 0);
}

/// F29: an approval that lands while the process shuts down starts nothing.
#[tokio::test(start_paused = true)]
async fn f29_shutdown_before_the_claim_starts_nothing() {
    let (gate, starts) = (gate(), Starts::default());
    let task = spawn_pay(&gate, &starts);
    let request = pending(&gate).await;
    gate.decide(request.id(), Decision::approve(alice(), request.digest())).await.unwrap();
    gate.shutdown().await;
    assert_eq!(task.await.unwrap().unwrap_err().code(), "shutting_down");
    assert_eq!(gate.get_request(request.id()).await.unwrap().status(), ApprovalStatus::Approved);
    assert_eq!(starts.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_running_bodies() {
    let gate = builder().build().unwrap();
    let caller = gate.clone();
    let work = async move {
        let body = |_| async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            Ok::<_, Refusal>(())
        };
        caller.call(pay(), five(), body).await
    };
    let task = tokio::spawn(work);
    let request = approve(&gate).await;
    while gate.get_request(request.id()).await.unwrap().execution().state != ExecutionState::Executing {
        tokio::task::yield_now().await;
    }
    let started = tokio::time::Instant::now();
    gate.shutdown().await;
    assert!((Duration::from_secs(2)..Duration::from_secs(5)).contains(&started.elapsed()));
    task.await.unwrap().unwrap();
    assert_eq!(gate.get_request(request.id()).await.unwrap().execution().state, ExecutionState::Executed);
}

#[tokio::test(start_paused = true)]
async fn shutdown_gives_bodies_five_seconds() {
    let gate = gate();
    let caller = gate.clone();
    let task = tokio::spawn(async move { caller.call(pay(), five(), |_| std::future::pending::<Result<(), Refusal>>()).await });
    let request = approve(&gate).await;
    while gate.get_request(request.id()).await.unwrap().execution().state != ExecutionState::Executing {
        tokio::task::yield_now().await;
    }
    let started = tokio::time::Instant::now();
    gate.shutdown().await;
    assert_eq!(started.elapsed().as_secs(), 5);
    // I13: what is cut short then is not said to have run, or not to have.
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(gate.get_request(request.id()).await.unwrap().execution().state, ExecutionState::Indeterminate);
}

#[tokio::test(start_paused = true)]
async fn memory_keeps_the_last_ended_requests() {
    let gate = builder().store(MemoryStore::new().keep_ended(2)).build().unwrap();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let request = gate.create_request(NewRequest::new(pay(), five())).await.unwrap();
        gate.decide(request.id(), Decision::reject(alice())).await.unwrap();
        ids.push(request.id());
    }
    let kept = async |id| gate.get_request(id).await.is_ok();
    assert_eq!([kept(ids[0]).await, kept(ids[1]).await, kept(ids[2]).await], [false, true, true]);
}

/// I28: requests whose runtime is gone do not fill the gate for good.
#[test]
fn i28_abandoned_requests_make_room() {
    let gate = builder().max_pending(1).build().unwrap();
    let file = || gate.create_request(NewRequest::new(pay(), five()));
    let first = paused();
    first.block_on(file()).unwrap();
    assert_eq!(first.block_on(file()).unwrap_err().code(), "too_many_pending");
    drop(first);
    paused().block_on(async {
        tokio::time::advance(Duration::from_secs(300)).await;
        // Nobody looked at the first one meanwhile.
        file().await.unwrap_or_else(|refusal| panic!("{refusal}"));
    });
}

/// I4: approve, reject, time out and withdraw race; everybody sees one outcome, and at most one body starts.
#[test]
fn i04_races_have_one_winner() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap();
    runtime.block_on(async {
        for round in 0..2_000 {
            let (gate, starts) = (gate(), Starts::default());
            let task = spawn_pay(&gate, &starts);
            let request = pending(&gate).await;
            let (id, digest) = (request.id(), request.digest());
            let decide = |decision: Decision| {
                let gate = gate.clone();
                tokio::spawn(async move { gate.decide(id, decision).await })
            };
            let approve = decide(Decision::approve(alice(), digest));
            let reject = decide(Decision::reject(approval_runtime::Reviewer::new("bob")));
            let canceller = gate.clone();
            let cancel = tokio::spawn(async move { canceller.cancel(id, "operator").await });
            if round % 3 == 0 {
                task.abort();
            }
            let won = [approve.await.unwrap().is_ok(), reject.await.unwrap().is_ok()];
            let cancelled = cancel.await.unwrap().is_ok();
            let returned = task.await;
            let last = gate.get_request(id).await.unwrap();
            // A decision and a revocation may both win, in that order.
            assert!(won.iter().filter(|won| **won).count() <= 1, "{won:?}");
            assert!(starts.count() <= 1);
            match last.status() {
                ApprovalStatus::Approved => assert!(won[0] && !cancelled),
                ApprovalStatus::Rejected => assert!(won[1] && !cancelled && starts.count() == 0),
                ApprovalStatus::Cancelled => assert!(starts.count() == 0 && !won[1]),
                status => panic!("{status}"),
            }
            if let Ok(returned) = returned {
                assert_eq!(returned.is_ok(), starts.count() == 1);
            }
        }
    });
}

fn send<T: Send>(value: T) -> T {
    value
}

#[test]
fn public_futures_are_send() {
    let gate: ApprovalGate = gate();
    let id = approval_runtime::RequestId::random();
    drop(send(gate.get_request(id)));
    drop(send(gate.get_pending()));
    drop(send(gate.decide(id, Decision::reject(alice()))));
    drop(send(gate.cancel(id, "operator")));
    drop(send(gate.create_request(NewRequest::new(pay(), five()))));
    drop(send(gate.call(pay(), five(), |_| async { Ok::<_, Refusal>(()) })));
    drop(send(gate.shutdown()));
    drop(send(gate.events()));
}

fn paused() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// I12: an approval that a reader saw expire stays expired.
#[test]
fn i12_expired_approval_stays_expired() {
    let gate = gate();
    let first = paused();
    let id = first.block_on(async {
        let request = gate.create_request(NewRequest::new(pay(), five())).await.unwrap();
        gate.decide(request.id(), Decision::approve(alice(), request.digest())).await.unwrap().id()
    });
    drop(first);
    paused().block_on(async {
        tokio::time::advance(Duration::from_secs(1000)).await;
        assert_eq!(gate.get_request(id).await.unwrap().status(), ApprovalStatus::Expired);
        assert_eq!(gate.cancel(id, "operator").await.unwrap_err().code(), "already_decided");
        assert_eq!(gate.get_request(id).await.unwrap().status(), ApprovalStatus::Expired);
    });
}

/// I28: one long request in front does not keep the abandoned ones behind it.
#[test]
fn i28_long_request_does_not_keep_the_abandoned() {
    let gate = builder().max_pending(2).build().unwrap();
    let first = paused();
    first.block_on(async {
        let long = approval_runtime::Tool::named("long").timeout(Duration::from_secs(30 * 24 * 3600));
        gate.create_request(NewRequest::new(long, five())).await.unwrap();
        gate.create_request(NewRequest::new(pay(), five())).await.unwrap();
    });
    drop(first);
    paused().block_on(async {
        tokio::time::advance(Duration::from_secs(24 * 3600)).await;
        gate.create_request(NewRequest::new(pay(), five())).await.unwrap();
    });
}

/// F29: a call that is dropped while the process shuts down leaves its request open.
#[tokio::test(start_paused = true)]
async fn f29_dropped_call_at_shutdown_stays_open() {
    let (gate, starts) = (gate(), Starts::default());
    let task = spawn_pay(&gate, &starts);
    let request = pending(&gate).await;
    gate.shutdown().await;
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(gate.get_request(request.id()).await.unwrap().status(), ApprovalStatus::Pending);
}

/// F29: the question at the claim is asked while another thread shuts the gate down.
#[test]
fn f29_nothing_starts_after_shutdown() {
    let asked = Arc::new(AtomicUsize::new(0));
    let shut: Arc<std::sync::OnceLock<ApprovalGate>> = Arc::default();
    let (a, s) = (Arc::clone(&asked), Arc::clone(&shut));
    let done = Arc::new(AtomicBool::new(false));
    let d = Arc::clone(&done);
    // The second question is the one at the claim: another thread shuts the gate down while it is answered.
    let policy = approval_runtime::ApprovalPolicy::new().add_deny_rule("pay", "slow", move |_: &serde_json::Value| {
        if a.fetch_add(1, Ordering::SeqCst) == 1 {
            let (gate, d) = (s.get().unwrap().clone(), Arc::clone(&d));
            std::thread::spawn(move || {
                let rt = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
                rt.block_on(gate.shutdown());
                d.store(true, Ordering::SeqCst);
            })
            .join()
            .unwrap();
        }
        false
    });
    let gate = builder().policy(policy).build().unwrap();
    shut.set(gate.clone()).ok();
    let rt = paused();
    rt.block_on(async {
        let started_late = AtomicBool::new(false);
        let call = gate.call(pay(), five(), |_| async {
            started_late.store(done.load(Ordering::SeqCst), Ordering::SeqCst);
            Ok::<_, Refusal>(())
        });
        let (returned, _) = tokio::join!(call, approve(&gate));
        assert!(!started_late.load(Ordering::SeqCst), "the body started after shutdown() had returned: {returned:?}");
    });
}
