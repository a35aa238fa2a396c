//! Generated code is without `unsafe`, in a crate that forbids it.
#![deny(warnings)]
#![forbid(unsafe_code)]

use approval_runtime::{Refusal, requires_approval};

struct Mailer;

impl Mailer {
    #[requires_approval(timeout = 3, auto_approve = to.is_empty(), reason = "To {to}", live(copies), redact(subject))]
    async fn send(&mut self, to: String, subject: &str, copies: &mut u8) -> Result<String, Refusal> {
        *copies += subject.len() as u8;
        Ok(to)
    }
}

#[requires_approval(resumable, callable, record)]
async fn send(to: &str) -> Result<String, Refusal> {
    Ok(to.to_owned())
}

fn main() {
    let _ = (Mailer.send(String::new(), "", &mut 1), send(""));
}
