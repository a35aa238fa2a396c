use approval_runtime::{Refusal, requires_approval};

struct Session(String);

fn is_trusted(session: Session) -> bool {
    session.0.is_empty()
}

#[requires_approval(skip(session), auto_approve = is_trusted(session))]
async fn refund(amount: u64, session: Session) -> Result<u64, Refusal> {
    Ok(amount + session.0.len() as u64)
}

fn main() {
    let _ = refund(1, Session(String::new()));
}
