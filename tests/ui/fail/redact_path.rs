use approval_runtime::{Refusal, requires_approval};

#[requires_approval(redact(password.hash, args), flatten(args))]
async fn log_in(password: String, args: Vec<u8>) -> Result<usize, Refusal> {
    Ok(password.len() + args.len())
}

fn main() {
    let _ = log_in(String::new(), Vec::new());
}
