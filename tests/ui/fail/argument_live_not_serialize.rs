use approval_runtime::{Refusal, requires_approval};

struct Connection;

#[requires_approval(live(conn))]
async fn delete(conn: &Connection, id: u64) -> Result<u64, Refusal> {
    let Connection = conn;
    Ok(id)
}

fn main() {
    let _ = delete(&Connection, 1);
}
