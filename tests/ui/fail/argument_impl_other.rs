use approval_runtime::{Refusal, requires_approval};

#[requires_approval]
async fn greet(name: impl Into<String>) -> Result<usize, Refusal> {
    Ok(name.into().len())
}

fn main() {
    let _ = greet("");
}
