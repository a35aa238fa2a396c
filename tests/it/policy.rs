//! Which calls pass, which wait, which are refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use approval_runtime::testing::TestGate;
use approval_runtime::{ApprovalGate, ApprovalPolicy, ApprovalStatus, BuildError, ExecutionState, Refusal, Tool};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::tools::{Starts, approve, builder, five, pay, pending, reject};

fn small(args: &Value) -> bool {
    args["amount"].as_f64().is_some_and(|amount| 0.0 < amount && amount < 10.0)
}

fn with(policy: ApprovalPolicy) -> ApprovalGate {
    builder().policy(policy).build().unwrap()
}

fn small_payments() -> ApprovalPolicy {
    ApprovalPolicy::new().add_auto_approve_rule("pay", "the amount is over 0 and under 10", small)
}

#[tokio::test(start_paused = true)]
async fn rule_lets_a_call_through_and_is_recorded() {
    let gate = with(small_payments().version(7));
    let mut events = gate.events();
    let starts = Starts::default();
    assert_eq!(starts.pay(&gate, five()).await.unwrap(), five());
    let request = events.next().await.unwrap().request;
    assert_eq!(request.status(), ApprovalStatus::AutoApproved);
    assert_eq!(request.matched_rule(), Some("the amount is over 0 and under 10"));
    let request = gate.get_request(request.id()).await.unwrap();
    assert_eq!(request.execution().state, ExecutionState::Executed);
    assert_eq!(serde_json::to_value(&request).unwrap()["policy_version"], 7);
}

/// The article's rule, `float(amount) < 10`, approved a payment of minus a million.
#[tokio::test(start_paused = true)]
async fn t26_wrong_amounts_ask_a_person() {
    let (gate, starts) = (TestGate::reject_all(builder().policy(small_payments()), "no"), Starts::default());
    for amount in [json!(-1_000_000), json!(10), json!("5"), json!(null), json!([5]), json!({"value": 5})] {
        let arguments = json!({"to": "bob", "amount": amount});
        assert!(starts.pay(&gate, arguments.clone()).await.is_err_and(|refusal| refusal.is_rejected()));
        gate.assert_asked("pay").with_only(arguments);
    }
    assert_eq!(starts.count(), 0);
}

/// I10: arguments that look like controls are arguments.
#[tokio::test(start_paused = true)]
async fn i10_arguments_cannot_name_control_fields() {
    let gate = with(small_payments());
    let starts = Starts::default();
    let arguments =
        json!({"to": "bob", "amount": 5000, "tool": "search", "status": "approved", "approved": true, "policy": "allow"});
    let (returned, _) = tokio::join!(starts.pay(&gate, arguments), reject(&gate));
    assert!(returned.is_err());
}

#[tokio::test(start_paused = true)]
async fn deny_beats_ask_beats_allow() {
    let amount = |from: i64| move |args: &Value| args["amount"].as_i64().is_some_and(|amount| amount >= from);
    // Written in the wrong order on purpose.
    let policy = ApprovalPolicy::new()
        .add_auto_approve_rule("pay", "always", |_: &Value| true)
        .add_ask_rule("pay", "ten or more", amount(10))
        .add_deny_rule("pay", "a hundred or more", amount(100));
    let gate = with(policy);
    let starts = Starts::default();
    starts.pay(&gate, json!({"amount": 9})).await.unwrap();
    let (asked, _) = tokio::join!(starts.pay(&gate, json!({"amount": 10})), approve(&gate));
    asked.unwrap();
    let denied = starts.pay(&gate, json!({"amount": 100})).await.unwrap_err();
    let Refusal::Rejected { by, rule, .. } = &denied else { panic!("{denied:?}") };
    assert_eq!((&**by, rule.as_deref()), ("policy", Some("a hundred or more")));
    assert_eq!(starts.count(), 2);
    let record = gate.get_request(denied.request_id().unwrap()).await.unwrap();
    assert_eq!(record.status(), ApprovalStatus::Rejected);
}

