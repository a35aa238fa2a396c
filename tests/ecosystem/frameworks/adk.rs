//! adk-rust 2.3: `#[tool]` in both orders.

use std::sync::Arc;

use adk_tool::{AdkError, SimpleToolContext, Tool, ToolContext, tool};
use approval_runtime::{Refusal, requires_approval};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::{Returned, body, reviewed};

#[derive(Deserialize, JsonSchema, Serialize)]
struct Payment {
    /// Who gets it.
    to: String,
    amount: u64,
}

/// adk's error has no room for a foreign one, so the attribute names the conversion.
fn refused(refusal: Refusal) -> adk_tool::Result<Value> {
    Err(AdkError::tool(refusal.to_string()).with_source(refusal))
}

/// Pays somebody.
#[requires_approval(flatten(args), on_refusal = refused, skip(context), call_id = context.function_call_id())]
#[tool]
async fn adk_gate_above(context: Arc<dyn ToolContext>, args: Payment) -> adk_tool::Result<Value> {
    pay(&*context, &args)
}

/// Pays somebody.
#[tool]
#[requires_approval(flatten(args), on_refusal = refused, skip(context), call_id = context.function_call_id())]
async fn adk_gate_below(context: Arc<dyn ToolContext>, args: Payment) -> adk_tool::Result<Value> {
    pay(&*context, &args)
}

/// Pays somebody.
#[tool]
async fn adk_no_gate(context: Arc<dyn ToolContext>, args: Payment) -> adk_tool::Result<Value> {
    pay(&*context, &args)
}

fn pay(context: &dyn ToolContext, args: &Payment) -> adk_tool::Result<Value> {
    body(json!(args));
    if args.to == "nobody" {
        return Err(AdkError::tool("no such account"));
    }
    Ok(json!({"paid": args.amount, "by": context.agent_name()}))
}

/// Calls a tool as an agent does.
async fn call(tool: impl Tool, arguments: Value) -> adk_tool::Result<Value> {
    let context = SimpleToolContext::new("billing").with_function_call_id("call_17");
    tool.execute(Arc::new(context), arguments).await
}

#[tokio::test(start_paused = true)]
async fn both_orders_are_gated() {
    let (shown, edit) = (json!({"to": "bob", "amount": 5}), json!({"to": "eve", "amount": 4}));
    let above = async |_, _| call(AdkGateAbove, json!({"to": "bob", "amount": 5})).await;
    check(reviewed("adk_gate_above", shown.clone(), edit.clone(), above).await, "adk_gate_above");
    let below = async |_, _| call(AdkGateBelow, json!({"to": "bob", "amount": 5})).await;
    check(reviewed("adk_gate_below", shown, edit, below).await, "adk_gate_below");
}

#[track_caller]
fn check(returned: Returned<adk_tool::Result<Value>>, tool: &str) {
    assert_eq!(returned.approved.unwrap(), json!({"paid": 5, "by": "billing"}));
    assert_eq!(returned.edited.unwrap(), json!({"paid": 4, "by": "billing"}));
    let error = returned.rejected.unwrap_err();
    assert!(error.is_tool() && !error.is_retryable(), "{error:?}");
    assert_eq!(error.message, format!("Action '{tool}' was rejected by alice."));
    let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<Refusal>());
    assert!(source.is_some_and(Refusal::is_rejected));
    assert_eq!(returned.request.call_id(), Some("call_17"));
}

/// The model is told of the same tool, gated or not.
#[test]
fn definition_is_unchanged() {
    let bare = (AdkNoGate.description(), AdkNoGate.parameters_schema());
    assert_eq!(bare.1.as_ref().unwrap()["properties"]["to"]["description"], "Who gets it.");
    assert_eq!((AdkGateAbove.name(), AdkGateBelow.name()), ("adk_gate_above", "adk_gate_below"));
    assert_eq!((AdkGateAbove.description(), AdkGateAbove.parameters_schema()), bare);
    assert_eq!((AdkGateBelow.description(), AdkGateBelow.parameters_schema()), bare);
}

/// Also with `on_refusal`, which replaces the trait that tells a failure.
#[tokio::test(start_paused = true)]
async fn failed_body_is_recorded() {
    let (shown, edit) = (json!({"to": "nobody", "amount": 5}), json!({"to": "eve", "amount": 4}));
    let call = async |_, _| call(AdkGateAbove, json!({"to": "nobody", "amount": 5})).await;
    let returned = reviewed("adk_gate_above", shown, edit, call).await;
    assert_eq!(returned.approved.unwrap_err().message, "no such account");
    assert_eq!(returned.request.execution().state, approval_runtime::ExecutionState::Failed);
}
