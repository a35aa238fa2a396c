use approval_runtime::{Refusal, requires_approval};

async fn is_known(_: u64) -> bool {
    true
}

#[requires_approval(auto_approve = is_known(amount).await)]
async fn waits(amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

#[requires_approval(auto_approve = amount.checked_sub(1)? == 0)]
async fn tries(amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

#[requires_approval(auto_approve = { return Ok(1) })]
async fn returns(amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

fn main() {
    let _ = is_known(1);
}
