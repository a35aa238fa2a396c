use approval_runtime::{Refusal, requires_approval};

fn refused(refusal: Refusal) -> String {
    refusal.to_string()
}

#[requires_approval(on_refusal = refused)]
async fn find(id: u64) -> Option<u64> {
    Some(id)
}

fn main() {
    let _ = find(1);
}
