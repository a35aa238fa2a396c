use approval_runtime::{Refusal, requires_approval};

#[requires_approval(timeout = 0, skip(cxt), reason = "Pay {amout}", quorum = 0, auto_approve = amount?, effekt = external)]
async fn pay(ctx: Option<&u8>, amount: u64) -> Result<u64, Refusal> {
    Ok(amount + ctx.map_or(0, |ctx| u64::from(*ctx)))
}

fn main() {
    // The function is still there: its callers show no errors of their own.
    let _ = pay(None, 2);
}
