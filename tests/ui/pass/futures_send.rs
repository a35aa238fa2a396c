//! A tool's future moves between threads where the bare one does, and stays where it cannot.
#![deny(warnings)]

use std::cell::Cell;
use std::rc::Rc;

use approval_runtime::{Refusal, requires_approval};

struct Mailer(Cell<u8>);

impl Mailer {
    #[requires_approval]
    async fn send(&mut self, to: &str, tags: &[String]) -> Result<&u8, Refusal> {
        tokio::task::yield_now().await;
        let _ = (to, tags);
        Ok(self.0.get_mut())
    }
}

#[requires_approval(auto_approve = to.is_empty(), reason = "{to}", call_id = Rc::new(&to).to_string())]
async fn sends(to: String) -> Result<String, Refusal> {
    tokio::task::yield_now().await;
    Ok(to)
}

#[requires_approval]
async fn stays(to: String) -> Result<String, Refusal> {
    let to = Rc::new(to);
    tokio::task::yield_now().await;
    Ok(to.to_string())
}

fn is_send(_: impl Send) {}

fn main() {
    is_send(sends(String::new()));
    is_send(Mailer(Cell::new(1)).send("", &[]));
    let _ = stays(String::new());
}
