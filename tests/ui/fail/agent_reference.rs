use approval_runtime::{Refusal, requires_approval};

#[requires_approval(agent = &owner)]
async fn refund(owner: String, amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

fn main() {
    let _ = refund(String::new(), 1);
}
