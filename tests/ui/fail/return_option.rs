use approval_runtime::requires_approval;

#[requires_approval]
async fn find(id: u64) -> Option<u64> {
    Some(id)
}

fn main() {
    let _ = find(1);
}
