use approval_runtime::{Refusal, requires_approval};

#[requires_approval]
async fn log(entry: impl serde::Serialize) -> Result<bool, Refusal> {
    let _ = entry;
    Ok(true)
}

fn main() {
    let _ = log(1);
}
