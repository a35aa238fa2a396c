use approval_runtime::requires_approval;

#[requires_approval]
async fn delete_record(id: u64) {
    println!("{id}");
}

fn main() {
    let _ = delete_record(1);
}
