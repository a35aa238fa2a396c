//! `#[tracing::instrument]`.

use approval_runtime::{Refusal, requires_approval};
use serde_json::json;
use tracing::instrument;
use tracing_subscriber::registry::Registry;

use crate::support::{Returned, body, reviewed};

#[requires_approval]
#[instrument(skip_all, name = "below the gate")]
async fn traced_gate_above(to: String, amount: u64) -> Result<String, Refusal> {
    body(json!({"to": to, "amount": amount}));
    Ok(span())
}

#[instrument(skip_all, name = "above the gate")]
#[requires_approval]
async fn traced_gate_below(to: String, amount: u64) -> Result<String, Refusal> {
    body(json!({"to": to, "amount": amount}));
    Ok(span())
}

/// The name of the span that the body runs in.
fn span() -> String {
    tracing::Span::current().metadata().map_or_else(String::new, |span| span.name().to_owned())
}

#[tokio::test(start_paused = true)]
async fn both_orders_are_gated_and_traced() {
    let _subscriber = tracing::subscriber::set_default(Registry::default());
    let (shown, edit) = (json!({"to": "bob", "amount": 5}), json!({"to": "bob", "amount": 4}));
    let above =
        reviewed("traced_gate_above", shown.clone(), edit.clone(), async |_, _| traced_gate_above("bob".into(), 5).await).await;
    check(above, "traced_gate_above", "below the gate");
    let below = reviewed("traced_gate_below", shown, edit, async |_, _| traced_gate_below("bob".into(), 5).await).await;
    check(below, "traced_gate_below", "above the gate");
}

#[track_caller]
fn check(returned: Returned<Result<String, Refusal>>, tool: &str, span: &str) {
    let Returned { rejected, approved, edited, .. } = returned;
    assert_eq!(rejected.unwrap_err().to_string(), format!("Action '{tool}' was rejected by alice."));
    assert_eq!((approved.unwrap(), edited.unwrap()), (span.to_owned(), span.to_owned()));
}
