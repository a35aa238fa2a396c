//! Approved calls that another process finishes.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use approval_runtime::request::GRANT_TTL;
use approval_runtime::{
    Agent, ApprovalGate, ApprovalPolicy, ApprovalRequest, ApprovalStore, Decision, ExecutionState, MemoryStore, NewRequest,
    Refusal, ResumeError, Tool, requires_approval,
};
use serde_json::{Value, json};

use crate::tools::{alice, builder, five};

static WIRED: AtomicUsize = AtomicUsize::new(0);

#[requires_approval(name = "resume.wire", resumable, record, auto_approve = cents == 0)]
async fn wire(to: String, cents: u64) -> Result<String, Refusal> {
    WIRED.fetch_add(1, Ordering::SeqCst);
    let by = Agent::current().map(|agent| agent.name().to_owned());
    tokio::task::yield_now().await;
    Ok(format!("{cents} to {to} by {}", by.as_deref().unwrap_or("nobody")))
}

fn wire_tool() -> Tool {
    Tool::named("resume.wire")
}

async fn approved(gate: &ApprovalGate, to: &str) -> ApprovalRequest {
    let new = NewRequest::new(wire_tool(), json!({"to": to, "cents": 5})).agent(Agent::new("treasury").run_id("r"));
    let request = gate.create_request(new).await.unwrap();
    gate.decide(request.id(), Decision::approve(alice(), request.digest())).await.unwrap()
}

fn store() -> Arc<dyn ApprovalStore> {
    Arc::new(MemoryStore::new())
}

fn on(store: &Arc<dyn ApprovalStore>) -> ApprovalGate {
    builder().shared_store(Arc::clone(store)).build().unwrap()
}

/// I2, I5: what was approved runs, once, wherever it is resumed.
#[tokio::test(start_paused = true)]
async fn i02_resumed_call_runs_once() {
    let store = store();
    let request = approved(&on(&store), "i02").await;
    let gates = [on(&store), on(&store), on(&store)];
    let before = WIRED.load(Ordering::SeqCst);
    let id = request.id();
    let resume = |gate: ApprovalGate| async move { gate.resume(id).await };
    let (one, two, three) =
        tokio::join!(resume(gates[0].clone()), resume(gates[1].clone()), async { gates[2].recover().await });
    let recovered = three.unwrap().finished.into_iter().map(|(_, returned)| returned);
    let results: Vec<_> = [one, two].into_iter().chain(recovered).collect();
    let returned = json!("5 to i02 by treasury");
    assert!(results.iter().any(|result| result.as_ref().is_ok_and(|value| *value == returned)), "{results:?}");
    for result in &results {
        match result {
            Ok(value) => assert_eq!(*value, returned),
            Err(error) => assert!(error.to_string().contains("is running already"), "{error}"),
        }
    }
    assert_eq!(WIRED.load(Ordering::SeqCst) - before, 1);
    // Whoever asks later gets what was kept.
    assert_eq!(gates[0].resume(request.id()).await.unwrap(), returned);
    assert_eq!(gates[0].get_request(request.id()).await.unwrap().execution().state, ExecutionState::Executed);
}

#[tokio::test(start_paused = true)]
async fn recovery_finishes_what_nobody_waits_for() {
    let store = store();
    let (asked, here) = (on(&store), on(&store));
    let left = approved(&asked, "left").await;
    let other = asked.create_request(NewRequest::new(Tool::named("elsewhere"), five())).await.unwrap();
    asked.decide(other.id(), Decision::approve(alice(), other.digest())).await.unwrap();
    let still_pending = asked.create_request(NewRequest::new(wire_tool(), json!({"to": "x", "cents": 1}))).await.unwrap();
    let recovery = here.recover().await.unwrap();
    assert_eq!(recovery.finished.len(), 1);
    assert_eq!(
        (recovery.finished[0].0, recovery.finished[0].1.as_ref().ok()),
        (left.id(), Some(&json!("5 to left by treasury")))
    );
    assert_eq!(recovery.unrunnable, [other.id()]);
    assert_eq!(here.get_request(still_pending.id()).await.unwrap().execution().state, ExecutionState::NotStarted);
    assert!(here.recover().await.unwrap().finished.is_empty());
}

#[tokio::test(start_paused = true)]
async fn recovery_leaves_waiting_calls_alone() {
    let store = store();
    let (asked, other) = (on(&store), on(&store));
    let call = asked.scope(wire("waits".into(), 7));
    let review = async {
        let request = crate::tools::pending(&asked).await;
        // Approved through another gate: its own caller has not been woken when the other one looks.
        other.decide(request.id(), Decision::approve(alice(), request.digest())).await.unwrap();
        other.recover().await.unwrap()
    };
    let (returned, recovery) = tokio::join!(call, review);
    assert_eq!(returned.unwrap(), "7 to waits by nobody");
    assert!(recovery.finished.is_empty() && recovery.unrunnable.is_empty());
}

