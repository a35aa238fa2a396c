//! A web service with a gate of its own. A handler calls a gated tool and puts a `?` behind it; reviewers decide under
//! `/review` of the same service.
//!
//! ```text
//! cargo run --example axum_app
//! ```

use std::error::Error;

use approval_runtime::{ApprovalGate, Refusal, Reviewer, requires_approval};
use approval_server::{RefusalResponse, Server};
use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use tokio::net::TcpListener;

/// Pays a customer back: up to 10 at once, above that when somebody has approved it.
#[requires_approval(timeout = 60, auto_approve = (0.0..=10.0).contains(&amount), reason = "A refund for {customer}")]
async fn refund(customer: String, amount: f64) -> Result<String, Refusal> {
    Ok(format!("{customer} has {amount:.2} back"))
}

#[derive(Deserialize)]
struct Order {
    customer: String,
    amount: f64,
}

/// Answers when the refund is made, or says why it is not: 403 rejected, 504 nobody decided in time, and so on.
///
/// A client that hangs up takes its call with it: the reviewers see it as cancelled, and no money moves.
async fn refunds(State(gate): State<ApprovalGate>, Json(order): Json<Order>) -> Result<Json<String>, RefusalResponse> {
    // This gate is not installed for the whole process; the scope says which one the call goes through.
    let receipt = gate.scope(refund(order.customer, order.amount)).await?;
    Ok(Json(receipt))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let gate = ApprovalGate::builder().without_notifier().build()?; // reviewers look at the page
    let alice = Reviewer::new("alice").role("finance");
    // Where many people decide, each has a token from a secret store. For a first try the server makes one and prints it.
    let server = match std::env::var("ALICE_TOKEN") {
        Ok(token) => Server::new(gate.clone()).reviewers([(alice, token)]),
        Err(_) => Server::new(gate.clone()).reviewer(alice),
    };
    let app = Router::new().route("/refunds", post(refunds)).with_state(gate).nest("/review", server.router()?);

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    println!("{HELP}");
    axum::serve(listener, app).await?;
    Ok(())
}

const HELP: &str = r#"
Ask for a small refund, which needs nobody, and for a larger one, which waits for a minute:

  curl -i -H 'Content-Type: application/json' -d '{"customer": "Anna Berg", "amount": 8}' http://127.0.0.1:3000/refunds
  curl -i -H 'Content-Type: application/json' -d '{"customer": "Anna Berg", "amount": 85.5}' http://127.0.0.1:3000/refunds

Decide in a browser, http://127.0.0.1:3000/review?token=<token>, or in a second shell:

  TOKEN=<token>
  curl -H "Authorization: Bearer $TOKEN" http://127.0.0.1:3000/review/approvals/pending
  curl -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -d '{"approved": true, "digest": "<digest>"}' http://127.0.0.1:3000/review/approvals/<id>/decide
"#;
