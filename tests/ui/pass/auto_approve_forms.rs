//! Rules of every form.
#![deny(warnings)]

use approval_runtime::{Refusal, requires_approval};

#[derive(Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
enum Kind {
    Draft,
    Mail { copies: u8 },
}

fn is_small(amount: u64) -> bool {
    amount < 10
}

#[requires_approval(auto_approve = is_small(amount) && kind == Kind::Draft)]
async fn call(amount: u64, kind: Kind) -> Result<u64, Refusal> {
    let _ = kind;
    Ok(amount)
}

#[requires_approval(auto_approve = matches!(kind, Kind::Draft | Kind::Mail { copies: 0 }))]
async fn pattern(kind: Kind) -> Result<bool, Refusal> {
    Ok(kind == Kind::Draft)
}

#[requires_approval(auto_approve = match kind { Kind::Draft => true, Kind::Mail { copies } => copies < limit })]
async fn cases(kind: Kind, limit: u8) -> Result<bool, Refusal> {
    let _ = limit;
    Ok(kind == Kind::Draft)
}

#[requires_approval(auto_approve = { let mut n = amounts.len(); while n > 5 { n -= 5; if n == 7 { break } } n == 0 })]
async fn block(amounts: Vec<u64>) -> Result<usize, Refusal> {
    Ok(amounts.len())
}

#[requires_approval(auto_approve = amounts.into_iter().all(|amount| amount < 3))]
async fn moving(amounts: Vec<u64>) -> Result<usize, Refusal> {
    Ok(amounts.len())
}

// Where only `bool` says which type is meant.
#[requires_approval(auto_approve = amount.parse().unwrap_or_default())]
async fn inferred(amount: String) -> Result<String, Refusal> {
    Ok(amount)
}

#[requires_approval(auto_approve = urgent.into())]
async fn converted(urgent: bool) -> Result<bool, Refusal> {
    Ok(urgent)
}

#[requires_approval(auto_approve = if amount > 3 { panic!("people decide") } else { true })]
async fn sometimes(amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

#[requires_approval(auto_approve = unimplemented!())]
async fn unfinished(amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

#[requires_approval(auto_approve = true)]
async fn always(amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

fn main() {
    let _ = (call(1, Kind::Draft), pattern(Kind::Mail { copies: 1 }), cases(Kind::Draft, 1), block(vec![]), moving(vec![]), always(1));
    let _ = (inferred(String::new()), converted(true), sometimes(1), unfinished(1));
}
