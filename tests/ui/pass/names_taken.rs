//! The user's names and ours do not meet.
#![deny(warnings)]
#![allow(dead_code)]

mod std {}
mod core {}
mod serde_json {}
mod approval_runtime {}

struct String;
struct Box;
struct Result;
struct Option;
struct Permit;
struct Vec;

use ::approval_runtime::{Refusal, requires_approval};

const ARG0: u8 = 7;

#[requires_approval(auto_approve = call == 1 && decoder == 2 && approved == 3, reason = "{call} {token}")]
async fn arguments(call: u8, decoder: u8, approved: u8, token: u8, permit: u8, refusal: u8, started: u8, output: u8) -> ::core::result::Result<u8, Refusal> {
    Ok(call + decoder + approved + token + permit + refusal + started + output)
}

#[requires_approval]
async fn fields(request: u8, args: &str, gate: u8, result: u8, tool: u8, f: u8, lent: &[u8], _: u8) -> ::core::result::Result<u8, Refusal> {
    let _ = (args, lent);
    Ok(request + gate + result + tool + f + ARG0)
}

#[allow(non_upper_case_globals)]
const arg0: u8 = 1;

#[requires_approval]
async fn constant(_: u8) -> ::core::result::Result<u8, Refusal> {
    Ok(arg0)
}

#[requires_approval(on_refusal = refused)]
async fn on_refusal() -> Result {
    Result
}

fn refused(_: Refusal) -> Result {
    Result
}

fn main() {
    let _ = (arguments(1, 2, 3, 4, 5, 6, 7, 8), fields(1, "", 2, 3, 4, 5, &[], 6), constant(1), on_refusal());
}
