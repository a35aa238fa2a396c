use approval_runtime::requires_approval;

#[requires_approval]
pub enum Kind {
    Draft,
}

fn main() {
    let _ = Kind::Draft;
}
