#![deny(warnings)]

//! `callable` with every kind of argument that it takes, and no lint of generated code.

use std::future::Future;
use std::path::Path;

use approval_runtime::{Refusal, requires_approval};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Refund {
    customer: String,
}

#[requires_approval(callable)]
async fn kinds(
    to: &str,
    tags: &[String],
    path: &Path,
    by_reference: &Refund,
    mut count: u32,
    (a, b): (u8, u8),
    _: u8,
    r#type: Option<Refund>,
) -> Result<String, Refusal> {
    count += 1;
    let kind = r#type.map(|refund| refund.customer);
    Ok(format!("{to}{tags:?}{}{}{count}{a}{b}{kind:?}", path.display(), by_reference.customer))
}

#[deprecated]
#[requires_approval(callable)]
async fn old() -> String {
    String::new()
}

#[requires_approval(callable)]
fn by_future(n: u8) -> impl Future<Output = Result<u8, Refusal>> + Send {
    async move { Ok(n) }
}

#[requires_approval(callable)]
async fn lifetimes<'a>(a: &'a str, b: &'a [u8]) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
    Ok(a.len() + b.len())
}

mod inner {
    #[approval_runtime::requires_approval(callable, flatten(refund))]
    pub async fn flattened(refund: super::Refund, n: u8) -> String {
        format!("{}{n}", refund.customer)
    }
}

#[allow(deprecated)]
fn main() {
    let refund = Refund { customer: String::new() };
    let _ = kinds("", &[], "".as_ref(), &refund, 1, (1, 2), 3, None);
    let _ = (old(), by_future(1), lifetimes("", &[]), inner::flattened(refund, 1));
}
