use approval_runtime::{Refusal, requires_approval};

#[requires_approval]
async fn send_email(to: Option<&str>) -> Result<usize, Refusal> {
    Ok(to.map_or(0, str::len))
}

fn main() {
    let _ = send_email(None);
}
