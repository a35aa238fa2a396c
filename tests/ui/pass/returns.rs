//! What can carry a refusal, and how bodies return.
#![deny(warnings)]

use std::error::Error;
use std::fmt::{Debug, Display};

use approval_runtime::{Refusal, requires_approval};

#[derive(Debug, thiserror::Error)]
enum MailError {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(transparent)]
    Number(#[from] std::num::ParseIntError),
}

#[requires_approval]
async fn typed(number: String) -> Result<u8, MailError> {
    Ok(number.parse::<u8>()?)
}

#[requires_approval]
async fn dynamic(number: String) -> Result<u8, Box<dyn Error + Send + Sync>> {
    if number.is_empty() {
        Err("no number")?;
    }
    Ok(number.parse()?)
}

#[requires_approval]
async fn object(number: u8) -> Result<Box<dyn Display + Send>, Refusal> {
    if number > 3 {
        return Ok(Box::new(number));
    }
    Ok(Box::new("small"))
}

#[requires_approval]
async fn opaque(number: u8) -> Result<impl Debug, Refusal> {
    if number > 3 {
        return Ok(None);
    }
    Ok(Some(number))
}

#[requires_approval]
async fn text(number: u8) -> String {
    match number {
        0 => return "nothing".into(),
        _ => number.to_string(),
    }
}

#[requires_approval(on_refusal = drop)]
async fn unit(number: u8) {
    let _ = number;
}

#[requires_approval]
async fn unfinished(number: u8) -> Result<u8, Refusal> {
    let _ = number;
    todo!()
}

#[requires_approval]
async fn recursive(number: u8) -> Result<u8, Refusal> {
    if number == 0 { Ok(0) } else { Box::pin(recursive(number - 1)).await }
}

fn main() {
    let _ = (typed(String::new()), dynamic(String::new()), object(1), opaque(1), text(1), unit(1), unfinished(1), recursive(1));
}
