//! The same call made again: by an agent that was restarted, or that tries again.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use approval_runtime::{
    Agent, ApprovalGate, ApprovalPolicy, ApprovalStatus, ApprovalStore, Decision, Execution, ExecutionState, MemoryStore,
    NewRequest, Refusal, RequestQuery, Reviewer, Settlement, Tool, requires_approval,
};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::tools::{Starts, alice, approve, builder, five, pay, pending, reject};

fn store() -> Arc<dyn ApprovalStore> {
    Arc::new(MemoryStore::new())
}

/// A gate as another process would have it, on the same store.
fn on(store: &Arc<dyn ApprovalStore>) -> ApprovalGate {
    builder().shared_store(Arc::clone(store)).build().unwrap()
}

fn agent() -> Agent {
    Agent::new("support").run_id("run-7").call_id("call-1")
}

async fn call(gate: &ApprovalGate, starts: &Starts) -> Result<Value, Refusal> {
    agent().scope(starts.pay(gate, five())).await
}

async fn count(gate: &ApprovalGate) -> usize {
    gate.get_requests(&RequestQuery::new()).await.unwrap().requests.len()
}

/// I2: whoever calls again while the first call waits is told what comes of it; the body starts once.
#[tokio::test(start_paused = true)]
async fn i02_same_call_waits_for_one_request() {
    let (gate, starts) = (on(&store()), Starts::default());
    let review = async {
        let request = pending(&gate).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(count(&gate).await, 1);
        gate.decide(request.id(), Decision::approve(alice(), request.digest())).await.unwrap()
    };
    let (one, two, _) = tokio::join!(call(&gate, &starts), call(&gate, &starts), review);
    assert_eq!((one.is_ok(), two.is_ok()), (true, false), "{one:?} {two:?}");
    assert!(matches!(two, Err(Refusal::InProgress { .. } | Refusal::AlreadyExecuted { .. })), "{two:?}");
    assert_eq!(starts.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn restarted_agent_finds_its_request() {
    let (store, starts) = (store(), Starts::default());
    let first = on(&store);
    {
        let call = call(&first, &starts);
        tokio::select! {
            biased;
            _ = call => panic!("nobody has decided"),
            () = async { pending(&first).await; first.shutdown().await } => {}
        }
    }
    // While it was down somebody decided.
    let second = on(&store);
    let request = pending(&second).await;
    second.decide(request.id(), Decision::approve(alice(), request.digest())).await.unwrap();
    call(&second, &starts).await.unwrap();
    assert_eq!((starts.count(), count(&second).await), (1, 1));
    let ran = second.get_request(request.id()).await.unwrap();
    assert_eq!((ran.execution().state, ran.execution().holder), (ExecutionState::Executed, Some(second.instance())));
}

#[tokio::test(start_paused = true)]
async fn pending_call_waits_on() {
    let (store, starts) = (store(), Starts::default());
    let patience = || pay().max_wait(Duration::from_secs(2));
    let first = ApprovalGate::builder().without_notifier().tool(patience()).shared_store(Arc::clone(&store)).build().unwrap();
    let refusal = call(&first, &starts).await.unwrap_err();
    assert_eq!(refusal.code(), "pending");
    assert!(!first.get_request(refusal.request_id().unwrap()).await.unwrap().is_waited_for());
    let second = on(&store);
    let (returned, request) = tokio::join!(call(&second, &starts), approve(&second));
    returned.unwrap();
    assert_eq!(Some(request.id()), refusal.request_id());
    assert_eq!((starts.count(), count(&second).await), (1, 1));
}

/// I3, I12: what ended stays so, and the caller is told how.
#[tokio::test(start_paused = true)]
async fn i12_ended_call_gets_its_outcome() {
    let (store, starts) = (store(), Starts::default());
    let gate = on(&store);
    let (returned, _) = tokio::join!(call(&gate, &starts), reject(&gate));
    let (first, again) = (returned.unwrap_err(), call(&on(&store), &starts).await.unwrap_err());
    assert!(again.is_rejected(), "{again}");
    assert_eq!(first.request_id(), again.request_id());
    assert_eq!((starts.count(), count(&gate).await), (0, 1));

    let late = Agent::new("support").run_id("run-7").call_id("call-2");
    let timed_out = late.scope(starts.pay(&gate, five())).await.unwrap_err();
    assert!(timed_out.is_timed_out());
    let again = late.scope(starts.pay(&gate, five())).await.unwrap_err();
    assert_eq!((again.is_timed_out(), again.request_id()), (true, timed_out.request_id()));
}

#[tokio::test(start_paused = true)]
async fn executed_call_does_not_run_again() {
    let (store, starts) = (store(), Starts::default());
    let gate = on(&store);
    let (returned, _) = tokio::join!(call(&gate, &starts), approve(&gate));
    returned.unwrap();
    let again = call(&gate, &starts).await.unwrap_err();
    assert_eq!(again.code(), "already_executed");
    assert_eq!(starts.count(), 1);
}

/// I16: another run, call, principal, tool or text is another request.
#[tokio::test(start_paused = true)]
async fn i16_other_calls_ask_anew() {
    let gate = builder().policy(ApprovalPolicy::new().add_deny_rule("pay", "never", |_: &Value| true)).build().unwrap();
    let of = |agent: Agent, amount: u64| {
        let gate = gate.clone();
        async move {
            let body = |_| async { Ok::<_, Refusal>(()) };
            let refused = agent.scope(gate.call(pay(), json!({"amount": amount}), body)).await.unwrap_err();
            refused.request_id().unwrap()
        }
    };
    let first = of(agent(), 5).await;
    assert_eq!(of(agent(), 5).await, first);
    let others = [
        of(agent().run_id("run-8"), 5).await,
        of(agent().call_id("call-2"), 5).await,
        of(agent().on_behalf_of("bob"), 5).await,
        of(agent(), 6).await,
    ];
    assert!(!others.contains(&first));
    let unnamed = [of(Agent::new("support").run_id("run-7"), 5).await, of(Agent::new("support").run_id("run-7"), 5).await];
    assert_ne!(unnamed[0], unnamed[1], "without a call id every call is its own request");
}

/// A caller that goes away withdraws its request, and may ask again.
#[tokio::test(start_paused = true)]
async fn withdrawn_call_can_be_made_again() {
    let (store, starts) = (store(), Starts::default());
    let gate = on(&store);
    let gave_up = tokio::time::timeout(Duration::from_secs(1), call(&gate, &starts)).await;
    assert!(gave_up.is_err());
    let (returned, _) = tokio::join!(call(&gate, &starts), approve(&gate));
    returned.unwrap();
    assert_eq!((starts.count(), count(&gate).await), (1, 2));
}

/// I25: of two that wait for one request, one that goes away takes nothing from the other.
#[tokio::test(start_paused = true)]
async fn i25_one_of_two_leaves() {
    let (gate, starts) = (on(&store()), Starts::default());
    let leaves = async { tokio::time::timeout(Duration::from_secs(1), call(&gate, &starts)).await.is_err() };
    let stays = async {
        tokio::task::yield_now().await;
        call(&gate, &starts).await
    };
    let review = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        approve(&gate).await
    };
    let (left, returned, _) = tokio::join!(leaves, stays, review);
    assert!(left);
    returned.unwrap();
    assert_eq!(starts.count(), 1);
}

/// I5: a rule that would let the call through by now does not run other values than a reviewer put there.
#[tokio::test(start_paused = true)]
async fn i05_rule_runs_no_unedited_values() {
    let (store, starts) = (store(), Starts::default());
    let first = on(&store);
    let asked = first.create_request(NewRequest::new(pay(), five()).agent(agent())).await.unwrap();
    assert_eq!(asked.status(), ApprovalStatus::Pending);
    let (returned, ()) =
        tokio::join!(async { tokio::time::timeout(Duration::from_secs(60), call(&first, &starts)).await }, async {
            let request = loop {
                let waiting = first.get_pending().await.unwrap().into_iter().find(|request| request.id() != asked.id());
                match waiting {
                    Some(request) => break request,
                    None => tokio::task::yield_now().await,
                }
            };
            first.shutdown().await;
            let lenient = builder()
                .policy(ApprovalPolicy::new().add_auto_approve_rule("pay", "always", |_: &Value| true))
                .shared_store(Arc::clone(&store))
                .build()
                .unwrap();
            let edited = Decision::approve(alice(), request.digest()).edited_arguments(json!({"amount": 1}));
            lenient.decide(request.id(), edited).await.unwrap();
            let refusal = call(&lenient, &starts).await.unwrap_err();
            assert_eq!(refusal.code(), "digest_mismatch");
        });
    assert_eq!(returned.unwrap().unwrap_err().code(), "shutting_down");
    assert_eq!(starts.count(), 0);
}

static CHARGED: AtomicU64 = AtomicU64::new(0);

#[requires_approval(name = "again.charge", record)]
async fn charge(account: String) -> Result<u64, Refusal> {
    assert!(!account.is_empty());
    Ok(40 + CHARGED.fetch_add(1, Ordering::SeqCst) + 2)
}

#[tokio::test(start_paused = true)]
async fn recorded_result_is_given_again() {
    let gate = on(&store());
    let call = || gate.scope(agent().scope(charge("a".into())));
    let (returned, request) = tokio::join!(call(), approve(&gate));
    assert_eq!(returned.unwrap(), 42);
    assert_eq!(call().await.unwrap(), 42, "it does not run again");
    let request = gate.get_request(request.id()).await.unwrap();
    assert_eq!(request.execution().result.as_deref(), Some("42"));
    assert_eq!(serde_json::to_value(&request).unwrap()["execution"]["result"], 42);
    assert!(request.execution().result_digest.is_some());
    assert_eq!(CHARGED.load(Ordering::SeqCst), 1);
}

#[requires_approval(name = "again.key", auto_approve = true)]
async fn key(nth: u32) -> Result<Option<String>, Refusal> {
    let before = Execution::current().idempotency_key();
    tokio::task::yield_now().await;
    let _ = nth;
    assert_eq!(before, Execution::current().idempotency_key());
    Ok(before)
}

/// The key is that of the call, over awaits and beside other calls, and nobody else's.
#[tokio::test]
async fn body_knows_its_key() {
    let gate = on(&store());
    assert_eq!(Execution::current().request_id(), None);
    let (one, two) = gate.scope(async { tokio::join!(key(1), key(2)) }).await;
    let (one, two) = (one.unwrap().unwrap(), two.unwrap().unwrap());
    assert_ne!(one, two);
    let ids = gate.get_requests(&RequestQuery::new()).await.unwrap().requests;
    assert!(ids.iter().any(|request| one == format!("approval-{}", request.id())));
    assert_eq!(Execution::current().idempotency_key(), None);
    let open = builder().policy(ApprovalPolicy::new().pass_through("again.key")).build().unwrap();
    assert_eq!(open.scope(key(3)).await.unwrap(), None, "what passes has no request");
}

/// I13: nobody knows how far a body came that was cut short; a person says it, once, and nothing runs.
#[tokio::test(start_paused = true)]
async fn i13_person_settles_the_unknown() {
    let gate = builder().tool(Tool::named("move").approvers(["ops"])).build().unwrap();
    let (started, ops) = (Arc::new(Notify::new()), || Reviewer::new("olga").role("ops"));
    let body = |_| {
        let started = Arc::clone(&started);
        async move {
            started.notify_one();
            std::future::pending::<Result<(), Refusal>>().await
        }
    };
    let review = async {
        let request = pending(&gate).await;
        gate.decide(request.id(), Decision::approve(ops(), request.digest())).await.unwrap();
        started.notified().await;
        request.id()
    };
    let id = tokio::select! {
        _ = gate.call(Tool::named("move"), json!({}), body) => panic!("it does not end"),
        id = review => id,
    };
    let unknown = gate.get_indeterminate().await.unwrap();
    assert_eq!(unknown.iter().map(approval_runtime::ApprovalRequest::id).collect::<Vec<_>>(), [id]);
    let stranger = gate.settle(id, Reviewer::new("mallory"), Settlement::Executed).await.unwrap_err();
    assert_eq!(stranger.code(), "not_allowed");
    let settled = gate.settle(id, ops(), Settlement::Failed).await.unwrap();
    assert_eq!((settled.execution().state, settled.execution().settled_by.as_deref()), (ExecutionState::Failed, Some("olga")));
    assert!(gate.settle(id, ops(), Settlement::Failed).await.is_ok(), "saying it again is safe");
    let other = gate.settle(id, ops(), Settlement::Executed).await.unwrap_err();
    assert_eq!(other.code(), "not_indeterminate");
    assert!(gate.get_indeterminate().await.unwrap().is_empty());
}

/// Reviewers were told by a process that is gone: whoever takes the call up tells them again.
#[tokio::test(start_paused = true)]
async fn taken_up_call_is_told_again() {
    let (store, starts) = (store(), Starts::default());
    let first = on(&store);
    let gave_up = {
        let call = call(&first, &starts);
        tokio::select! {
            biased;
            _ = call => None,
            id = async { let id = pending(&first).await.id(); first.shutdown().await; id } => Some(id),
        }
    };
    let told = Arc::new(std::sync::Mutex::new(Vec::new()));
    let second = ApprovalGate::builder()
        .tool(pay())
        .shared_store(Arc::clone(&store))
        .notifier(Tells(Arc::clone(&told)))
        .build()
        .unwrap();
    let review = async {
        loop {
            let first = told.lock().unwrap().first().copied();
            if let Some(id) = first {
                let request = second.get_request(id).await.unwrap();
                return second.decide(id, Decision::approve(alice(), request.digest())).await.unwrap();
            }
            tokio::task::yield_now().await;
        }
    };
    let (returned, request) = tokio::join!(call(&second, &starts), review);
    returned.unwrap();
    assert_eq!(gave_up, Some(request.id()));
    assert_eq!(told.lock().unwrap().len(), 1);
}

#[derive(Debug)]
struct Tells(Arc<std::sync::Mutex<Vec<approval_runtime::RequestId>>>);

impl approval_runtime::Notifier for Tells {
    fn name(&self) -> &'static str {
        "tells"
    }

    fn can_reach(&self) -> bool {
        true
    }

    fn notify(
        &self,
        notice: approval_runtime::Notice,
    ) -> approval_runtime::BoxFuture<'_, Result<(), approval_runtime::NotifyError>> {
        self.0.lock().unwrap().push(notice.request.id());
        Box::pin(std::future::ready(Ok(())))
    }
}
