use approval_runtime::{Refusal, requires_approval};

#[requires_approval(timeout(120), skip = to, resumable = true, approvers = "finance", crate = "approval_runtime", on_refusal = 3)]
async fn send_email(to: String) -> Result<String, Refusal> {
    Ok(to)
}

fn main() {
    let _ = send_email(String::new());
}
