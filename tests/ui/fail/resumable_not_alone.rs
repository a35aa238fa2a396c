use approval_runtime::{Refusal, requires_approval};

struct Mailer;

impl Mailer {
    #[requires_approval(resumable)]
    async fn send(&self, to: String) -> Result<String, Refusal> {
        Ok(to)
    }
}

#[requires_approval(resumable)]
async fn generic<T: serde::Serialize + serde::de::DeserializeOwned>(to: T) -> Result<T, Refusal> {
    Ok(to)
}

#[requires_approval(resumable, skip(ctx))]
async fn skipping(ctx: u8, to: String) -> Result<String, Refusal> {
    Ok(format!("{to}{ctx}"))
}

#[requires_approval(resumable, redact(pin))]
async fn hiding(pin: u32) -> Result<u32, Refusal> {
    Ok(pin)
}

fn main() {
    let _ = Mailer.send(String::new());
}
