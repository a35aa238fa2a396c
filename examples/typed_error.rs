//! A tool with an error type of its own. A variant with `#[from] Refusal` is all that it takes, and the caller can tell a
//! call that did not run, and why, from one that ran and failed.
//!
//! ```text
//! cargo run --example typed_error
//! ```

use approval_runtime::arguments::display;
use approval_runtime::{ApprovalGate, Decision, EventKind, Events, Refusal, Reviewer, Transition, requires_approval};

/// Why a payment was not made.
#[derive(Debug, thiserror::Error)]
enum PaymentError {
    /// The body ran, and the bank said no.
    #[error("the bank pays at most {limit}")]
    OverLimit { limit: f64 },
    /// The body did not run.
    #[error(transparent)]
    Refused(#[from] Refusal),
}

#[requires_approval(timeout = 1, reason = "A refund of {amount} for {customer}")]
async fn process_payment(amount: f64, customer: &str) -> Result<String, PaymentError> {
    let limit = 85.0;
    if amount > limit { Err(PaymentError::OverLimit { limit }) } else { Ok(format!("{customer} has {amount}")) }
}

/// Stands in for a person: approves up to 100, rejects up to 1,000, and looks away from the rest.
async fn decide(gate: ApprovalGate, mut events: Events) {
    while let Some(event) = events.next().await {
        if event.kind != EventKind::Changed(Transition::Requested) {
            continue;
        }
        let (request, alice) = (event.request, Reviewer::new("alice"));
        let decision = match request.arguments().to_value()["amount"].as_f64() {
            Some(..=100.0) => Decision::approve(alice, request.digest()),
            Some(..=1_000.0) => Decision::reject(alice).comment("first the invoice, please"),
            _ => continue,
        };
        if let Err(error) = gate.decide(request.id(), decision).await {
            eprintln!("not decided: {error}");
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let gate = ApprovalGate::builder().without_notifier().install()?; // `decide` looks for itself
    tokio::spawn(decide(gate.clone(), gate.events()));

    for amount in [80.0, 90.0, 800.0, 8_000.0, f64::NAN] {
        let answer = match process_payment(amount, "Anna Berg").await {
            Ok(receipt) => receipt,
            Err(PaymentError::OverLimit { limit }) => format!("approved, and failed: the bank pays at most {limit}"),
            Err(PaymentError::Refused(Refusal::Rejected { by, comment: Some(comment), .. })) => {
                format!("rejected by {by}: {}", display::text(&comment))
            }
            Err(PaymentError::Refused(refusal)) if refusal.is_timed_out() => "nobody decided; ask again tomorrow".to_owned(),
            Err(PaymentError::Refused(refusal)) => format!("not asked: {}", refusal.code()),
        };
        println!("{amount:>5}  {answer}");
    }
    Ok(())
}
