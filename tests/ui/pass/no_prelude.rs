//! A crate without a prelude.
#![deny(warnings)]
#![no_implicit_prelude]

use ::approval_runtime::{Refusal, requires_approval};
use ::std::string::{String, ToString};
use ::std::vec::Vec;

#[requires_approval(timeout = 3, auto_approve = to == "nobody", reason = "To {to}", skip(ctx), call_id = to.to_string())]
async fn send(ctx: u8, to: &str, tags: Vec<u8>) -> ::core::result::Result<String, Refusal> {
    let _ = (ctx, tags);
    ::core::result::Result::Ok(to.to_string())
}

fn main() {
    let _ = send(1, "", Vec::new());
}
