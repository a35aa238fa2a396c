use approval_runtime::{Refusal, requires_approval};

mod toolkit {
    pub use approval_runtime;
}

#[requires_approval(crate = toolkit)]
async fn refund(amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

fn main() {
    let _ = refund(1);
    let _: Option<toolkit::approval_runtime::Refusal> = None;
}
