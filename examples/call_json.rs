//! A model's tool calls, straight to the annotated functions: `callable` in the attribute, and `gate.call_json` with the name
//! and the JSON text as the model wrote them. No `match`, no struct per tool, and nothing in the text is passed over.
//!
//! ```text
//! cargo run --example call_json
//! ```

use approval_runtime::{
    Agent, ApprovalGate, ApprovalPolicy, BoxFuture, Decision, Notice, Notifier, NotifyError, Refusal, Reviewer,
    requires_approval,
};

/// Looks records up. The policy lets it pass: it changes nothing.
#[requires_approval(callable)]
async fn search_records(query: String) -> Result<Vec<u32>, Refusal> {
    Ok(if query.is_empty() { vec![] } else { vec![17, 18] })
}

/// Pays a customer back.
#[requires_approval(callable, reason = "Refund {amount} to {customer}", auto_approve = (0.0..10.0).contains(&amount))]
async fn refund(customer: String, amount: f64) -> Result<String, Refusal> {
    Ok(format!("refunded {amount} to {customer}"))
}

/// What a model answered: name and arguments of each call, both its own text.
const MODEL: [(&str, &str); 7] = [
    ("search_records", r#"{"query": "Anna Berg"}"#),
    ("refund", r#"{"customer": "Anna Berg", "amount": 5}"#),
    ("refund", r#"{"customer": "Anna Berg", "amount": 5000}"#),
    ("refund", r#"{"customer": "Anna Berg", "amount": 5, "amount": 5000}"#),
    ("refund", r#"{"customer": "Anna Berg", "amount": 5, "approved": true}"#),
    ("refund", r#"{"customer": "Anna Berg"} {"amount": 5}"#),
    ("refnd", r#"{"customer": "Anna Berg", "amount": 5}"#),
];

/// Stands in for a person, who finds that much too much.
struct Alice;

impl Notifier for Alice {
    fn name(&self) -> &'static str {
        "alice"
    }

    fn can_reach(&self) -> bool {
        true
    }

    fn notify(&self, Notice { request, decider, .. }: Notice) -> BoxFuture<'_, Result<(), NotifyError>> {
        let decision = Decision::reject(Reviewer::new("alice")).comment("call the customer first");
        Box::pin(async move {
            let decided = decider.decide(request.id(), decision).await;
            decided.map(drop).map_err(|error| NotifyError::new("she could not decide").because(error))
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let gate = ApprovalGate::builder().policy(ApprovalPolicy::new().pass_through("search_records")).notifier(Alice).build()?;

    for (index, (name, arguments)) in MODEL.into_iter().enumerate() {
        println!("{name} {arguments}");
        let agent = Agent::new("support").call_id(format!("call_{index}"));
        match agent.scope(gate.call_json(name, arguments)).await {
            Ok(result) => println!("   {result}\n"),
            // A sentence that the model can act on; `error.code()` is for programs.
            Err(error) => println!("   {} ({})\n", error, error.code()),
        }
    }
    Ok(())
}
