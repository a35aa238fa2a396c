//! A tool that is `unsafe` to call.
#![deny(warnings)]

use approval_runtime::{Refusal, requires_approval};

#[requires_approval]
async unsafe fn wipe(at: usize) -> Result<usize, Refusal> {
    // SAFETY: a `u8` may have any value.
    Ok(at + usize::from(unsafe { std::mem::zeroed::<u8>() }))
}

fn main() {
    // SAFETY: it asks first.
    let _ = unsafe { wipe(1) };
}
