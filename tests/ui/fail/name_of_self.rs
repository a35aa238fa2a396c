use approval_runtime::{Refusal, requires_approval};

struct Mailer;

impl Mailer {
    const NAME: &str = "mailer.send";

    #[requires_approval(name = Self::NAME)]
    async fn send(&self, to: String) -> Result<String, Refusal> {
        Ok(to)
    }
}

fn main() {
    let _ = Mailer.send(String::new());
}
