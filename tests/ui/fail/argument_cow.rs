use std::borrow::Cow;

use approval_runtime::{Refusal, requires_approval};

#[requires_approval]
async fn send_email(body: Cow<'_, str>) -> Result<usize, Refusal> {
    Ok(body.len())
}

fn main() {
    let _ = send_email("".into());
}
