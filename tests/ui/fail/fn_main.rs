use approval_runtime::{Refusal, requires_approval};

#[requires_approval]
#[tokio::main]
async fn main() -> Result<(), Refusal> {
    Ok(())
}
