use approval_runtime::requires_approval;

#[requires_approval]
async fn describe(id: u64) -> impl std::fmt::Display {
    id
}

fn main() {
    let _ = describe(1);
}
