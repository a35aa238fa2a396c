//! What `#[requires_approval]` makes of a function: each option at work, each shape and kind of argument, and what runs.

mod arguments;
mod composed;
mod names;
mod odd;
mod options;
mod shapes;

use std::sync::atomic::{AtomicUsize, Ordering};

use approval_runtime::{ApprovalGate, ApprovalRequest};

use crate::tools::{approve, gate, reject};

/// How often a body was started; a `static` in a test belongs to that test alone.
struct Started(AtomicUsize);

impl Started {
    const fn none() -> Self {
        Self(AtomicUsize::new(0))
    }

    fn once_more(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// Makes a call and approves it; returns what the call returned and the request as it was decided.
async fn approved<T>(gate: &ApprovalGate, call: impl Future<Output = T>) -> (T, ApprovalRequest) {
    tokio::join!(gate.scope(call), approve(gate))
}

/// Makes a call twice: rejected it starts no body, approved it starts one. Returns what the approved one returned, and its
/// request.
async fn starts_once<T>(started: &Started, mut call: impl AsyncFnMut() -> T) -> (T, ApprovalRequest) {
    let gate = gate();
    let before = started.count();
    tokio::join!(gate.scope(call()), reject(&gate));
    assert_eq!(started.count(), before, "a rejected call ran");
    let approved = approved(&gate, call()).await;
    assert_eq!(started.count(), before + 1, "an approved call runs once");
    approved
}

/// Returns the arguments as the reviewer saw them.
fn shown(request: &ApprovalRequest) -> String {
    request.arguments().to_value().to_string()
}
