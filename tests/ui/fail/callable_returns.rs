use approval_runtime::{Refusal, requires_approval};

struct Receipt;

#[requires_approval(callable)]
async fn pay(amount: u32) -> Result<Receipt, Refusal> {
    let _ = amount;
    Ok(Receipt)
}

fn main() {
    let _ = pay(1);
}
