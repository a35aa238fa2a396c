use approval_runtime::{Refusal, requires_approval};

#[derive(serde::Serialize, serde::Deserialize)]
struct Pair {
    n: u8,
}

#[requires_approval(flatten(a, b))]
async fn join(a: Pair, b: Pair) -> Result<u8, Refusal> {
    Ok(a.n + b.n)
}

fn main() {
    let _ = join(Pair { n: 1 }, Pair { n: 2 });
}
