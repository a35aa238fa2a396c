use approval_runtime::{Refusal, requires_approval};

#[requires_approval]
async fn longer<'a, 'b>(a: &'a str, b: &'b str) -> Result<&'b str, Refusal> {
    Ok(if a.is_empty() { b } else { "" })
}

fn main() {
    let _ = longer("", "");
}
