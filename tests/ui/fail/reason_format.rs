use approval_runtime::{Refusal, requires_approval};

#[requires_approval(reason = "Refund {amount to the customer")]
async fn open(amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

#[requires_approval(reason = "Refund {}")]
async fn positional(amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

#[requires_approval(reason = "Refund {amount.to_string()}")]
async fn expression(amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

#[requires_approval(reason = REASON)]
async fn constant(amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

const REASON: &str = "Refund";

fn main() {}
