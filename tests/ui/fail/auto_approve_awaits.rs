use approval_runtime::{Refusal, requires_approval};

async fn is_known(_: u64) -> bool {
    true
}

#[requires_approval(auto_approve = is_known(amount).await)]
async fn refund(amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

fn main() {
    let _ = refund(1);
}
