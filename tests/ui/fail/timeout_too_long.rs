use approval_runtime::{Refusal, requires_approval};

#[requires_approval(timeout = "31d")]
async fn month(to: String) -> Result<String, Refusal> {
    Ok(to)
}

#[requires_approval(timeout = 99999999999999999999)]
async fn forever(to: String) -> Result<String, Refusal> {
    Ok(to)
}

fn main() {}
