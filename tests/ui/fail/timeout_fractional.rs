use approval_runtime::{Refusal, requires_approval};

#[requires_approval(timeout = 1.5)]
async fn send_email(to: String) -> Result<String, Refusal> {
    Ok(to)
}

fn main() {
    let _ = send_email(String::new());
}
