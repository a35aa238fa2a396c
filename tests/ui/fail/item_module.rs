use approval_runtime::requires_approval;

#[requires_approval]
mod tools {
    pub fn list() {}
}

fn main() {
    tools::list();
}
