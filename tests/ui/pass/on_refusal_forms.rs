//! Return types that a conversion makes.
#![deny(warnings)]

use approval_runtime::{Refusal, requires_approval};

#[derive(Debug)]
pub enum Outcome {
    Refused(Refusal),
    Done(u64),
}

impl Outcome {
    fn from_refusal(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

#[requires_approval(on_refusal = Outcome::from_refusal)]
async fn by_method(amount: u64) -> Outcome {
    Outcome::Done(amount)
}

#[requires_approval(on_refusal = Outcome::Refused)]
async fn by_variant(amount: u64) -> Outcome {
    if amount > 3 {
        return Outcome::Done(3);
    }
    Outcome::Done(amount)
}

#[requires_approval(on_refusal = drop)]
async fn by_nothing(amount: u64) {
    let _ = amount;
}

fn main() {
    let _ = (by_method(1), by_variant(1), by_nothing(1));
}
