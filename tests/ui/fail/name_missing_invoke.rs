use approval_runtime::{Refusal, requires_approval};

struct Mailer;

impl Mailer {
    #[requires_approval]
    async fn invoke(&self, to: String) -> Result<String, Refusal> {
        Ok(to)
    }
}

fn main() {
    let _ = Mailer.invoke(String::new());
}
