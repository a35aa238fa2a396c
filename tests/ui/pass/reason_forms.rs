//! Reasons of every form.
#![deny(warnings)]

use approval_runtime::{Refusal, requires_approval};

#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Order {
    id: u64,
    lines: (String, [u8; 2]),
}

struct Shop {
    name: String,
}

impl Shop {
    #[requires_approval(reason = r#"{self.name}: {order:?} {order.id:>08} {order.lines.0} {amount:>width$.2} {{plain}}"#)]
    async fn sell(&self, order: Order, amount: f64, width: usize) -> Result<usize, Refusal> {
        let _ = (order.id, order.lines, amount);
        Ok(width)
    }
}

#[requires_approval(reason = "Wipe the disk")]
async fn wipe(disk: &str) -> Result<usize, Refusal> {
    Ok(disk.len())
}

fn main() {
    let order = Order { id: 1, lines: (String::new(), [1; 2]) };
    let _ = (Shop { name: String::new() }.sell(order, 1.0, 2), wipe("sda"));
}
