use approval_runtime::{Refusal, requires_approval};

trait Mailer {
    fn send(&self) -> bool;
}

#[requires_approval]
async fn send_email(mailer: &dyn Mailer, retry: fn(u8) -> bool) -> Result<bool, Refusal> {
    Ok(mailer.send() || retry(1))
}

fn main() {
    let _ = send_email;
}