#[tokio::test(start_paused = true)]
async fn i15_unused_approval_is_not_resumed() {
    let gate = on(&store());
    let request = approved(&gate, "late").await;
    tokio::time::advance(GRANT_TTL + Duration::from_secs(1)).await;
    let error = gate.resume(request.id()).await.unwrap_err();
    assert!(error.to_string().contains("not used in time"), "{error}");
}

/// I10, I27: deny rules are asked again, allow rules are not.
#[tokio::test(start_paused = true)]
async fn i27_resumed_call_is_denied_by_now() {
    let store = store();
    let request = approved(&on(&store), "denied").await;
    let strict = builder()
        .policy(ApprovalPolicy::new().add_deny_rule("resume.wire", "closed", |_: &Value| true))
        .shared_store(Arc::clone(&store))
        .build()
        .unwrap();
    let error = strict.resume(request.id()).await.unwrap_err();
    assert!(error.to_string().contains("a deny rule forbids it by now"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn pending_and_rejected_are_not_resumed() {
    let gate = on(&store());
    let new = || NewRequest::new(wire_tool(), json!({"to": "p", "cents": 0}));
    let request = gate.create_request(new()).await.unwrap();
    let error = gate.resume(request.id()).await.unwrap_err();
    assert!(error.to_string().contains("is still waiting"), "{error}");
    gate.decide(request.id(), Decision::reject(alice())).await.unwrap();
    let error = gate.resume(request.id()).await.unwrap_err();
    assert!(error.to_string().contains("was rejected by alice"), "{error}");
    let unknown = gate.resume(approval_runtime::RequestId::random()).await.unwrap_err();
    assert!(matches!(unknown, ResumeError::Unread(_)), "{unknown:?}");
}

/// I16: a tool that is no longer what was approved does not run, and what does not fit it neither.
#[tokio::test(start_paused = true)]
async fn i16_changed_tool_is_not_resumed() {
    let store = store();
    let gate = on(&store);
    let bad = gate.create_request(NewRequest::new(wire_tool(), json!({"to": 3}))).await.unwrap();
    gate.decide(bad.id(), Decision::approve(alice(), bad.digest())).await.unwrap();
    let error = gate.resume(bad.id()).await.unwrap_err();
    assert!(matches!(error, ResumeError::Unrunnable { .. }), "{error:?}");
    assert_eq!(gate.recover().await.unwrap().unrunnable, [bad.id()]);
    assert_eq!(gate.get_request(bad.id()).await.unwrap().execution().state, ExecutionState::NotStarted);
}

/// An edit is checked as the function would read it, although no call waits.
#[tokio::test(start_paused = true)]
async fn edit_of_unattended_call_is_checked() {
    let gate = on(&store());
    let request = gate.create_request(NewRequest::new(wire_tool(), json!({"to": "e", "cents": 5}))).await.unwrap();
    let edit = |edited: Value| Decision::approve(alice(), request.digest()).edited_arguments(edited);
    let error = gate.decide(request.id(), edit(json!({"to": "e", "cents": -1}))).await.unwrap_err();
    assert_eq!(error.code(), "invalid_edit");
    gate.decide(request.id(), edit(json!({"to": "e", "cents": 1}))).await.unwrap();
    assert_eq!(gate.resume(request.id()).await.unwrap(), json!("1 to e by nobody"));
}

#[requires_approval(name = "resume.trips", resumable)]
async fn trips(over: String) -> Result<String, Refusal> {
    panic!("over {over}")
}

/// F19: of the calls that are recovered, one that panics keeps no other from being finished.
#[tokio::test(start_paused = true)]
async fn f19_panic_stops_no_recovery() {
    let gate = on(&store());
    let new = NewRequest::new(Tool::named("resume.trips"), json!({"over": "a stone"}));
    let first = gate.create_request(new).await.unwrap();
    gate.decide(first.id(), Decision::approve(alice(), first.digest())).await.unwrap();
    let second = approved(&gate, "f19").await;
    let recovery = gate.recover().await.unwrap();
    let ids: Vec<_> = recovery.finished.iter().map(|(id, _)| *id).collect();
    assert_eq!(ids, [first.id(), second.id()]);
    let error = recovery.finished[0].1.as_ref().unwrap_err();
    assert!(error.to_string().contains("it panicked"), "{error}");
    assert!(recovery.finished[1].1.is_ok());
    assert_eq!(gate.get_request(first.id()).await.unwrap().execution().state, ExecutionState::Failed);
}
