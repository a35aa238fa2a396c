//! What `agent`, `gate` and `cancel` take.
#![deny(warnings)]

use std::sync::{Arc, LazyLock};

use approval_runtime::{Agent, ApprovalGate, Refusal, requires_approval};

static GATE: LazyLock<ApprovalGate> =
    LazyLock::new(|| ApprovalGate::builder().without_notifier().build().expect("the defaults build"));

fn gate() -> Box<ApprovalGate> {
    Box::new(GATE.clone())
}

/// A type of one's own that names an agent.
struct Crew {
    leader: String,
}

impl From<&Crew> for Agent {
    fn from(crew: &Crew) -> Self {
        Self::new(crew.leader.as_str())
    }
}

/// A token of one's own.
#[derive(Clone)]
struct Token;

impl Token {
    async fn cancelled(&self) {}
}

#[requires_approval(gate = GATE, agent = "billing")]
async fn of_the_process(amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

#[requires_approval(gate = gate(), agent = format!("billing-{amount}"))]
async fn made(amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

#[requires_approval(skip(gate, crew), gate = gate, agent = crew)]
async fn lent(gate: &ApprovalGate, crew: &Crew, amount: u64) -> Result<u64, Refusal> {
    let _ = crew;
    Ok(amount)
}

#[requires_approval(skip(gate, agent), gate = *gate, agent = &agent)]
async fn shared(gate: &Arc<ApprovalGate>, agent: Agent, amount: u64) -> Result<u64, Refusal> {
    let _ = agent;
    Ok(amount)
}

#[requires_approval(skip(token), cancel = token)]
async fn cancelled(token: Token, amount: u64) -> Result<u64, Refusal> {
    let _ = token;
    Ok(amount)
}

#[requires_approval(skip(token), cancel = token)]
async fn cancelled_together(token: Arc<Token>, amount: u64) -> Result<u64, Refusal> {
    let _ = token;
    Ok(amount)
}

#[requires_approval(skip(token), cancel = token)]
async fn cancelled_elsewhere(token: &Token, amount: u64) -> Result<u64, Refusal> {
    let _ = token;
    Ok(amount)
}

fn main() {
    let (gate, crew) = (Arc::new(GATE.clone()), Crew { leader: String::new() });
    let _ = (of_the_process(1), made(1), lent(&gate, &crew, 1), shared(&gate, Agent::new("a"), 1));
    let _ = (cancelled(Token, 1), cancelled_together(Arc::new(Token), 1), cancelled_elsewhere(&Token, 1));
}
