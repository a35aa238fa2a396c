use approval_runtime::{Refusal, requires_approval};

#[requires_approval(resumable, redact(pin))]
async fn unlock(pin: u32) -> Result<u32, Refusal> {
    Ok(pin)
}

fn main() {
    let _ = unlock(1);
}
