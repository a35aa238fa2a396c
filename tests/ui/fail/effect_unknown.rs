use approval_runtime::{Refusal, requires_approval};

#[requires_approval(effect = irreversable)]
async fn delete_record(id: u64) -> Result<u64, Refusal> {
    Ok(id)
}

fn main() {
    let _ = delete_record(1);
}
