#![allow(unused)]
use approval_runtime::{Refusal, requires_approval};

struct Receipt;

#[requires_approval(record)]
async fn pay(amount: u32) -> Result<Receipt, Refusal> {
    Ok(Receipt)
}

fn main() {}
