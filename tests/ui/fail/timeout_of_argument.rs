use std::time::Duration;

use approval_runtime::{Refusal, requires_approval};

#[requires_approval(timeout = patience)]
async fn refund(amount: u64, patience: Duration) -> Result<u64, Refusal> {
    tokio::time::sleep(patience).await;
    Ok(amount)
}

fn main() {
    let _ = refund(1, Duration::ZERO);
}
