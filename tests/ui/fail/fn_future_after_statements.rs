use std::future::Future;

use approval_runtime::{Refusal, requires_approval};

#[requires_approval]
fn send_email(to: String) -> impl Future<Output = Result<String, Refusal>> {
    println!("sending to {to}");
    async move { Ok(to) }
}

fn main() {
    let _ = send_email(String::new());
}
