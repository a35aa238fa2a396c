use approval_runtime::{Refusal, requires_approval};

struct Order {
    id: u64,
}

#[requires_approval(auto_approve = order.id == 0)]
async fn cancel(order: Order) -> Result<u64, Refusal> {
    Ok(order.id)
}

fn main() {
    let _ = cancel(Order { id: 1 });
}
