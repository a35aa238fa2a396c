use approval_runtime::{Refusal, requires_approval};

#[requires_approval(gate = name)]
async fn refund(name: String, amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

fn main() {
    let _ = refund(String::new(), 1);
}
