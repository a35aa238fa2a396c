//! Tests of a program that has gated tools: what its agent does with a yes, a no and no answer, what the rules let through,
//! and what a reviewer reads. Nobody is asked, and no time passes.
//!
//! ```text
//! cargo test --package approval-examples --example testing   # the tests, which are at the end
//! cargo run --example testing                                # what a reviewer would have read
//! ```
//!
//! The test kit is behind the feature `testing`, which stands in `[dev-dependencies]` and nowhere else.

use approval_runtime::testing::TestGate;
use approval_runtime::{Agent, ApprovalGate, ApprovalGateBuilder, ApprovalPolicy, Refusal, requires_approval};
use serde_json::Value;

// The program.

/// Pays a customer back. Small amounts go at once.
#[requires_approval(timeout = 120, effect = external, auto_approve = amount < 20, reason = "{customer} sent it back")]
async fn refund(customer: &str, amount: u64) -> Result<String, Refusal> {
    Ok(format!("{customer} has {amount} back"))
}

/// Writes to a customer.
#[requires_approval(timeout = 60, effect = external)]
async fn send_email(to: &str, body: &str, api_key: &str) -> Result<(), Refusal> {
    let _delivered = (to, body, api_key);
    Ok(())
}

/// Settles a complaint: pays, or offers half, and writes what came of it.
async fn settle(customer: &str, amount: u64) -> Result<String, Refusal> {
    let answer = match refund(customer, amount).await {
        Err(refusal) if refusal.is_rejected() => refund(customer, amount / 2).await?,
        answer => answer?,
    };
    send_email(customer, &answer, "k-123").await?;
    Ok(answer)
}

/// The rules, and whatever else the program's own gate and a test's have in common. The program adds its notifiers and
/// `.install()`.
fn gate() -> ApprovalGateBuilder {
    let bank = |arguments: &Value| arguments["amount"].as_u64().is_none_or(|amount| amount > 10_000);
    ApprovalGate::builder().policy(ApprovalPolicy::new().add_deny_rule("refund", "the bank does that", bank))
}

/// Prints what a reviewer would have read; a program would install its gate here.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Refusal> {
    let gate = TestGate::approve_all(gate());
    let answer = gate.scope(Agent::new("support").scope(settle("ada@example.org", 500))).await?;
    println!("{}\nand then: {answer}", gate.snapshot());
    Ok(())
}

// Its tests. They would stand in `tests/`, or beside what they test.

#[cfg(test)]
mod tests {
    use approval_runtime::testing::Reply;
    use serde_json::json;

    use super::*;

    /// A yes to everything: the agent pays, then writes.
    #[tokio::test(start_paused = true)]
    async fn approved_complaint_is_settled() {
        let gate = TestGate::approve_all(gate());
        assert_eq!(gate.scope(settle("ada", 500)).await.unwrap(), "ada has 500 back");
        gate.assert_asked("refund").with_only(json!({"customer": "ada", "amount": 500})).times(1);
        gate.assert_asked("send_email").with(json!({"to": "ada", "body": "ada has 500 back"}));
    }

    /// A no, then a yes to less than was asked for: the customer reads what was paid.
    #[tokio::test(start_paused = true)]
    async fn rejected_refund_offers_half() {
        let less = Reply::approve_with(json!({"customer": "ada", "amount": 200}));
        let gate = TestGate::script(gate(), [Reply::reject("too much"), less, Reply::approve()]);
        assert_eq!(gate.scope(settle("ada", 500)).await.unwrap(), "ada has 200 back");
        gate.assert_asked("refund").times(2).with(json!({"amount": 250})).times(1);
        gate.finish();
    }

    /// Nobody answers: two minutes are over at once, and nothing is written to the customer.
    #[tokio::test(start_paused = true)]
    async fn unanswered_complaint_stays_open() {
        let gate = TestGate::silent(gate());
        assert!(gate.scope(settle("ada", 500)).await.unwrap_err().is_timed_out());
        gate.assert_asked("refund").times(1);
        assert_eq!(gate.asked().len(), 1);
    }

    /// The rules are the program's own.
    #[tokio::test(start_paused = true)]
    async fn rules_say_who_is_asked() {
        let gate = TestGate::reviewer(gate(), |request| match request.tool_name() {
            "send_email" => Reply::approve(),
            tool => Reply::reject(format!("{tool} should not ask")),
        });
        gate.scope(settle("ada", 19)).await.unwrap();
        gate.scope(settle("eve", 99_999)).await.unwrap_err();
        gate.assert_auto_approved("refund").with(json!({"amount": 19})).times(1);
        gate.assert_denied("refund").with(json!({"customer": "eve"}));
        gate.assert_asked("send_email").times(1);
    }

    /// What the reviewer reads, as a snapshot.
    #[tokio::test(start_paused = true)]
    async fn reviewer_reads_all_but_the_key() {
        let gate = TestGate::approve_all(gate());
        gate.scope(send_email("ada", "It is done.", "k-123")).await.unwrap();
        let card = r#"send_email waits for approval (1:00 left, code xxxxxxxx)
  to           "ada"
  body         "It is done."
  api_key      [redacted]
  effect       external
"#;
        assert_eq!(gate.snapshot(), card);
    }
}
