use approval_runtime::{Refusal, requires_approval};

#[derive(serde::Serialize, serde::Deserialize)]
struct Order {
    id: u64,
}

#[requires_approval(reason = "Pay {order}")]
async fn pay(order: Order) -> Result<u64, Refusal> {
    Ok(order.id)
}

fn main() {
    let _ = pay(Order { id: 1 });
}
