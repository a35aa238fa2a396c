use approval_runtime::{Refusal, requires_approval};

const PATIENCE: &str = "2m";

#[requires_approval(max_wait = PATIENCE)]
async fn send_email(to: String) -> Result<String, Refusal> {
    Ok(to)
}

fn main() {
    let _ = send_email(String::new());
}
