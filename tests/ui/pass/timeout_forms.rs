//! Times in numbers, in words and as constants.
#![deny(warnings)]

use std::time::Duration;

use approval_runtime::{Refusal, requires_approval};

mod limits {
    pub const LONG: super::Duration = super::Duration::from_secs(30 * 24 * 60 * 60);
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

struct Bank;

impl Bank {
    const PATIENCE: Duration = minutes(3);
}

#[requires_approval(timeout = 1)]
async fn seconds() -> Result<(), Refusal> {
    Ok(())
}

#[requires_approval(timeout = "29d 23h 59m 60s", max_wait = "0s")]
async fn words() -> Result<(), Refusal> {
    Ok(())
}

#[requires_approval(timeout = limits::LONG, max_wait = minutes(2))]
async fn constants() -> Result<(), Refusal> {
    Ok(())
}

#[requires_approval(timeout = Bank::PATIENCE)]
async fn associated() -> Result<(), Refusal> {
    Ok(())
}

const WAIT: &Duration = &Duration::from_millis(500);

#[requires_approval(timeout = Duration::from_secs(1), max_wait = *WAIT)]
async fn computed<T: serde::Serialize + serde::de::DeserializeOwned>(value: T) -> Result<T, Refusal> {
    Ok(value)
}

fn main() {
    let _ = computed(1);
    let _ = (seconds(), words(), constants(), associated());
}
