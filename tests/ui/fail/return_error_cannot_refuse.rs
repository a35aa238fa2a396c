use approval_runtime::requires_approval;

#[derive(Debug)]
struct Broken;

#[requires_approval]
async fn count_records(table: String) -> Result<usize, Broken> {
    if table.is_empty() { Err(Broken) } else { Ok(table.len()) }
}

fn main() {
    let _ = count_records(String::new());
}
