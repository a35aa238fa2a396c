use approval_runtime::{Refusal, requires_approval};

async fn send(to: String) -> Result<String, Refusal> {
    Ok(to)
}

struct Mailer;

impl Mailer {
    #[requires_approval(resumable)]
    async fn send(to: String) -> Result<String, Refusal> {
        Ok(to)
    }
}

fn main() {
    let _ = (send(String::new()), Mailer::send(String::new()));
}
