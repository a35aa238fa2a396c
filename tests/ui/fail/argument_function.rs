use approval_runtime::{Refusal, requires_approval};

#[requires_approval]
async fn send_email(retry: fn(u8) -> bool) -> Result<bool, Refusal> {
    Ok(retry(1))
}

fn main() {
    let _ = send_email(|_| true);
}
