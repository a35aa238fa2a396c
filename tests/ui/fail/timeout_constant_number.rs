use approval_runtime::{Refusal, requires_approval};

const PATIENCE: u64 = 60;

#[requires_approval(timeout = PATIENCE)]
async fn send_email(to: String) -> Result<String, Refusal> {
    Ok(to)
}

fn main() {
    let _ = send_email(String::new());
}
