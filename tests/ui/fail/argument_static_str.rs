use approval_runtime::{Refusal, requires_approval};

#[requires_approval]
async fn send_email(to: &'static str) -> Result<usize, Refusal> {
    Ok(to.len())
}

fn main() {
    let _ = send_email("");
}
