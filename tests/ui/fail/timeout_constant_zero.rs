use std::time::Duration;

use approval_runtime::{Refusal, requires_approval};

const SOON: Duration = Duration::ZERO;

#[requires_approval(timeout = SOON)]
async fn send_email(to: String) -> Result<String, Refusal> {
    Ok(to)
}

fn main() {
    let _ = send_email(String::new());
}
