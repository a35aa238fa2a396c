use approval_runtime::{Refusal, requires_approval};

#[requires_approval]
async fn first_word(text: &str) -> Result<&str, Refusal> {
    Ok(text.split(' ').next().unwrap_or_default())
}

#[requires_approval]
async fn longer<'a, 'b>(a: &'a str, b: &'b str, min: &u8) -> Result<&'b str, Refusal> {
    Ok(if a.len() > usize::from(*min) { b } else { "" })
}

fn main() {
    let _ = (first_word(""), longer("", "", &1));
}
