use approval_runtime::{Refusal, requires_approval};

#[requires_approval]
async fn send_email(to: String) -> Result<String, Refusal> {
    Ok(to.trimmed())
}

fn main() {
    let _ = send_email(String::new());
}
