use approval_runtime::{Refusal, requires_approval};

#[derive(serde::Serialize, serde::Deserialize)]
struct Login {
    password: String,
}

#[requires_approval(flatten(args), redact(args))]
async fn log_in(args: Login) -> Result<usize, Refusal> {
    Ok(args.password.len())
}

fn main() {
    let _ = log_in(Login { password: String::new() });
}
