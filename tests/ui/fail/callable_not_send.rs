use std::rc::Rc;

use approval_runtime::{Refusal, requires_approval};

#[requires_approval(callable)]
async fn refund(amount: u64) -> Result<u64, Refusal> {
    let amount = Rc::new(amount);
    std::future::ready(()).await;
    Ok(*amount)
}

fn main() {
    let _ = refund(1);
}
