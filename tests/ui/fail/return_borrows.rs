use approval_runtime::{Refusal, requires_approval};

#[requires_approval]
async fn first_word(text: &str) -> Result<&str, Refusal> {
    Ok(text.split(' ').next().unwrap_or_default())
}

fn main() {
    let _ = first_word("");
}
