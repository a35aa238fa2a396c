use approval_runtime::{Refusal, requires_approval};

#[requires_approval(quorum = 0, approvers("", "finance", "finance"))]
async fn pay(amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

#[requires_approval(quorum = "two")]
async fn refund(amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

fn main() {
    let _ = (pay(1), refund(1));
}
