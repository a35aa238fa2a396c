//! Owned and borrowed arguments, and what is not captured.
#![deny(warnings)]

use std::collections::BTreeMap;
use std::path::Path;

use approval_runtime::{Refusal, requires_approval};

struct Connection;

#[requires_approval(auto_approve = to == "a" && tags.is_empty() && path.is_absolute() && *limit > 3)]
async fn borrowed(to: &str, tags: &[String], path: &Path, limit: &u64) -> Result<usize, Refusal> {
    Ok(to.len() + tags.len() + path.as_os_str().len() + *limit as usize)
}

#[requires_approval]
async fn owned(map: BTreeMap<String, Vec<Option<u8>>>, pair: (u8, [bool; 2]), text: Box<str>) -> Result<usize, Refusal> {
    Ok(map.len() + usize::from(pair.0) + text.len())
}

#[requires_approval(skip(conn))]
async fn skipped(conn: &Connection, total: &mut u64, by: u64) -> Result<u64, Refusal> {
    let Connection = conn;
    *total += by;
    Ok(*total)
}

#[requires_approval(live(text, title, count))]
async fn live<'a>(text: &'a str, title: Option<&str>, count: &mut u64) -> Result<&'a str, Refusal> {
    *count += title.map_or(0, |title| title.len() as u64);
    Ok(&text[..1])
}

#[requires_approval]
async fn none() -> Result<(), Refusal> {
    Ok(())
}

fn main() {
    let _ = (borrowed("", &[], "".as_ref(), &1), owned(BTreeMap::new(), (1, [true; 2]), "".into()));
    let _ = skipped(&Connection, &mut 1, 2);
    let _ = (live("", None, &mut 1), none());
}
