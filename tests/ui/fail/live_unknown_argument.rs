use approval_runtime::{Refusal, requires_approval};

#[requires_approval(live(conn))]
async fn pay(ctx: u8, amount: u64) -> Result<u64, Refusal> {
    Ok(amount + u64::from(ctx))
}

fn main() {
    let _ = pay(1, 2);
}
