use std::rc::Rc;

use approval_runtime::{Refusal, requires_approval};

struct Receipt;

#[requires_approval(callable)]
async fn pay(amount: u32) -> Result<Receipt, Refusal> {
    let _ = amount;
    Ok(Receipt)
}

#[requires_approval(callable)]
async fn count(n: u32) -> Result<u32, Refusal> {
    let shared = Rc::new(n);
    std::future::ready(()).await;
    Ok(*shared)
}

fn main() {}
