use approval_runtime::{Refusal, requires_approval};

struct Mailer;

impl Mailer {
    #[requires_approval]
    async fn run(&self, to: String) -> Result<String, Refusal> {
        Ok(to)
    }
}

fn main() {
    let _ = Mailer.run(String::new());
}
