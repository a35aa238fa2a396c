use std::time::Duration;

use approval_runtime::{Refusal, requires_approval};

struct Mailer;

impl Mailer {
    const PATIENCE: Duration = Duration::from_secs(60);

    #[requires_approval(timeout = Self::PATIENCE)]
    async fn send(&self, to: String) -> Result<String, Refusal> {
        Ok(to)
    }
}

fn main() {
    let _ = Mailer.send(String::new());
}