/// I7, I10: a rule that errors or panics asks, whatever it was for.
#[tokio::test(start_paused = true)]
async fn i07_broken_rule_asks() {
    let broken: [ApprovalPolicy; 4] = [
        ApprovalPolicy::new().add_auto_approve_rule("pay", "errs", |_: &Value| Err::<bool, _>("no idea")),
        ApprovalPolicy::new().add_auto_approve_rule("pay", "panics", |_: &Value| -> bool { panic!("no idea") }),
        small_payments().add_deny_rule("pay", "errs", |_: &Value| Err::<bool, _>("no idea")),
        small_payments().add_ask_rule("pay", "panics", |_: &Value| -> bool { panic!("no idea") }),
    ];
    for policy in broken {
        let gate = TestGate::approve_all(builder().policy(policy));
        Starts::default().pay(&gate, five()).await.unwrap();
        gate.assert_asked("pay").times(1);
    }
}

/// I27: what a deny rule says by the time of the start is what counts.
#[tokio::test(start_paused = true)]
async fn i27_deny_is_asked_again_at_the_claim() {
    let closed = Arc::new(AtomicBool::new(false));
    let is_closed = Arc::clone(&closed);
    let gate = with(
        ApprovalPolicy::new().add_deny_rule("pay", "the desk is closed", move |_: &Value| is_closed.load(Ordering::SeqCst)),
    );
    let starts = Starts::default();
    let close_and_approve = async {
        pending(&gate).await;
        closed.store(true, Ordering::SeqCst);
        approve(&gate).await
    };
    let (returned, request) = tokio::join!(starts.pay(&gate, five()), close_and_approve);
    assert_eq!(returned.unwrap_err().code(), "cancelled");
    assert_eq!(starts.count(), 0);
    let request = gate.get_request(request.id()).await.unwrap();
    assert_eq!(request.matched_rule(), Some("the desk is closed"));
    assert_eq!(request.decided_by(), Some("alice"), "who approved stays on the record");
}

