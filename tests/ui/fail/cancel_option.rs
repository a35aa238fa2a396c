use approval_runtime::{Refusal, requires_approval};
use tokio_util::sync::CancellationToken;

#[requires_approval(skip(token), cancel = token)]
async fn refund(token: Option<CancellationToken>, amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

fn main() {
    let _ = refund(None, 1);
}
