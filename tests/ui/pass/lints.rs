//! Attributes and lints around a tool stay as they are.
#![deny(warnings)]
#![deny(missing_docs, unreachable_pub, rust_2018_idioms, unused_qualifications, unused_lifetimes, single_use_lifetimes)]
#![forbid(unsafe_code)]

use approval_runtime::{Refusal, requires_approval};

/// Sends an email.
#[requires_approval(reason = "To {to}", auto_approve = (to.is_empty()))]
#[must_use]
#[inline]
#[allow(clippy::unused_async, reason = "the tool's own")]
async fn send_email(to: String) -> Result<String, Refusal> {
    #![allow(unused_mut)]
    let mut text = to;
    Ok(text)
}

#[requires_approval]
#[deprecated = "use send_email"]
async fn send_letter(#[allow(unused_variables)] to: String, #[expect(unused_mut)] mut lines: &[String], _subject: &str) -> Result<(), Refusal> {
    fn inner(_: usize) {}
    inner(lines.len());
    Ok(())
}

#[requires_approval]
#[cfg(any())]
async fn absent(to: Unknown) -> Result<(), Refusal> {}

fn main() {
    let _ = send_email(String::new());
    #[allow(deprecated)]
    let _ = send_letter(String::new(), &[], "");
}
