//! The tool loop that most agents have: a model names a tool and its arguments, and a `match` runs it. Without the macro,
//! an arm is gated by going through `ApprovalGate::call`.
//!
//! ```text
//! cargo run --example match_loop
//! ```

use std::time::Duration;

use approval_runtime::arguments::display;
use approval_runtime::{
    Agent, ApprovalGate, ApprovalPolicy, BoxFuture, Decision, Effect, Notice, Notifier, NotifyError, Reviewer, Tool,
};
use serde_json::Value;

/// A tool call as a model's answer holds it; in async-openai it is a `ChatCompletionMessageToolCall`.
struct ToolCall {
    id: &'static str,
    name: &'static str,
    arguments: &'static str,
}

/// What the model wants. A real one would read each result before it asks for more.
const MODEL: [ToolCall; 5] = [
    ToolCall { id: "call_1", name: "search_records", arguments: r#"{"query": "invoices of Anna Berg"}"# },
    ToolCall { id: "call_2", name: "delete_record", arguments: r#"{"table": "drafts", "record_id": 18}"# },
    ToolCall { id: "call_3", name: "delete_record", arguments: r#"{"table": "invoices", "record_id": 18}"# },
    ToolCall { id: "call_4", name: "send_email", arguments: r#"{"to": "anna@example.org", "body": "It is done."}"# },
    ToolCall { id: "call_5", name: "launch_rocket", arguments: "{}" },
];

/// Runs one call and returns what the model reads.
async fn run(gate: &ApprovalGate, call: &ToolCall, arguments: Value) -> String {
    match call.name {
        "search_records" => "invoices 17 and 18".to_owned(), // harmless, so it does not go through the gate
        "delete_record" => gate.call(Tool::named("delete_record"), arguments, delete_record).await,
        "send_email" => {
            gate.call(Tool::named("send_email"), arguments, async |email: Value| {
                // `email` is what was approved: use this one, not the model's.
                format!("sent to {}", email["to"])
            })
            .await
        }
        unknown => format!("there is no tool '{unknown}'"),
    }
}

async fn delete_record(record: Value) -> String {
    format!("deleted {} from {}", record["record_id"], record["table"])
}

/// Stands in for a person: drafts may go, other records may not, and the rest may.
struct Alice;

impl Notifier for Alice {
    fn name(&self) -> &'static str {
        "alice"
    }

    fn can_reach(&self) -> bool {
        true
    }

    fn notify(&self, Notice { request, decider, .. }: Notice) -> BoxFuture<'_, Result<(), NotifyError>> {
        let alice = Reviewer::new("alice");
        let keep = request.tool_name() == "delete_record" && request.arguments().to_value()["table"] != "drafts";
        let decision = if keep { Decision::reject(alice) } else { Decision::approve(alice, request.digest()) };
        Box::pin(async move {
            decider
                .decide(request.id(), decision)
                .await
                .map_err(|error| NotifyError::new("she could not decide").because(error))?;
            Ok(())
        })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let gate = ApprovalGate::builder()
        .tool(Tool::named("delete_record").timeout(Duration::from_secs(60)))
        .tool(Tool::named("send_email").effect(Effect::External))
        .policy(
            ApprovalPolicy::new()
                .add_auto_approve_rule("send_email", "it goes to a customer", |email| email["to"] == "anna@example.org"),
        )
        .notifier(Alice)
        .build()?;

    for call in &MODEL {
        let arguments: Value = serde_json::from_str(call.arguments)?;
        println!("{} wants {} {}", call.id, call.name, display::value(&arguments));
        let agent = Agent::new("assistant").call_id(call.id);
        println!("       gets {}", agent.scope(run(&gate, call, arguments)).await);
    }
    Ok(())
}