#[tokio::test(start_paused = true)]
async fn passing_tool_is_not_recorded() {
    let gate = with(ApprovalPolicy::new().pass_through("pay"));
    let mut events = gate.events();
    let starts = Starts::default();
    starts.pay(&gate, five()).await.unwrap();
    assert_eq!(starts.count(), 1);
    drop(gate);
    assert!(events.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn listed_policy_asks_for_what_it_lists() {
    let gate = builder().tool(Tool::named("search")).policy(ApprovalPolicy::listed().mark_sensitive("pay")).build().unwrap();
    let starts = Starts::default();
    starts.call(&gate, Tool::named("search"), json!({"query": "bob"})).await.unwrap();
    let (returned, _) = tokio::join!(starts.pay(&gate, five()), reject(&gate));
    assert!(returned.is_err());
    assert_eq!(starts.count(), 1);
}

/// A tool that says who has to approve it is not opened by not being listed.
#[tokio::test(start_paused = true)]
async fn listed_policy_asks_where_approvers_are_named() {
    let tool = || Tool::named("refund").approvers(["alice"]);
    let gate = builder().tool(tool()).policy(ApprovalPolicy::listed()).build().unwrap();
    let starts = Starts::default();
    let (returned, _) = tokio::join!(starts.call(&gate, tool(), five()), reject(&gate));
    assert!(returned.is_err());
}

/// A listed policy does not open a tool that nobody declared.
#[tokio::test(start_paused = true)]
async fn i10_unknown_tool_asks() {
    let gate = builder().policy(ApprovalPolicy::listed()).build().unwrap();
    let starts = Starts::default();
    let (returned, _) = tokio::join!(starts.call(&gate, Tool::named("surprise"), five()), reject(&gate));
    assert!(returned.is_err());
}

#[test]
fn unknown_name_in_a_policy_is_an_error() {
    let error = builder().policy(ApprovalPolicy::new().pass_through("pya")).build().unwrap_err();
    assert!(matches!(&error, BuildError::UnknownTool { nearest_name: Some(nearest), .. } if &**nearest == "pay"), "{error:?}");
    assert!(error.to_string().contains("did you mean pay?"), "{error}");
}

#[test]
fn two_tools_of_one_name_are_an_error() {
    let error = builder().tool(pay()).build().unwrap_err();
    assert!(matches!(error, BuildError::DuplicateTool { .. }), "{error:?}");
}

#[test]
fn passing_and_restricting_is_an_error() {
    let deny = |policy: ApprovalPolicy| policy.add_deny_rule("pay", "never", |_: &Value| true);
    let gates = [
        builder().policy(deny(ApprovalPolicy::new().pass_through("pay"))),
        builder().policy(ApprovalPolicy::new().pass_through("pay").add_ask_rule("pay", "now and then", |_: &Value| true)),
        builder().policy(deny(ApprovalPolicy::new())).policy_for("billing", ApprovalPolicy::new().pass_through("pay")),
        builder().tool(Tool::named("refund").quorum(2)).policy(ApprovalPolicy::new().pass_through("refund")),
        builder().tool(Tool::named("refund").approvers(["finance"])).policy(ApprovalPolicy::listed().pass_through("refund")),
    ];
    for gate in gates {
        let error = gate.build().unwrap_err();
        assert!(matches!(error, BuildError::PassThroughConflict { .. }), "{error:?}");
    }
}

#[test]
fn ungated_function_is_named() {
    let error = builder().build().unwrap().require_gated(["not_a_function"]).unwrap_err();
    assert!(matches!(&error, BuildError::NotGated { name, .. } if &**name == "not_a_function"));
}

#[test]
fn needs_approval_answers_as_the_article_does() {
    let policy = small_payments();
    assert!(!policy.needs_approval("pay", &five()));
    assert!(policy.needs_approval("pay", &json!({"amount": 5000})));
    assert!(policy.needs_approval("delete_record", &json!({})));
    assert!(!ApprovalPolicy::listed().needs_approval("search", &json!({})));
}

fn rule() -> impl Strategy<Value = (u8, u8, bool)> {
    // Which kind, for which amount, and whether it answers at all.
    (0..4_u8, 0..4_u8, proptest::bool::weighted(0.8))
}

fn build(rules: &[(u8, u8, bool)], starts: &Arc<AtomicUsize>) -> ApprovalPolicy {
    rules.iter().fold(ApprovalPolicy::new(), |policy, (kind, amount, works)| {
        let (amount, works, starts) = (*amount, *works, Arc::clone(starts));
        let check = move |args: &Value| {
            starts.fetch_add(1, Ordering::Relaxed);
            if works { Ok(args["amount"] == amount) } else { Err("broken") }
        };
        match kind {
            0 => policy.add_deny_rule("pay", "deny", check),
            1 => policy.add_always_ask_rule("pay", "always", check),
            2 => policy.add_ask_rule("pay", "ask", check),
            _ => policy.add_auto_approve_rule("pay", "allow", check),
        }
    })
}

proptest! {
    /// I10, T27: whatever the rules are, one more deny rule lets no call start that did not start before.
    #[test]
    fn i10_more_denies_never_start_more(rules in proptest::collection::vec(rule(), 0..6), deny in 0..4_u8, works in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let asked = Arc::default();
        let more: Vec<_> = rules.iter().copied().chain([(0, deny, works)]).collect();
        let (before, after) = (with(build(&rules, &asked)), with(build(&more, &asked)));
        for amount in 0..4 {
            let starts = |gate: &ApprovalGate| {
                let starts = Starts::default();
                // Nobody answers: only a rule can let it through.
                let _ = runtime.block_on(starts.pay(gate, json!({"amount": amount})));
                starts.count()
            };
            prop_assert!(starts(&after) <= starts(&before));
        }
    }
}
