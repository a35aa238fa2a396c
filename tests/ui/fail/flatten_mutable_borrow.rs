use approval_runtime::{Refusal, requires_approval};

#[requires_approval(flatten(total))]
async fn add(total: &mut u64, by: u64) -> Result<u64, Refusal> {
    *total += by;
    Ok(*total)
}

fn main() {
    let _ = add(&mut 1, 2);
}
