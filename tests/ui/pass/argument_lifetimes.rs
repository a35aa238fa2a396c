//! Elided and named lifetimes; what borrows is shown live or not at all.
#![deny(warnings)]

use approval_runtime::{Refusal, requires_approval};

use std::borrow::Cow;

struct Pool<'p>(&'p str);

#[requires_approval(live(text, title), skip(pool))]
async fn find<'a, 'p: 'a>(pool: &'a Pool<'p>, text: &'a str, title: Option<&str>, body: &str) -> Result<&'a str, Refusal> {
    Ok(if body.is_empty() || title.is_some() { text } else { pool.0 })
}

#[requires_approval(live(text))]
async fn cow(text: Cow<'_, str>, by: &u8) -> Result<usize, Refusal> {
    Ok(text.len() + usize::from(*by))
}

fn main() {
    let _ = (find(&Pool(""), "", None, ""), cow("".into(), &1));
}
