//! A rule over values that the body has to keep.
#![deny(warnings)]

use approval_runtime::{Refusal, requires_approval};

use std::rc::Rc;

struct Session {
    user: String,
}

impl Session {
    fn is_trusted(&self) -> bool {
        self.user == "alice"
    }
}

fn is_close(limit: u64, session: &Session) -> bool {
    session.user.len() as u64 > limit
}

#[requires_approval(
    skip(session, shared),
    live(limit),
    auto_approve = session.is_trusted() && is_close(limit, &session) && amount < limit && Rc::strong_count(&shared) == 1
)]
async fn pay(session: Session, shared: Rc<u8>, limit: u64, amount: u64) -> Result<(Session, Rc<u8>, u64), Refusal> {
    Ok((session, shared, limit + amount))
}

fn main() {
    let _ = pay(Session { user: String::new() }, Rc::new(1), 2, 3);
}
