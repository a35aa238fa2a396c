use approval_runtime::{Refusal, requires_approval};

trait Mailer {
    #[requires_approval]
    async fn send(&self, to: String) -> Result<String, Refusal>;
}

fn main() {}
