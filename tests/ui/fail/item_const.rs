use approval_runtime::requires_approval;

#[requires_approval]
const LIMIT: u8 = 3;

fn main() {
    let _ = LIMIT;
}
