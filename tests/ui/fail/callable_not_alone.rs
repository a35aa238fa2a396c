use approval_runtime::{Refusal, requires_approval};

struct Mailer;

impl Mailer {
    #[requires_approval(callable)]
    async fn send(&self, to: String) -> Result<String, Refusal> {
        Ok(to)
    }
}

#[requires_approval(callable)]
async fn generic<T: serde::Serialize + serde::de::DeserializeOwned>(to: T) -> Result<T, Refusal> {
    Ok(to)
}

#[requires_approval(callable, live(ctx))]
async fn living(ctx: u8, to: String) -> Result<String, Refusal> {
    Ok(format!("{to}{ctx}"))
}

#[requires_approval(callable)]
async fn opaque(to: impl serde::Serialize + serde::de::DeserializeOwned) -> Result<String, Refusal> {
    Ok(serde_json::to_string(&to).unwrap_or_default())
}

#[requires_approval(callable)]
async fn search(search: String) -> Result<String, Refusal> {
    Ok(search)
}

fn main() {
    let _ = Mailer.send(String::new());
}
