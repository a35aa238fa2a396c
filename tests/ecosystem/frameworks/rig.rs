//! rig 0.44: `#[rig_tool]` in both orders, and `impl Tool`.

use std::time::Duration;

use approval_runtime::{ApprovalStatus, ExecutionState, Refusal, requires_approval};
use rig_core::rig_tool;
use rig_core::tool::{ErasedTool, Tool, ToolContext, ToolErrorKind, ToolExecutionError, ToolResult};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{Bodies, Returned, alice, body, gate, pending, reviewed};

/// Pays somebody.
#[requires_approval(timeout = 60)]
#[rig_tool(name = "bank_pay")]
async fn rig_gate_above(
    /// Who gets it.
    to: String,
    amount: u64,
) -> Result<String, ToolExecutionError> {
    pay(&to, amount)
}

/// Pays somebody.
#[rig_tool]
#[requires_approval(timeout = 60)]
async fn rig_gate_below(
    /// Who gets it.
    to: String,
    amount: u64,
) -> Result<String, ToolExecutionError> {
    pay(&to, amount)
}

/// Pays somebody.
#[rig_tool]
async fn rig_no_gate(
    /// Who gets it.
    to: String,
    amount: u64,
) -> Result<String, ToolExecutionError> {
    pay(&to, amount)
}

fn pay(to: &str, amount: u64) -> Result<String, ToolExecutionError> {
    body(json!({"to": to, "amount": amount}));
    if to == "nobody" { Err(ToolExecutionError::not_found("no such account")) } else { Ok(format!("{amount} to {to}")) }
}

struct Transfer;

#[derive(Deserialize, Serialize)]
struct TransferArgs {
    to: String,
    amount: u64,
}

impl Tool for Transfer {
    const NAME: &'static str = "transfer";
    type Args = TransferArgs;
    type Output = String;
    type Error = ToolExecutionError;

    fn description(&self) -> String {
        "Pays somebody.".into()
    }

    fn parameters(&self) -> Value {
        json!({})
    }

    #[requires_approval(name = <Transfer as Tool>::NAME, flatten(args), skip(context))]
    async fn call(&self, context: &mut ToolContext, args: Self::Args) -> Result<Self::Output, Self::Error> {
        let _ = context;
        pay(&args.to, args.amount)
    }
}

/// Calls a tool as rig's own dispatch does, with the model's text.
async fn call(tool: &dyn ErasedTool, arguments: Value) -> ToolResult {
    tool.execute(arguments.to_string(), &mut ToolContext::new()).await
}

fn five() -> Value {
    json!({"to": "bob", "amount": 5})
}

fn four() -> Value {
    json!({"to": "eve", "amount": 4})
}

#[tokio::test(start_paused = true)]
async fn both_orders_are_gated() {
    // The name in the attribute below is the tool's name to reviewers too.
    check(reviewed("bank_pay", five(), four(), async |_, _| call(&RigGateAbove, five()).await).await, "bank_pay");
    let below = reviewed("rig_gate_below", five(), four(), async |_, _| call(&RigGateBelow, five()).await).await;
    check(below, "rig_gate_below");
}

#[tokio::test(start_paused = true)]
async fn tool_trait_is_gated() {
    check(reviewed("transfer", five(), four(), async |_, _| call(&Transfer, five()).await).await, "transfer");
}

#[track_caller]
fn check(returned: Returned<ToolResult>, tool: &str) {
    let Returned { rejected, approved, edited, .. } = returned;
    assert_eq!(approved.output().as_text(), Some("5 to bob"));
    assert_eq!(edited.output().as_text(), Some("4 to eve"));
    // The model reads the sentence, and rig's hooks see a refusal, not an error.
    assert_eq!(rejected.output().as_text(), Some(&*format!("Action '{tool}' was rejected by alice.")));
    assert!(rejected.is_refused() && !rejected.is_error());
    let error = rejected.refusal().expect("a refusal is rig's own kind of it");
    assert_eq!((error.code(), error.retryable()), (Some("rejected"), Some(false)));
    assert!(error.downcast_ref::<Refusal>().is_some_and(Refusal::is_rejected));
}

/// The model is told of the same tool, gated or not.
#[test]
fn definition_is_unchanged() {
    let bare = (ErasedTool::description(&RigNoGate), ErasedTool::parameters(&RigNoGate));
    assert_eq!(bare.1["properties"]["to"]["description"], "Who gets it.");
    for (name, tool) in [("bank_pay", &RigGateAbove as &dyn ErasedTool), ("rig_gate_below", &RigGateBelow)] {
        let mut parameters = tool.parameters();
        parameters["title"] = bare.1["title"].clone();
        assert_eq!((tool.name(), tool.description(), parameters), (name.to_owned(), bare.0.clone(), bare.1.clone()));
    }
}

#[tokio::test(start_paused = true)]
async fn undecided_call_is_a_timeout() {
    let gate = gate();
    let started = tokio::time::Instant::now();
    let result = gate.scope(call(&RigGateAbove, five())).await;
    assert_eq!(started.elapsed().as_secs(), Duration::from_secs(60).as_secs());
    let error = result.error().expect("nobody answered");
    assert_eq!(error.kind(), ToolErrorKind::Timeout);
    // Asking the same people again at once would help nobody.
    assert_eq!((error.retryable(), result.is_error()), (Some(false), true));
    assert_eq!(error.model_feedback(), Some("Action 'bank_pay' timed out waiting for approval."));
}

#[tokio::test(start_paused = true)]
async fn failed_body_is_recorded() {
    let (gate, bodies) = (gate(), Bodies::default());
    let called = bodies.scope(gate.scope(call(&Transfer, json!({"to": "nobody", "amount": 5}))));
    let review = async {
        let request = pending(&gate).await;
        gate.decide(request.id(), approval_runtime::Decision::approve(alice(), request.digest())).await.unwrap()
    };
    let (result, request) = tokio::join!(called, review);
    assert_eq!(result.output().as_text(), Some("no such account"));
    let request = gate.get_request(request.id()).await.unwrap();
    assert_eq!((request.status(), request.execution().state), (ApprovalStatus::Approved, ExecutionState::Failed));
}
