//! An argument that is there depending on how the crate is built.
#![deny(warnings)]

use approval_runtime::{Refusal, requires_approval};

struct Log;

/// Pays.
#[requires_approval(skip(log), redact(pin, note))]
async fn pay(amount: u64, #[cfg(any())] note: String, pin: String, #[cfg(all())] log: &Log) -> Result<u64, Refusal> {
    let Log = log;
    #[cfg(any())]
    let pin = pin + &note;
    Ok(amount + pin.len() as u64)
}

struct Bank;

impl Bank {
    #[requires_approval(live(note))]
    async fn refund(&self, amount: u64, #[cfg(any())] note: &str) -> Result<u64, Refusal> {
        Ok(amount)
    }
}

fn main() {
    let _ = (pay(1, String::new(), &Log), Bank.refund(1));
}
