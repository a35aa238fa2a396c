use std::time::Duration;
use approval_runtime::testing::{Reply, TestGate};
use approval_runtime::{ApprovalGate, ApprovalGateBuilder, ApprovalPolicy, Refusal, Reviewer, requires_approval};
use serde_json::{Value, json};

#[requires_approval(timeout = 120, redact(token))]
async fn send_email(to: &str, token: &str) -> Result<String, Refusal> {
    Ok(format!("sent to {to} with {} letters of token", token.len()))
}

#[requires_approval(auto_approve = amount < 10)]
async fn refund(amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

/// What the program installs, without its store and its notifiers.
fn builder() -> ApprovalGateBuilder {
    let bounced = |arguments: &Value| arguments["to"] == "bounced@example.org";
    ApprovalGate::builder().policy(ApprovalPolicy::new().add_deny_rule("send_email", "it bounced", bounced))
}
