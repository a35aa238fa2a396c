use approval_runtime::{Refusal, requires_approval};

#[derive(serde::Serialize)]
struct Order(u64);

impl Order {
    #[requires_approval(callable)]
    async fn place(id: u64) -> Result<Self, Refusal> {
        Ok(Self(id))
    }
}

fn main() {
    let _ = Order::place(1);
}
