use approval_runtime::{Refusal, requires_approval};

#[requires_approval(auto_approve = if amount > 3 { 0 } else { amount + 1 })]
async fn refund(amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

fn main() {
    let _ = refund(1);
}
