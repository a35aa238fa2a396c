//! I25: futures that are dropped at every point where they wait, on a store that suspends at each of its operations.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use approval_runtime::request::Settlement;
use approval_runtime::{
    Agent, ApprovalGate, ApprovalRequest, ApprovalStatus, Decision, EndedBecause, ExecutionState, MemoryStore, NewRequest,
    Refusal, RequestId, RequestQuery, Reviewer, Tool, requires_approval,
};
use serde_json::json;

use crate::faults::Slow;
use crate::tools::{alice, builder, five, pay};

/// After as many polls a call has found the request of the same call.
const FOUND: usize = 8;

/// No operation of a call suspends as often as this.
const MANY: usize = 60;

fn slow() -> ApprovalGate {
    builder().store(Slow(MemoryStore::new())).build().unwrap()
}

/// A tool that no gate here has declared, so that each test says what it is like.
fn wire() -> Tool {
    Tool::named("wire")
}

fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Lets what was left in the background come to its end.
async fn rest() {
    for _ in 0..MANY {
        tokio::task::yield_now().await;
    }
}

/// Returns the request that was made last.
async fn last(gate: &ApprovalGate) -> Option<ApprovalRequest> {
    gate.get_requests(&RequestQuery::new().limit(1)).await.unwrap().requests.pop()
}

/// Polls a future `polls` times and drops it; returns what it came to, if it did.
fn cut_short<F: Future>(polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    (0..polls).find_map(|_| match poll(future.as_mut()) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    })
}

fn same_call<'a>(
    gate: &'a ApprovalGate,
    tool: &Tool,
    starts: &'a AtomicUsize,
) -> Pin<Box<dyn Future<Output = Result<(), Refusal>> + Send + 'a>> {
    let call = gate.call(tool.clone(), five(), |_| async {
        starts.fetch_add(1, Ordering::SeqCst);
        tokio::task::yield_now().await;
        Ok(())
    });
    Box::pin(Agent::new("billing").run_id("run-1").call_id("call-1").scope(call))
}

/// Two calls are one request. The first or the second goes away at one point, people speak at another: whoever stays is not
/// cancelled, and at most one body starts.
async fn one_of_two_goes(first_goes: bool, goes: usize, speaks: usize) -> Option<ApprovalStatus> {
    let (gate, tool) = (slow(), wire().quorum(2));
    let starts = AtomicUsize::new(0);
    let mut goer = Some(same_call(&gate, &tool, &starts));
    let mut stayer = same_call(&gate, &tool, &starts);
    let mut stayed = None;
    let mut cut = false;
    for round in 0..MANY * 3 {
        if !first_goes
            && stayed.is_none()
            && let Poll::Ready(returned) = poll(stayer.as_mut())
        {
            stayed = Some(returned);
        }
        if let Some(call) = &mut goer
            && poll(call.as_mut()).is_ready()
        {
            goer = None;
        }
        // The wake-up comes, and nobody was polled since.
        let open = last(&gate).await.filter(|request| round >= speaks && request.status() == ApprovalStatus::Pending);
        if let Some(request) = open {
            let name = if request.votes().is_empty() { "alice" } else { "bob" };
            let decision = Decision::approve(Reviewer::new(name), request.digest());
            let _ = gate.decide(request.id(), decision).await;
        }
        if round + 1 == goes {
            cut |= goer.take().is_some();
        }
        if first_goes
            && stayed.is_none()
            && let Poll::Ready(returned) = poll(stayer.as_mut())
        {
            stayed = Some(returned);
        }
        tokio::task::yield_now().await;
        if stayed.is_some() && goer.is_none() {
            break;
        }
    }
    rest().await;
    let place = format!("first goes: {first_goes}, in round {goes}, people speak in round {speaks}");
    let request = last(&gate).await.unwrap_or_else(|| panic!("{place}: nobody asked"));
    let pending = gate.get_pending().await.unwrap();
    assert!(pending.is_empty(), "{place}: {pending:?}");
    let starts = starts.load(Ordering::SeqCst);
    assert!(starts <= 1, "{place}: {starts} starts");
    let told = stayed.unwrap_or_else(|| panic!("{place}: whoever stays is told nothing; {}", request.status()));
    match (&told, request.execution().state) {
        (Ok(()), ExecutionState::Executed) => assert_eq!(starts, 1, "{place}"),
        // The other one had the start.
        (Err(refusal), ExecutionState::Indeterminate | ExecutionState::Executed) => {
            assert!(matches!(refusal.code(), "in_progress" | "indeterminate" | "already_executed"), "{place}: {refusal}");
        }
        // The other one went before this one had found its request, and its withdrawal met the approval.
        (Err(Refusal::Cancelled { because: Some(EndedBecause::Revoked), .. }), ExecutionState::NotStarted) if goes < FOUND => {
            assert_eq!(starts, 0, "{place}");
        }
        (told, state) => panic!("{place}: {told:?}, {}, {state}", request.status()),
    }
    cut.then_some(request.status())
}

