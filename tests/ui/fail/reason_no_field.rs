use approval_runtime::{Refusal, requires_approval};

#[derive(serde::Serialize, serde::Deserialize)]
struct Customer {
    name: String,
}

#[requires_approval(reason = "Write to {customer.nmae}")]
async fn write(customer: Customer) -> Result<String, Refusal> {
    Ok(customer.name)
}

fn main() {
    let _ = write(Customer { name: String::new() });
}
