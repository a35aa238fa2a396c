use approval_runtime::requires_approval;

#[requires_approval]
async fn delete_record(id: u64) {
    println!("{id}");
}

#[requires_approval]
async fn describe(id: u64) -> impl std::fmt::Display {
    id
}

fn main() {
    let _ = (delete_record(1), describe(1));
}
