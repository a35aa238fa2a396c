use approval_runtime::{Refusal, requires_approval};

#[requires_approval(callable)]
async fn search(search: String) -> Result<String, Refusal> {
    Ok(search)
}

fn main() {
    let _ = search(String::new());
}
