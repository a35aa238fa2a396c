use approval_runtime::{Refusal, requires_approval};

#[requires_approval(auto_approve = { amount < 10; })]
async fn refund(amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

fn main() {
    let _ = refund(1);
}
