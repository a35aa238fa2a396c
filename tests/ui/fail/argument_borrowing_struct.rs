use approval_runtime::{Refusal, requires_approval};

#[derive(serde::Serialize, serde::Deserialize)]
struct Order<'a> {
    id: &'a str,
}

#[requires_approval]
async fn cancel(order: Order<'_>) -> Result<usize, Refusal> {
    Ok(order.id.len())
}

fn main() {
    let _ = cancel(Order { id: "" });
}
