use approval_runtime::{Refusal, requires_approval};

#[derive(serde::Serialize)]
struct Order {
    id: u64,
}

#[requires_approval]
async fn cancel(orders: &[Order]) -> Result<usize, Refusal> {
    Ok(orders.len())
}

fn main() {
    let order = Order { id: 1 };
    let _ = order.id;
    let _ = cancel(&[order]);
}
