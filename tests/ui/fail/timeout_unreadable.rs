use approval_runtime::{Refusal, requires_approval};

#[requires_approval(timeout = -5)]
async fn negative(to: String) -> Result<String, Refusal> {
    Ok(to)
}

#[requires_approval(timeout = 1.5)]
async fn fractional(to: String) -> Result<String, Refusal> {
    Ok(to)
}

#[requires_approval(timeout = "30m1h")]
async fn backwards(to: String) -> Result<String, Refusal> {
    Ok(to)
}

#[requires_approval(timeout = 2m)]
async fn unquoted(to: String) -> Result<String, Refusal> {
    Ok(to)
}

fn main() {}
