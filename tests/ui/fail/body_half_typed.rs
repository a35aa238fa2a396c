use approval_runtime::{Refusal, requires_approval};

#[requires_approval(reason = "To {to}")]
async fn send_email(to: String) -> Result<String, Refusal> {
    let text = to.
}

fn main() {
    // The function is still there, and its other half is all that is missing.
    let _ = send_email(String::new());
}
