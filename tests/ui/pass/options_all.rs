//! Every option, in each of its forms.
#![deny(warnings)]

use std::time::Duration;

use approval_runtime::{ApprovalGate, Agent, Refusal, requires_approval};
use tokio_util::sync::CancellationToken;

const PATIENCE: Duration = Duration::from_secs(90);
const NAME: &str = "options.constant";

#[derive(serde::Serialize, serde::Deserialize)]
struct Card {
    number: String,
    limits: (u32, u32),
}

struct Context {
    agent: String,
    call: Option<String>,
    cancelled: CancellationToken,
    gate: ApprovalGate,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Extra {
    note: String,
}

#[requires_approval(
    timeout = "1h30m",
    max_wait = 30,
    reason = "Charge {card.limits.0:>8} for {extra.note}, {{really}}",
    auto_approve = (0.0..10.0).contains(&amount) && extra.note.is_empty(),
    effect = irreversible,
    name = "charge.card",
    skip(ctx),
    live(rate),
    redact(card.number, card.limits.1, extra.secret),
    flatten(extra),
    approvers("finance", "alice"),
    quorum = 2,
    agent = ctx.agent.as_str(),
    call_id = ctx.call.clone(),
    cancel = ctx.cancelled,
    gate = ctx.gate,
    on_refusal = refused,
    crate = approval_runtime,
    record,
)]
async fn charge(ctx: &Context, card: Card, amount: f64, rate: f64, extra: Extra) -> Result<u64, ()> {
    let _ = (ctx, card.number, extra.note);
    Ok((amount * rate) as u64)
}

fn refused(_: Refusal) -> Result<u64, ()> {
    Err(())
}

#[requires_approval(timeout = PATIENCE, max_wait = Duration::from_secs(5), name = NAME, effect = external, resumable)]
async fn constants(to: String) -> Result<String, Refusal> {
    Ok(to)
}

#[requires_approval(effect = reversible, agent = Agent::new("billing").run_id("r"), call_id = format!("{to}-1"))]
async fn expressions(to: String) -> Result<String, Refusal> {
    Ok(to)
}

#[requires_approval()]
async fn nothing() -> Result<(), Refusal> {
    Ok(())
}

fn main() {
    let _ = charge;
    let _ = (constants(String::new()), expressions(String::new()), nothing());
}
