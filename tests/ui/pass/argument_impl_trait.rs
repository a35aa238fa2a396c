//! `impl Trait` arguments that come back out of JSON, and one that does not have to.
#![deny(warnings)]

use approval_runtime::{Refusal, requires_approval};

use serde::Serialize;
use serde::de::DeserializeOwned;

#[requires_approval(live(shown), skip(hidden))]
async fn store(
    one: impl Serialize + DeserializeOwned + Clone,
    many: Vec<impl Serialize + DeserializeOwned>,
    lent: &(impl Serialize + DeserializeOwned),
    shown: impl Serialize,
    hidden: impl FnOnce() -> u8,
) -> Result<u8, Refusal> {
    let _ = (one.clone(), many, lent, shown);
    Ok(hidden())
}

fn main() {
    let _ = store(1, vec![2], &3, "4", || 5);
}
