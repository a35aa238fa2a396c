//! One call, from its arguments to its outcome.

use std::time::Duration;

use approval_runtime::testing::{Reply, TestGate};
use approval_runtime::{ApprovalStatus, Decision, EventKind, ExecutionState, NewRequest, Refusal, Reviewer, Tool, Transition};
use serde_json::{Value, json};

use crate::tools::{Starts, alice, approve, builder, five, gate, pay, pending, reject};

#[tokio::test(start_paused = true)]
async fn approved_call_runs_once() {
    let (gate, starts) = (gate(), Starts::default());
    let (returned, request) = tokio::join!(starts.pay(&gate, five()), approve(&gate));
    assert_eq!(returned.unwrap(), five());
    assert_eq!(starts.count(), 1);
    let request = gate.get_request(request.id()).await.unwrap();
    assert_eq!((request.status(), request.decided_by()), (ApprovalStatus::Approved, Some("alice")));
    assert_eq!(request.execution().state, ExecutionState::Executed);
}

#[tokio::test(start_paused = true)]
async fn rejected_call_does_not_run() {
    let (gate, starts) = (gate(), Starts::default());
    let (returned, request) = tokio::join!(starts.pay(&gate, five()), reject(&gate));
    let refusal = returned.unwrap_err();
    assert_eq!(refusal.to_string(), "Action 'pay' was rejected by alice.");
    assert_eq!((refusal.code(), refusal.request_id()), ("rejected", Some(request.id())));
    let Refusal::Rejected { comment, .. } = refusal else { panic!("{refusal:?}") };
    assert_eq!(comment.as_deref(), Some("not today"));
    assert_eq!(starts.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn undecided_call_times_out() {
    let (gate, starts) = (gate(), Starts::default());
    let started = tokio::time::Instant::now();
    let refusal = starts.pay(&gate, five()).await.unwrap_err();
    assert_eq!(refusal.to_string(), "Action 'pay' timed out waiting for approval.");
    assert!(started.elapsed() >= Duration::from_secs(120));
    assert_eq!(starts.count(), 0);
    let request = gate.get_request(refusal.request_id().unwrap()).await.unwrap();
    assert_eq!(request.status(), ApprovalStatus::TimedOut);
}

/// The article's sentences, word for word, for tools that return `String`.
#[tokio::test(start_paused = true)]
async fn string_tools_return_the_articles_sentences() {
    let replies = [Reply::reject("").by(alice()), Reply::silence(), Reply::approve()];
    let gate = TestGate::script(builder(), replies);
    let email = || gate.call(Tool::named("send_email"), five(), |_| async { "sent".to_owned() });
    assert_eq!(email().await, "Action 'send_email' was rejected by alice.");
    assert_eq!(email().await, "Action 'send_email' timed out waiting for approval.");
    assert_eq!(email().await, "sent");
}

/// I6: whoever comes at the deadline comes too late.
#[tokio::test(start_paused = true)]
async fn i06_late_decision_is_refused() {
    let gate = gate();
    let request = gate.create_request(NewRequest::new(pay(), five())).await.unwrap();
    tokio::time::advance(Duration::from_secs(121)).await;
    assert_eq!(gate.get_request(request.id()).await.unwrap().status(), ApprovalStatus::TimedOut);
    assert!(gate.get_pending().await.unwrap().is_empty());
    let late = gate.decide(request.id(), Decision::approve(alice(), request.digest())).await;
    assert_eq!(late.unwrap_err().code(), "already_decided");
}

#[tokio::test(start_paused = true)]
async fn unattended_request_ends_by_itself() {
    let gate = gate();
    let mut events = gate.events();
    let request = gate.create_request(NewRequest::new(pay(), five())).await.unwrap();
    assert_eq!(events.next().await.unwrap().kind, EventKind::Changed(Transition::Requested));
    let ended = events.next().await.unwrap();
    assert_eq!((ended.kind, ended.request.id()), (EventKind::Changed(Transition::TimedOut), request.id()));
}

/// I15: an approval that nobody uses ends.
#[tokio::test(start_paused = true)]
async fn i15_unused_approval_expires() {
    let gate = gate();
    let request = gate.create_request(NewRequest::new(pay(), five())).await.unwrap();
    gate.decide(request.id(), Decision::approve(alice(), request.digest())).await.unwrap();
    tokio::time::advance(Duration::from_secs(15 * 60 + 1)).await;
    assert_eq!(gate.get_request(request.id()).await.unwrap().status(), ApprovalStatus::Expired);
}

#[tokio::test(start_paused = true)]
async fn impatient_caller_leaves_the_request_open() {
    let (gate, starts) = (gate(), Starts::default());
    let tool = Tool::named("slow").max_wait(Duration::from_secs(30));
    let refusal = starts.call(&gate, tool, five()).await.unwrap_err();
    assert_eq!(refusal.code(), "pending");
    let request = pending(&gate).await;
    assert_eq!(Some(request.id()), refusal.request_id());
    assert_eq!(starts.count(), 0);
}

/// I5: the body gets what was approved, also where a reviewer changed it.
#[tokio::test(start_paused = true)]
async fn i05_edited_arguments_are_what_runs() {
    let four = json!({"to": "bob", "amount": 4});
    let gate = TestGate::script(builder(), [Reply::approve_with(four.clone())]);
    assert_eq!(Starts::default().pay(&gate, five()).await.unwrap(), four);
    let request = &gate.asked()[0];
    assert_eq!(request.arguments().to_value(), five());
    assert_ne!(request.digest(), request.arguments().digest());
}

#[tokio::test(start_paused = true)]
async fn approval_of_other_arguments_is_refused() {
    let gate = gate();
    let one = gate.create_request(NewRequest::new(pay(), json!({"amount": 5}))).await.unwrap();
    let other = gate.create_request(NewRequest::new(pay(), json!({"amount": 5000}))).await.unwrap();
    let wrong = gate.decide(other.id(), Decision::approve(alice(), one.digest())).await;
    assert_eq!(wrong.unwrap_err().code(), "digest_mismatch");
    assert_eq!(gate.get_request(other.id()).await.unwrap().status(), ApprovalStatus::Pending);
}

/// I3, and the shape a retried HTTP request needs.
#[tokio::test(start_paused = true)]
async fn i03_repeated_decision_returns_the_first() {
    let gate = gate();
    let request = gate.create_request(NewRequest::new(pay(), five())).await.unwrap();
    let approve = || Decision::approve(alice(), request.digest());
    let first = gate.decide(request.id(), approve()).await.unwrap();
    let again = gate.decide(request.id(), approve()).await.unwrap();
    assert_eq!(first.version(), again.version());
    let other = gate.decide(request.id(), Decision::reject(alice())).await;
    assert_eq!(other.unwrap_err().code(), "already_decided");
    let somebody = gate.decide(request.id(), Decision::approve(Reviewer::new("bob"), request.digest())).await;
    assert_eq!(somebody.unwrap_err().code(), "already_decided");
}

#[tokio::test(start_paused = true)]
async fn body_error_is_recorded_as_failed() {
    let gate = gate();
    let call =
        gate.call(pay(), five(), |_| async { Err::<(), _>(Box::<dyn std::error::Error + Send + Sync>::from("no money")) });
    let (returned, request) = tokio::join!(call, approve(&gate));
    assert_eq!(returned.unwrap_err().to_string(), "no money");
    assert_eq!(gate.get_request(request.id()).await.unwrap().execution().state, ExecutionState::Failed);
}

#[tokio::test(start_paused = true)]
async fn body_panic_is_recorded_and_resumed() {
    let gate = gate();
    let caller = gate.clone();
    let call = async move { caller.call(pay(), five(), |_| async { panic!("out of paper") as Result<(), Refusal> }).await };
    let (joined, request) = tokio::join!(tokio::spawn(call), approve(&gate));
    let panic = joined.unwrap_err().into_panic();
    assert_eq!(panic.downcast_ref::<&str>(), Some(&"out of paper"));
    assert_eq!(gate.get_request(request.id()).await.unwrap().execution().state, ExecutionState::Failed);
    // Other calls go on.
    let starts = Starts::default();
    let (returned, _) = tokio::join!(starts.pay(&gate, five()), approve(&gate));
    assert!(returned.is_ok());
}

/// I28: a full gate refuses with a type, and takes calls again when there is room.
#[tokio::test(start_paused = true)]
async fn i28_too_many_pending_is_typed() {
    let (gate, starts) = (builder().max_pending(1).build().unwrap(), Starts::default());
    let first = gate.create_request(NewRequest::new(pay(), five())).await.unwrap();
    let refusal = starts.pay(&gate, five()).await.unwrap_err();
    assert!(matches!(refusal, Refusal::TooManyPending { limit: 1, .. }), "{refusal:?}");
    gate.decide(first.id(), Decision::reject(alice())).await.unwrap();
    let (returned, _) = tokio::join!(starts.pay(&gate, five()), approve(&gate));
    assert!(returned.is_ok());
}

/// I28: what is too large, too deep or too wide is refused by name, and nothing is stored.
#[tokio::test(start_paused = true)]
async fn i28_capture_is_bounded() {
    let (gate, starts) = (gate(), Starts::default());
    let deep = (0..100).fold(json!(1), |inner, _| json!([inner]));
    let wide: serde_json::Map<String, Value> = (0..5_000).map(|n| (n.to_string(), json!(n))).collect();
    let cases = [
        (json!({"body": "a".repeat(300 * 1024)}), "too_large"),
        (json!({ "a": deep }), "too_deep"),
        (json!({ "a": wide }), "too_many_keys"),
        (json!({"$redacted": "a"}), "reserved_key"),
        (json!(["not", "an", "object"]), "type_mismatch"),
    ];
    for (arguments, code) in cases {
        let refusal = starts.pay(&gate, arguments).await.unwrap_err();
        assert_eq!(refusal.code(), code, "{refusal}");
    }
    assert!(gate.get_pending().await.unwrap().is_empty());
    assert_eq!(starts.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn withdrawn_request_does_not_run() {
    let (gate, starts) = (gate(), Starts::default());
    let withdraw = async {
        let request = pending(&gate).await;
        gate.cancel(request.id(), "operator").await.unwrap()
    };
    let (returned, request) = tokio::join!(starts.pay(&gate, five()), withdraw);
    assert_eq!(returned.unwrap_err().code(), "cancelled");
    assert_eq!((request.status(), request.decided_by()), (ApprovalStatus::Cancelled, Some("operator")));
    assert_eq!(starts.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn events_tell_the_whole_story() {
    let (gate, starts) = (gate(), Starts::default());
    let mut events = gate.events();
    let (_, request) = tokio::join!(starts.pay(&gate, five()), approve(&gate));
    for kind in [
        EventKind::Changed(Transition::Requested),
        EventKind::Changed(Transition::Approved),
        EventKind::Changed(Transition::Started),
        EventKind::Changed(Transition::Executed),
    ] {
        let event = events.next().await.unwrap();
        assert_eq!((event.kind, event.request.id()), (kind, request.id()));
    }
}

/// I26: a reader of events that never reads holds nothing up, and is told how much it missed.
#[tokio::test(start_paused = true)]
async fn slow_event_reader_misses_and_knows() {
    let gate = gate();
    let mut events = gate.events();
    for _ in 0..600 {
        let request = gate.create_request(NewRequest::new(pay(), five())).await.unwrap();
        gate.decide(request.id(), Decision::reject(alice())).await.unwrap();
    }
    let Some(approval_runtime::events::Next::Missed(missed)) = events.next_or_missed().await else { panic!("nothing missed") };
    assert_eq!(missed, 1_200 - 1_024);
    assert!(events.next().await.is_some());
}

/// A closure that panics before it has made its future is a body that panics.
#[tokio::test(start_paused = true)]
async fn closure_panic_is_recorded_as_failed() {
    let gate = gate();
    let caller = gate.clone();
    let body = |args: Value| {
        let _ = args["nothing"].as_str().expect("a name");
        async { Ok::<(), Refusal>(()) }
    };
    let call = async move { caller.call(pay(), five(), body).await };
    let (joined, request) = tokio::join!(tokio::spawn(call), approve(&gate));
    assert!(joined.unwrap_err().is_panic());
    assert_eq!(gate.get_request(request.id()).await.unwrap().execution().state, ExecutionState::Failed);
}

/// I15: the end of an approval is written when it comes, however long the reviewers would have had.
#[tokio::test(start_paused = true)]
async fn i15_unused_approval_is_ended_in_time() {
    let gate = gate();
    let mut events = gate.events();
    let slow = Tool::named("slow").timeout(Duration::from_secs(24 * 3600));
    let request = gate.create_request(NewRequest::new(slow, five())).await.unwrap();
    gate.decide(request.id(), Decision::approve(alice(), request.digest())).await.unwrap();
    let approved = tokio::time::Instant::now();
    while events.next().await.unwrap().kind != EventKind::Changed(Transition::Expired) {}
    assert!(approved.elapsed() < Duration::from_secs(20 * 60), "{:?}", approved.elapsed());
}
