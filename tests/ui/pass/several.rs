//! Every list at once.
#![deny(warnings)]

use approval_runtime::{Refusal, requires_approval};

#[derive(serde::Serialize, serde::Deserialize)]
struct Card {
    number: String,
    holder: String,
}

struct Context;

#[requires_approval(flatten(card), skip(ctx, other), live(rate, total), redact(card.number, note))]
async fn charge(ctx: &Context, other: Context, card: Card, note: String, rate: f64, total: &mut f64) -> Result<String, Refusal> {
    let (Context, Context) = (ctx, other);
    *total += rate;
    Ok(card.holder + &card.number + &note)
}

fn main() {
    let card = Card { number: String::new(), holder: String::new() };
    let _ = charge(&Context, Context, card, String::new(), 1.0, &mut 1.0);
}
