use std::time::Duration;

use approval_runtime::{Refusal, requires_approval};

struct Mailer;

impl Mailer {
    const PATIENCE: Duration = Duration::from_secs(60);
    const NAME: &'static str = "mailer.send";

    #[requires_approval(timeout = Self::PATIENCE, name = Self::NAME)]
    async fn send(&self, to: String) -> Result<String, Refusal> {
        Ok(to)
    }
}

fn main() {
    let _ = Mailer.send(String::new());
    let _ = (Mailer::PATIENCE, Mailer::NAME);
}
