use approval_runtime::{Refusal, requires_approval};

trait Mailer {
    fn send(&self) -> bool;
}

#[requires_approval]
async fn send_email(mailer: &dyn Mailer) -> Result<bool, Refusal> {
    Ok(mailer.send())
}

fn main() {
    let _ = send_email;
}
