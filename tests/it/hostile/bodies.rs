//! Whole bodies: a model's arguments, and a reviewer's decision.

use approval_runtime::testing::TestGate;
use approval_runtime::{ApprovalGate, CallError, Refusal, Tool};
use serde_json::{Value, json};

use super::corpus::{Bite, Case, Outcome, biting};
use super::tools::effects;
use crate::server::{decide_path, served};

/// I7: a body is refused by the name of what is wrong with it, and nobody is asked; or it runs as it was shown.
#[tokio::test(start_paused = true)]
async fn i07_tool_calls_are_read_strictly() {
    for case in biting(Bite::ToolCall) {
        let (id, expect) = (&*case.id, &case.expect);
        let gate = TestGate::approve_all(ApprovalGate::builder());
        let returned = gate.call_json("corpus.process_payment", case.body()).await;
        match expect.outcome {
            Outcome::Refused => refused(case, &gate, &returned.expect_err(id)),
            Outcome::RefusedOrNeedsHuman if returned.is_err() => refused(case, &gate, &returned.expect_err(id)),
            _ => ran_as_shown(case, &gate, &returned.expect(id)),
        }
    }
}

fn refused(case: &Case, gate: &TestGate, error: &CallError) {
    let (id, expect) = (&*case.id, &case.expect);
    let code = error.code();
    if let Some(expected) = &expect.error {
        assert_eq!(code, expected, "{id}: {error}");
    }
    assert!(matches!(error, CallError::Refused(Refusal::Invalid { id: None, .. })), "{id}: {error:?}");
    gate.assert_nothing_asked();
    assert!(gate.auto_approved().is_empty(), "{id}");
    assert_eq!(effects(), [] as [Value; 0], "{id}: a body ran");
}

fn ran_as_shown(case: &Case, gate: &TestGate, returned: &Value) {
    let (id, expect) = (&*case.id, &case.expect);
    let request = gate.asked().into_iter().chain(gate.auto_approved()).next().expect(id);
    assert_eq!(request.arguments().to_value(), *returned, "{id}: it ran on what was shown");
    assert_eq!(effects(), std::slice::from_ref(returned), "{id}: once");
    for fact in request.facts() {
        let ran = &returned[&fact.name];
        assert_eq!(fact.value, ran.to_string(), "{id}: {}", fact.name);
        if let Some(expected) = expect.render_fields.get(&fact.name) {
            assert_eq!(&fact.value, expected, "{id}: {}", fact.name);
        }
    }
}

/// I7, T14: a decision that is not whole and strict JSON is refused by name, and the request stays as it was.
#[tokio::test]
async fn i07_decisions_are_read_strictly() {
    let served = served().await;
    let request = served.ask(Tool::named("bare.process_payment"), json!({"to": "bob", "amount": 5000})).await;
    for case in biting(Bite::DecideBody) {
        let (id, expect) = (&*case.id, &case.expect);
        assert_eq!(expect.outcome, Outcome::Refused, "{id}: nobody knows what to expect");
        let answer = served.call("POST", &decide_path(&request)).body("application/json", case.body()).send().await;
        assert_eq!((answer.status, Some(answer.problem())), (400, expect.error.clone()), "{id}");
        let now = served.gate.get_request(request.id()).await.expect("it is kept");
        assert_eq!(serde_json::to_value(&now).expect("JSON"), serde_json::to_value(&request).expect("JSON"), "{id}");
    }
    // The same door takes a decision that is in order.
    assert_eq!(served.approve(&request).await.status, 200);
}