#[tokio::test(start_paused = true)]
async fn i25_call_that_goes_leaves_the_same_call_alone() {
    for first_goes in [true, false] {
        let mut went = 0;
        for goes in 1..28 {
            for speaks in 0..28 {
                went += usize::from(one_of_two_goes(first_goes, goes, speaks).await.is_some());
            }
        }
        assert!(went > 300, "only {went} were cut short");
    }
}

/// The last one that waits takes the request with it.
#[tokio::test(start_paused = true)]
async fn i25_last_of_the_same_calls_withdraws() {
    for polls in 8..20 {
        let gate = slow();
        let starts = AtomicUsize::new(0);
        let (mut one, mut two) = (same_call(&gate, &pay(), &starts), same_call(&gate, &pay(), &starts));
        for _ in 0..polls {
            assert!(poll(one.as_mut()).is_pending() && poll(two.as_mut()).is_pending());
        }
        drop(one);
        rest().await;
        assert_eq!(last(&gate).await.unwrap().status(), ApprovalStatus::Pending, "after {polls} polls");
        drop(two);
        rest().await;
        assert_eq!(last(&gate).await.unwrap().status(), ApprovalStatus::Cancelled, "after {polls} polls");
        // The same call again is a new request.
        let mut again = same_call(&gate, &pay(), &starts);
        (0..MANY).for_each(|_| assert!(poll(again.as_mut()).is_pending()));
        assert_eq!(gate.get_pending().await.unwrap().len(), 1);
    }
}

/// A call that is dropped while it gives up has given up, or is withdrawn: the record never says that it waits.
#[tokio::test(start_paused = true)]
async fn i25_impatient_call_dropped_anywhere_does_not_wait() {
    let tool = wire().max_wait(Duration::from_secs(5));
    let mut ends = BTreeSet::new();
    for polls in 1..MANY {
        let gate = slow();
        let starts = AtomicUsize::new(0);
        let mut call = same_call(&gate, &tool, &starts);
        let mut told = None;
        for nth in 0..polls {
            if nth == 12 {
                assert!(last(&gate).await.is_some_and(|request| request.is_waited_for()));
                tokio::time::advance(Duration::from_secs(5)).await;
            }
            if let Poll::Ready(returned) = poll(call.as_mut()) {
                told = Some(returned.unwrap_err().code());
                break;
            }
        }
        drop(call);
        rest().await;
        let Some(request) = last(&gate).await else { continue };
        assert!(!request.is_waited_for(), "after {polls} polls, {told:?}: {} and waited for", request.status());
        match told {
            Some(code) => assert_eq!((code, request.status()), ("pending", ApprovalStatus::Pending)),
            None => assert!(matches!(request.status(), ApprovalStatus::Pending | ApprovalStatus::Cancelled)),
        }
        ends.insert(request.status().as_str());
        if told.is_some() {
            assert_eq!(ends.into_iter().collect::<Vec<_>>(), ["cancelled", "pending"]);
            return;
        }
    }
    panic!("it never gives up");
}

/// A decision that is dropped anywhere was taken whole or not at all; giving it again comes to the same.
#[tokio::test(start_paused = true)]
async fn i25_dropped_decision_is_taken_or_not() {
    for polls in 0..MANY {
        let gate = slow();
        let request = gate.create_request(NewRequest::new(pay(), five())).await.unwrap();
        let decide = || gate.decide(request.id(), Decision::reject(alice()));
        let completed = cut_short(polls, decide()).is_some();
        rest().await;
        let left = gate.get_request(request.id()).await.unwrap();
        assert!(matches!(left.status(), ApprovalStatus::Pending | ApprovalStatus::Rejected));
        let again = decide().await.unwrap();
        assert_eq!((again.status(), again.version()), (ApprovalStatus::Rejected, 2), "after {polls} polls");
        if completed {
            assert_eq!(left.version(), 2);
            return;
        }
    }
    panic!("it never decides");
}

/// What a person says about an unknown outcome, too.
#[tokio::test(start_paused = true)]
async fn i25_dropped_settlement_is_taken_or_not() {
    for polls in 0..MANY {
        let gate = slow();
        let lost = indeterminate(&gate).await;
        let settle = || gate.settle(lost.id(), alice(), Settlement::Failed);
        let completed = cut_short(polls, settle()).is_some();
        rest().await;
        let again = settle().await.unwrap();
        assert_eq!(again.execution().state, ExecutionState::Failed);
        assert_eq!(again.version(), lost.version() + 1, "after {polls} polls");
        if completed {
            return;
        }
    }
    panic!("it never settles");
}

