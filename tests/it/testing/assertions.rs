//! What a test says about what was asked, and what it reads when that is not so.

use std::panic::{AssertUnwindSafe, catch_unwind};

use approval_runtime::testing::{Calls, TestGate};
use approval_runtime::{Agent, Refusal, requires_approval};
use serde_json::json;

use super::builder;
use crate::tools::{Starts, five};

#[requires_approval(name = "kit.charge", timeout = 90, effect = external, skip(desk), redact(card.number), approvers("finance"),
    quorum = 2, reason = "Charge {amount}")]
async fn charge(amount: f64, card: serde_json::Value, password: &str, desk: u8) -> Result<f64, Refusal> {
    let _ = (card, password, desk);
    Ok(amount)
}

async fn charged() -> TestGate {
    let gate = TestGate::approve_all(builder());
    let card = json!({"holder": "Ada\u{202E}", "number": "4111 1111"});
    let agent = Agent::new("billing").on_behalf_of("zoe");
    gate.scope(agent.scope(charge(5.0, card, "hunter2", 1))).await.unwrap();
    gate
}

/// I23: the terminal's card, the same in each run, and nothing in it that a reviewer must not see.
#[tokio::test(start_paused = true)]
async fn i23_snapshot_is_what_a_reviewer_saw() {
    let gate = charged().await;
    Starts::default().pay(&gate, five()).await.unwrap();
    let expected = r#"kit.charge waits for approval (1:30 left, code xxxxxxxx)
  amount       5.0
  card         {"holder":"Ada\u{202E}","number":[redacted]}
               ! holds characters that turn the direction of reading
  password     [redacted]
  called by    billing
  on behalf of zoe
  effect       external
  not reviewed desk
  approvals    0 of 2
  reason given "Charge 5" (unverified)

pay waits for approval (2:00 left, code xxxxxxxx)
  amount       5
  to           "bob"
  effect       irreversible
"#;
    assert_eq!(gate.snapshot(), expected);
    assert_eq!(charged().await.snapshot(), expected.split_once("\n\n").map(|(first, _)| format!("{first}\n")).unwrap());
}

/// Where a look fails, and what is read there.
#[track_caller]
fn failure(look: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(look)).expect_err("it fails");
    panic.downcast_ref::<String>().expect("a text").clone()
}

#[tokio::test(start_paused = true)]
async fn failed_look_shows_both_sides() {
    let gate = charged().await;
    let _ = Starts::default().pay(&gate, five()).await;
    let saw = "\nthe gate saw:\n  \
        1. kit.charge {\"amount\":5.0,\"card\":{\"holder\":\"Ada\\u{202E}\",\"number\":[redacted]},\"password\":[redacted]} \
        by billing: approved, executed\n  \
        2. pay {\"amount\":5,\"to\":\"bob\"}: approved, executed";
    let looks: [(&dyn Fn(), &str); 9] = [
        (&|| drop(gate.assert_asked("refund")), "expected a call of refund that asked, and there was none"),
        (&|| drop(gate.assert_asked("pay").times(2)), "expected 2 calls of pay that asked, and there was 1"),
        (
            &|| drop(gate.assert_asked("pay").with(json!({"to": "eve"}))),
            "expected a call of pay that asked with {\"to\":\"eve\"}, and there was none",
        ),
        (
            &|| drop(gate.assert_asked("pay").with_only(json!({"to": "bob"}))),
            "expected a call of pay that asked with only {\"to\":\"bob\"}, and there was none",
        ),
        (
            &|| drop(gate.assert_asked("pay").by_agent("billing")),
            "expected a call of pay that asked by billing, and there was none",
        ),
        (
            &|| drop(gate.assert_asked("kit.charge").with(json!({"card": {"holder": "Ada", "number": "4111 1111"}}))),
            "expected a call of kit.charge that asked with {\"card\":{\"holder\":\"Ada\",\"number\":[redacted]}}, and there was none",
        ),
        (&|| drop(gate.assert_auto_approved("pay")), "expected a call of pay that a rule let through, and there was none"),
        (&|| drop(gate.assert_denied("pay")), "expected a call of pay that a deny rule refused, and there was none"),
        (&|| gate.assert_nothing_asked(), "expected no call to ask, and 2 did"),
    ];
    for (look, expected) in looks {
        assert_eq!(failure(look), format!("{expected}{saw}"));
    }
}

/// I23: a secret is compared, and not shown.
#[tokio::test(start_paused = true)]
async fn i23_secrets_are_compared_unseen() {
    let gate = charged().await;
    let with = |password: &str| drop(gate.assert_asked("kit.charge").with(json!({"password": password})));
    with("hunter2");
    let wrong = failure(|| with("correct horse"));
    assert!(!wrong.contains("correct horse") && !wrong.contains("hunter2"), "{wrong}");
}

#[tokio::test(start_paused = true)]
async fn looks_keep_what_is_true() {
    let (gate, starts) = (TestGate::reject_all(builder(), "no"), Starts::default());
    for (agent, amount) in [("a", 1), ("b", 1), ("b", 2)] {
        let arguments = json!({"to": "bob", "amount": amount, "tags": ["x"]});
        Agent::new(agent).scope(starts.pay(&gate, arguments)).await.unwrap_err();
    }
    let asked = || gate.assert_asked("pay").times(3);
    asked().with(json!({"amount": 1})).times(2).by_agent("b").times(1);
    asked().by_agent("b").times(2).with(json!({"to": "bob", "tags": ["x"]})).times(2);
    let one: Calls<'_> = asked().with_only(json!({"tags": ["x"], "amount": 2, "to": "bob"})).times(1);
    assert_eq!(one.requests()[0].agent_name(), Some("b"));
    // An argument counts whole, and an argument that is not there is not null.
    failure(|| drop(asked().with(json!({"tags": []}))));
    failure(|| drop(asked().with(json!({"bcc": null}))));
    assert!(failure(|| drop(asked().with(json!([1])))).starts_with("no call can have the arguments"));
}

/// A test of nothing says what may be wrong with it.
#[tokio::test(start_paused = true)]
async fn unused_gate_says_so() {
    let gate = TestGate::approve_all(builder());
    gate.assert_nothing_asked();
    let said = failure(|| drop(gate.assert_asked("pay")));
    assert!(said.ends_with("the gate saw no call: was it made in the gate's `scope`?"), "{said}");
}
