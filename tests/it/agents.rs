//! Who is asking: scopes, handoffs, and the policy that governs.

use approval_runtime::{Agent, ApprovalPolicy, ApprovalStatus, Decision, InCurrentScope, Refusal};
use serde_json::Value;

use crate::tools::{Starts, alice, approve, builder, five, gate, pending};

#[tokio::test(start_paused = true)]
async fn nested_scopes_build_the_chain() {
    let (gate, starts) = (gate(), Starts::default());
    let origin = Agent::new("triage").run_id("run-7").on_behalf_of("zoe");
    let call = origin.scope(Agent::new("billing").call_id("call-1").scope(starts.pay(&gate, five())));
    let (returned, request) = tokio::join!(call, approve(&gate));
    returned.unwrap();
    assert_eq!(request.agent_name(), Some("billing"));
    assert_eq!(request.agent_chain().collect::<Vec<_>>(), ["triage", "billing"]);
    assert_eq!((request.run_id(), request.call_id(), request.requested_by()), (Some("run-7"), Some("call-1"), Some("zoe")));
}

#[tokio::test(start_paused = true)]
async fn spawned_task_keeps_the_scope() {
    let (gate, starts) = (gate(), Starts::default());
    let task = {
        let (gate, starts) = (gate.clone(), starts.clone());
        async move { starts.pay(&gate, five()).await }
    };
    let spawn = Agent::new("billing").scope(async { tokio::spawn(task.in_current_scope()).await.unwrap() });
    let (returned, request) = tokio::join!(spawn, approve(&gate));
    returned.unwrap();
    assert_eq!(request.agent_name(), Some("billing"));
}

#[tokio::test(start_paused = true)]
async fn callers_policy_governs() {
    let small = |args: &Value| args["amount"].as_i64().is_some_and(|amount| (1..10).contains(&amount));
    let trusted = ApprovalPolicy::new().add_auto_approve_rule("pay", "the amount is 1 to 9", small);
    let gate = builder().policy_for("billing", trusted).build().unwrap();
    let starts = Starts::default();
    let billing = Agent::new("billing");
    billing.scope(starts.pay(&gate, five())).await.unwrap();
    assert_eq!(starts.count(), 1);
    // Handed on to an agent without that policy, the same call asks.
    let helper = Agent::new("helper").handed_off_by(&billing);
    let (returned, request) = tokio::join!(helper.scope(starts.pay(&gate, five())), approve(&gate));
    returned.unwrap();
    assert_eq!(request.status(), ApprovalStatus::Approved);
}

/// I10: a deny rule for everybody holds for agents with a policy of their own.
#[tokio::test(start_paused = true)]
async fn i10_common_deny_holds_for_every_agent() {
    let common = ApprovalPolicy::new().add_deny_rule("pay", "bob gets nothing", |args: &Value| args["to"] == "bob");
    let own = ApprovalPolicy::new().add_auto_approve_rule("pay", "always", |_: &Value| true);
    let gate = builder().policy(common).policy_for("billing", own).build().unwrap();
    let starts = Starts::default();
    let refusal = Agent::new("billing").scope(starts.pay(&gate, five())).await.unwrap_err();
    assert_eq!(refusal.to_string(), "Action 'pay' was rejected by a policy rule: bob gets nothing.");
    assert!(matches!(refusal, Refusal::Rejected { .. }));
    assert_eq!(starts.count(), 0);
}

/// Without a call id every call is its own request, also when the arguments are the same.
#[tokio::test(start_paused = true)]
async fn equal_calls_are_separate_requests() {
    let (gate, starts) = (gate(), Starts::default());
    let reviewer = async {
        let first = pending(&gate).await;
        gate.decide(first.id(), Decision::approve(alice(), first.digest())).await.unwrap();
        let second = pending(&gate).await;
        assert_ne!(first.id(), second.id());
        gate.decide(second.id(), Decision::reject(alice())).await.unwrap();
    };
    let (one, two, ()) = tokio::join!(starts.pay(&gate, five()), starts.pay(&gate, five()), reviewer);
    assert_eq!([one.is_ok(), two.is_ok()].iter().filter(|ran| **ran).count(), 1);
    assert_eq!(starts.count(), 1);
}

/// I8: a handoff says the way an agent came, not whom it stopped working for.
#[tokio::test(start_paused = true)]
async fn i08_handed_off_agent_keeps_the_principal() {
    let (gate, starts) = (gate(), Starts::default());
    let helper = Agent::new("helper").handed_off_by(&Agent::new("triage"));
    let call = Agent::new("session").on_behalf_of("alice").scope(helper.scope(starts.pay(&gate, five())));
    let review = async {
        let request = pending(&gate).await;
        let decision = Decision::approve(alice(), request.digest());
        let error = gate.decide(request.id(), decision).await.unwrap_err();
        gate.cancel(request.id(), "operator").await.unwrap();
        error
    };
    let (_, error) = tokio::join!(call, review);
    assert_eq!(error.code(), "self_review");
}
