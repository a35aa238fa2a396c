use approval_runtime::{Refusal, requires_approval};

#[derive(serde::Deserialize)]
struct Order {
    id: u64,
}

#[requires_approval]
async fn cancel(order: Option<Order>) -> Result<bool, Refusal> {
    Ok(order.is_some_and(|order| order.id > 1))
}

fn main() {
    let _ = cancel(None);
}
