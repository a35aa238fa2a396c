use approval_runtime::{Refusal, requires_approval};

#[requires_approval(redact(password.hash))]
async fn log_in(password: String) -> Result<usize, Refusal> {
    Ok(password.len())
}

fn main() {
    let _ = log_in(String::new());
}
