use approval_runtime::{Refusal, requires_approval};

struct Mailer;

impl Mailer {
    #[requires_approval]
    async fn execute(&self, to: String) -> Result<String, Refusal> {
        Ok(to)
    }
}

fn main() {
    let _ = Mailer.execute(String::new());
}
