use approval_runtime::{Refusal, requires_approval};

use serde::Serialize;
use serde::de::DeserializeOwned;

#[requires_approval(resumable)]
async fn send<T: Serialize + DeserializeOwned>(to: T) -> Result<T, Refusal> {
    Ok(to)
}

fn main() {
    let _ = send(1);
}
