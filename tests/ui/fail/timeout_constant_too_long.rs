use std::time::Duration;

use approval_runtime::{Refusal, requires_approval};

const LONG: Duration = Duration::from_secs(40 * 24 * 60 * 60);

#[requires_approval(timeout = LONG)]
async fn send_email(to: String) -> Result<String, Refusal> {
    Ok(to)
}

fn main() {
    let _ = send_email(String::new());
}