/// Returns a request whose body was dropped while it ran.
async fn indeterminate(gate: &ApprovalGate) -> ApprovalRequest {
    let id = {
        let mut call = pin!(gate.call(pay(), five(), |_| std::future::pending::<Result<(), Refusal>>()));
        let mut id = None;
        for _ in 0..MANY {
            assert!(poll(call.as_mut()).is_pending());
            if let Some(request) = gate.get_pending().await.unwrap().pop() {
                id = Some(request.id());
                gate.decide(request.id(), Decision::approve(alice(), request.digest())).await.unwrap();
            }
        }
        id.expect("it asked")
    };
    rest().await;
    let request = gate.get_request(id).await.unwrap();
    assert!(request.is_indeterminate());
    request
}

static RESUMED: AtomicUsize = AtomicUsize::new(0);

#[requires_approval(resumable)]
async fn post_parcel(to: String) -> Result<usize, Refusal> {
    RESUMED.fetch_add(1, Ordering::SeqCst);
    tokio::task::yield_now().await;
    Ok(to.len())
}

/// A resumption that is dropped before the claim leaves the approval to the next one; dropped behind it, the call is not
/// started again.
#[tokio::test(start_paused = true)]
async fn i25_dropped_resumption_starts_once() {
    let mut left = BTreeSet::new();
    for polls in 0..MANY {
        let gate = slow();
        let new = NewRequest::new(Tool::named("post_parcel"), json!({"to": "bob"}));
        let id = gate.create_request(new).await.unwrap().id();
        gate.decide(id, Decision::approve(alice(), gate.get_request(id).await.unwrap().digest())).await.unwrap();
        RESUMED.store(0, Ordering::SeqCst);
        let completed = cut_short(polls, gate.resume(id)).is_some();
        let started = RESUMED.load(Ordering::SeqCst);
        rest().await;
        let request = gate.get_request(id).await.unwrap();
        let state = request.execution().state;
        left.insert(state.as_str());
        let again = gate.resume(id).await;
        match state {
            ExecutionState::NotStarted => {
                assert_eq!((started, request.status()), (0, ApprovalStatus::Approved), "after {polls} polls");
                assert_eq!(again.unwrap(), json!(3));
            }
            ExecutionState::Indeterminate => assert!(again.is_err() && !completed, "after {polls} polls"),
            ExecutionState::Executed => assert!(again.is_err() && started == 1, "after {polls} polls"),
            state => panic!("after {polls} polls: {state}"),
        }
        assert!(RESUMED.load(Ordering::SeqCst) <= 1, "after {polls} polls");
        if completed {
            assert_eq!(left.into_iter().collect::<Vec<_>>(), ["executed", "indeterminate", "not_started"]);
            return;
        }
    }
    panic!("it never returns");
}

/// A live call, a resumption and a recovery want the same start; one of them is dropped anywhere. One body starts at most.
#[tokio::test(start_paused = true)]
async fn i02_live_call_and_resumption_start_once() {
    for polls in 0..30 {
        for live_first in [true, false] {
            let store = Arc::new(Slow(MemoryStore::new()));
            let gate = || builder().shared_store(Arc::<Slow>::clone(&store)).build().unwrap();
            let (here, there) = (gate(), gate());
            RACED.store(0, Ordering::SeqCst);
            let mut live = Some(Box::pin(here.scope(send_parcel("bob".into()))));
            let mut asked: Option<RequestId> = None;
            while asked.is_none() {
                assert!(poll(live.as_mut().expect("it waits").as_mut()).is_pending());
                asked = here.get_pending().await.unwrap().pop().map(|request| request.id());
            }
            let id = asked.expect("it is asked");
            here.decide(id, Decision::approve(alice(), here.get_request(id).await.unwrap().digest())).await.unwrap();
            let mut resumption = Some(Box::pin(there.resume(id)));
            for round in 0..MANY {
                if round == polls {
                    if live_first { live = None } else { resumption = None }
                }
                if live.as_mut().is_some_and(|live| poll(live.as_mut()).is_ready()) {
                    live = None;
                }
                if resumption.as_mut().is_some_and(|resumption| poll(resumption.as_mut()).is_ready()) {
                    resumption = None;
                }
                tokio::task::yield_now().await;
            }
            rest().await;
            let started = RACED.load(Ordering::SeqCst);
            let request = here.get_request(id).await.unwrap();
            match request.execution().state {
                ExecutionState::Executed => assert_eq!(started, 1),
                ExecutionState::Indeterminate => assert!(started <= 1),
                state => assert_eq!((started, request.status()), (0, ApprovalStatus::Cancelled), "{state} after {polls}"),
            }
            assert!(there.recover().await.unwrap().finished.is_empty(), "nothing is left to start");
        }
    }
}

static RACED: AtomicUsize = AtomicUsize::new(0);

#[requires_approval(resumable)]
async fn send_parcel(to: String) -> Result<usize, Refusal> {
    RACED.fetch_add(1, Ordering::SeqCst);
    tokio::task::yield_now().await;
    Ok(to.len())
}
