use approval_runtime::{Refusal, requires_approval};

use serde::Serialize;
use serde::de::DeserializeOwned;

#[requires_approval(callable)]
async fn send(to: impl Serialize + DeserializeOwned) -> Result<bool, Refusal> {
    let _ = to;
    Ok(true)
}

fn main() {
    let _ = send(1);
}
