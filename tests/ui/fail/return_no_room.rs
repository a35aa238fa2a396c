use approval_runtime::requires_approval;

#[requires_approval]
async fn count_records(table: String) -> u64 {
    table.len() as u64
}

fn main() {
    let _ = count_records(String::new());
}
