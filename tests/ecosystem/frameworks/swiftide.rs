//! swiftide 0.32: above its `#[tool]` the attribute works; below, swiftide drops it without a word.

use approval_runtime::{Refusal, requires_approval};
use serde_json::{Value, json};
use swiftide::chat_completion::errors::ToolError;
use swiftide::chat_completion::{Tool, ToolCall, ToolOutput};
use swiftide::traits::AgentContext;

use crate::support::{Bodies, Returned, body, gate, reviewed};

/// An output that the model reads; a `ToolError` would make the agent call again.
fn refused(refusal: Refusal) -> Result<ToolOutput, ToolError> {
    Ok(ToolOutput::fail(refusal.to_string()))
}

#[requires_approval(skip(context), on_refusal = refused)]
#[swiftide::tool(
    description = "Pays somebody.",
    param(name = "to", description = "Who gets it."),
    param(name = "amount", description = "How much.")
)]
async fn swiftide_gate_above(context: &dyn AgentContext, to: &str, amount: u64) -> Result<ToolOutput, ToolError> {
    let _ = context;
    pay(to, amount)
}

#[swiftide::tool(
    description = "Pays somebody.",
    param(name = "to", description = "Who gets it."),
    param(name = "amount", description = "How much.")
)]
#[requires_approval(skip(context), on_refusal = refused)]
async fn swiftide_gate_below(context: &dyn AgentContext, to: &str, amount: u64) -> Result<ToolOutput, ToolError> {
    let _ = context;
    pay(to, amount)
}

fn pay(to: &str, amount: u64) -> Result<ToolOutput, ToolError> {
    body(json!({"to": to, "amount": amount}));
    Ok(ToolOutput::text(format!("{amount} to {to}")))
}

/// Calls a tool as an agent does, with the model's text.
async fn call(tool: impl Tool, arguments: Value) -> Result<ToolOutput, ToolError> {
    let name = tool.name().into_owned();
    let call = ToolCall::builder().id("call_17").name(name).maybe_args(Some(arguments.to_string())).build().unwrap();
    tool.invoke(&(), &call).await
}

fn five() -> Value {
    json!({"to": "bob", "amount": 5})
}

#[tokio::test(start_paused = true)]
async fn gate_above_is_kept() {
    let edit = json!({"to": "eve", "amount": 4});
    let returned = reviewed("swiftide_gate_above", five(), edit, async |_, _| call(SwiftideGateAbove {}, five()).await).await;
    let Returned { rejected, approved, edited, .. } = returned;
    assert_eq!(approved.unwrap(), ToolOutput::text("5 to bob"));
    assert_eq!(edited.unwrap(), ToolOutput::text("4 to eve"));
    assert_eq!(rejected.unwrap(), ToolOutput::fail("Action 'swiftide_gate_above' was rejected by alice."));
}

/// The reason for `require_gated`: without it, this tool runs and nobody is asked.
#[tokio::test(start_paused = true)]
async fn gate_below_is_dropped_and_found() {
    let (gate, bodies) = (gate(), Bodies::default());
    let returned = bodies.scope(gate.scope(call(SwiftideGateBelow {}, five()))).await;
    assert_eq!(returned.unwrap(), ToolOutput::text("5 to bob"));
    assert_eq!(bodies.started(), [five()]);
    assert!(gate.get_pending().await.unwrap().is_empty());

    gate.require_gated(["swiftide_gate_above"]).unwrap();
    let error = gate.require_gated(["swiftide_gate_above", "swiftide_gate_below"]).unwrap_err();
    assert!(error.to_string().contains("swiftide_gate_below"), "{error}");
}

/// The model is told of the same tool, gated or not.
#[test]
fn definition_is_unchanged() {
    let [gated, bare] = [SwiftideGateAbove {}.tool_spec(), SwiftideGateBelow {}.tool_spec()].map(|spec| {
        let mut spec = serde_json::to_value(spec).unwrap();
        spec.as_object_mut().unwrap().remove("name");
        // It tells which struct the arguments are read into.
        spec["parameters_schema"].as_object_mut().unwrap().remove("title");
        spec
    });
    assert_eq!(gated, bare);
    assert_eq!(gated["parameters_schema"]["properties"]["to"]["type"], "string");
}
