#![allow(unused)]
use approval_runtime::{Refusal, requires_approval};

struct Receipt;

#[requires_approval(resumable)]
async fn pay(amount: u32) -> Result<Receipt, Refusal> {
    Ok(Receipt)
}

fn main() {}
