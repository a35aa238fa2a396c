use approval_runtime::{Refusal, requires_approval};

#[requires_approval]
async fn log<T: serde::Serialize>(entry: T) -> Result<T, Refusal> {
    Ok(entry)
}

fn main() {
    let _ = log(1);
}
