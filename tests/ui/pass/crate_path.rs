//! The runtime under another name.
#![deny(warnings)]

mod exports {
    pub(crate) use approval_runtime as approval;
}

use exports::approval::{Refusal, requires_approval};

#[requires_approval(crate = crate::exports::approval, auto_approve = to.is_empty(), reason = "To {to}")]
async fn send_email(to: &str, tags: Vec<String>) -> Result<String, Refusal> {
    Ok(format!("{to}{tags:?}"))
}

fn main() {
    let _ = send_email("", vec![]);
}
