use approval_runtime::{Refusal, requires_approval};

#[requires_approval]
async fn send_email(to: *const u8) -> Result<bool, Refusal> {
    Ok(to.is_null())
}

fn main() {
    let _ = send_email(std::ptr::null());
}
