//! What a signature may write in place of a plain name.
#![deny(warnings)]

use approval_runtime::{Refusal, requires_approval};

#[derive(serde::Serialize, serde::Deserialize)]
struct Point {
    x: u8,
    y: u8,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Parameters<T>(T);

#[derive(Clone, Copy)]
struct State(u8);

#[requires_approval(auto_approve = a > 3 && x == 0 && n == 1, reason = "{a} {x} {n}")]
async fn patterns((a, _b): (u8, u8), [c, .., d]: [u8; 4], Point { x, y: z }: Point, _: u8, mut n: u8) -> Result<u8, Refusal> {
    n += 1;
    Ok(a + c + d + x + z + n)
}

#[requires_approval(auto_approve = point.x < 10, redact(point.y), reason = "To {point.x}")]
async fn flattened(Parameters(point): Parameters<Point>) -> Result<u8, Refusal> {
    Ok(point.x + point.y)
}

#[requires_approval(skip(state), reason = "{state}", auto_approve = amount < *state)]
async fn skipped(State(state): State, Parameters(mut amount): Parameters<u8>) -> Result<u8, Refusal> {
    amount += 1;
    Ok(state + amount)
}

#[requires_approval(auto_approve = r#type.is_empty(), redact(r#in), reason = "{type}")]
async fn raw(r#type: String, r#in: u8) -> Result<String, Refusal> {
    Ok(format!("{type}{in}", r#type = r#type, r#in = r#in))
}

#[requires_approval]
async fn r#move(mut to: &str, mut lines: &[String]) -> Result<usize, Refusal> {
    to = to.trim();
    lines = &lines[1..];
    Ok(to.len() + lines.len())
}

fn main() {
    let _ = patterns((1, 2), [1; 4], Point { x: 1, y: 2 }, 1, 1);
    let _ = (flattened(Parameters(Point { x: 1, y: 2 })), skipped(State(1), Parameters(1)));
    let _ = (raw(String::new(), 1), r#move("", &[]));
}
