use approval_runtime::{Refusal, requires_approval};

const REASON: &str = "Refund";

#[requires_approval(reason = REASON)]
async fn refund(amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

fn main() {
    let _ = refund(1);
}
