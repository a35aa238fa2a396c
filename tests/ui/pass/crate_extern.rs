//! The runtime as another extern crate.
#![deny(warnings)]

extern crate approval_runtime as approvals;

use approvals::{Refusal, requires_approval};

#[requires_approval(crate = approvals, live(copies), skip(gate), gate = gate, agent = "billing", reason = "To {to}")]
async fn send(to: &str, copies: Option<&u8>, gate: approvals::ApprovalGate) -> Result<String, Refusal> {
    let _ = (copies, gate);
    Ok(to.to_owned())
}

#[requires_approval(crate = ::approvals, callable)]
async fn list(#[cfg(any())] gone: u8, of: Vec<u8>) -> Result<usize, Refusal> {
    Ok(of.len())
}

fn main() {
    let _ = (send, list(vec![]));
}
