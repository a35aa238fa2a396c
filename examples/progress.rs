//! A chat in which people see how their request fares: while a tool waits for a reviewer, the user reads who it waits for
//! and how much time is left. The words hold nothing of what the agent wrote, so they can go to whoever started the run.
//!
//! ```text
//! cargo run --example progress
//! ```

use std::error::Error;
use std::time::Duration;

use approval_runtime::{
    Agent, ApprovalGate, Decision, EventKind, Events, Progress, ProgressKind, Refusal, Reviewer, Transition, requires_approval,
};
use tokio::time::{interval, sleep};

/// Pays a customer back.
#[requires_approval(timeout = 30, effect = external, approvers("finance"), auto_approve = amount <= 5.0)]
async fn refund(customer: String, amount: f64) -> Result<String, Refusal> {
    sleep(Duration::from_millis(500)).await; // the bank
    Ok(format!("{customer} has {amount:.2} back."))
}

/// Stands in for a model that reads the message and calls a tool.
async fn assistant(message: &str) -> String {
    let amount = message.split_whitespace().find_map(|word| word.parse().ok()).unwrap_or_default();
    match refund("Anna Berg".to_owned(), amount).await {
        Ok(receipt) => receipt,
        Err(refusal) => format!("I could not do that. {refusal}"),
    }
}

/// Answers one message, and shows meanwhile what the gate says about the run.
async fn answer(gate: &ApprovalGate, run: &str, message: &'static str) -> Result<String, Box<dyn Error>> {
    let mut progress = gate.events().run(run);
    let mut answer = tokio::spawn(Agent::new("assistant").run_id(run).scope(assistant(message)));
    let mut second = interval(Duration::from_secs(1));
    let mut waiting: Option<Progress> = None;
    loop {
        tokio::select! {
            biased; // first what happened, then the answer that followed from it
            Some(step) = progress.next() => {
                println!("           {step}");
                waiting = Some(step).filter(|step| step.kind() == ProgressKind::Waiting);
                second.reset();
            }
            answer = &mut answer => return Ok(answer?),
            _ = second.tick() => {
                // The same step again, a second later. A page would repaint its line.
                if let Some(step) = &waiting {
                    println!("           {step}");
                }
            }
        }
    }
}

/// Stands in for a person in finance, who takes a moment.
async fn review(gate: ApprovalGate, mut events: Events) {
    let alice = Reviewer::new("alice").role("finance");
    while let Some(event) = events.next().await {
        if event.kind != EventKind::Changed(Transition::Requested) {
            continue;
        }
        sleep(Duration::from_millis(2_500)).await;
        let (request, alice) = (event.request, alice.clone());
        let is_usual = request.arguments().to_value()["amount"].as_f64().is_some_and(|amount| amount < 100.0);
        let decision = if is_usual { Decision::approve(alice, request.digest()) } else { Decision::reject(alice) };
        if let Err(error) = gate.decide(request.id(), decision).await {
            eprintln!("not decided: {error}");
        }
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let gate = ApprovalGate::builder().without_notifier().install()?; // `review` looks for itself
    tokio::spawn(review(gate.clone(), gate.events()));

    let messages = ["Send 4.50 back for the stamps", "The lamp came broken, 79.90 please", "And 2000 for my trouble"];
    for (turn, message) in messages.into_iter().enumerate() {
        println!("you        {message}");
        println!("assistant  {}\n", answer(&gate, &format!("run-{turn}"), message).await?);
    }
    Ok(())
}
