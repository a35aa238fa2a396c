//! Arguments that the body does not use, as their names say.
#![deny(warnings)]

use approval_runtime::{Refusal, requires_approval};

#[requires_approval]
async fn ignore(_to: String, _: u8, #[allow(unused_variables)] subject: &str, #[expect(unused_variables)] body: String) -> Result<(), Refusal> {
    Ok(())
}

fn main() {
    let _ = ignore(String::new(), 1, "", String::new());
}
