//! The figures over HTTP: `cargo xtask bench http`, or `cargo bench --bench http -- [decide|page|article ..]`.
//!
//! The server, the floor and the article's endpoint are asked by one client, in turn, over loopback. Each of them serves
//! on one thread and the client loads it from another, over the same number of connections that stay open. What is filed,
//! bound and connected before a round, and each connection's first answers, are outside of the time that counts.

mod article;
mod compared;
#[allow(dead_code, reason = "the gate's program needs more of it")]
#[path = "../../../approval-runtime/benches/gate/figures.rs"]
mod figures;
mod floor;
mod load;
mod own;
mod serving;

use std::error::Error;

use article::{Article, Loop};
use compared::{Seen, Side, in_turn, requests};

const RUNS: usize = 15;

/// Requests in a slice: each takes some 20 milliseconds.
const DECISIONS: usize = 500;
const DECISIONS_OF_ARTICLE: usize = 100;
const PAGES: usize = 50;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    // `cargo bench` adds `--bench`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);

    figures::print_head("approval-server");
    if wants("decide") || wants("article") {
        decide(wants("article"))?;
    }
    if wants("page") {
        page()?;
    }
    Ok(())
}

/// Decisions, each on a request of its own.
fn decide(with_article: bool) -> Outcome<()> {
    let of_article = requests(DECISIONS_OF_ARTICLE);
    let kinds: &[Loop] = if with_article { &[Loop::Plain, Loop::Fast] } else { &[] };
    let started = kinds.iter().map(|kind| Article::start(*kind, RUNS * of_article)).collect::<Result<Vec<_>, _>>();
    let (articles, skipped) = started.map_or_else(|why| (Vec::new(), Some(why)), |articles| (articles, None));
    let (mut own, mut floor) = (Seen::new(), Seen::new());
    let mut others: Vec<Seen> = articles.iter().map(|_| Seen::new()).collect();
    for run in 0..RUNS {
        let (floor_serving, decisions) = floor::decisions(requests(DECISIONS))?;
        let mut sides = vec![Side::new(&mut floor, floor_serving.target(), decisions, DECISIONS)?];
        let (own_serving, decisions) = own::decisions(requests(DECISIONS))?;
        sides.push(Side::new(&mut own, own_serving.target(), decisions, DECISIONS)?);
        for (article, seen) in articles.iter().zip(&mut others) {
            let decisions = article.decisions(run * of_article, of_article);
            sides.push(Side::new(seen, article.target(), decisions, DECISIONS_OF_ARTICLE)?);
        }
        in_turn(sides)?;
    }
    own.is_as_long_as(&floor)?;
    own.print_beside(&floor, "decide", "bare axum");
    for (seen, name) in others.iter().zip(["FastAPI on uvicorn", "FastAPI on uvicorn, uvloop and httptools"]) {
        own.print_beside(seen, "decide", name);
    }
    if let Some(why) = skipped {
        println!("\nskipped the article's endpoint: {why}");
    }
    Ok(())
}

/// The first page of 100, of few requests and of many.
fn page() -> Outcome<()> {
    let (floor_serving, floor_page) = floor::page()?;
    let (few_serving, few_page) = own::page(1_000)?;
    let (many_serving, many_page) = own::page(100_000)?;
    let (mut floor, mut few, mut many) = (Seen::new(), Seen::new(), Seen::new());
    let pages = |page: &Vec<u8>| vec![page.clone(); requests(PAGES)];
    for _ in 0..RUNS {
        in_turn(vec![
            Side::new(&mut floor, floor_serving.target(), pages(&floor_page), PAGES)?,
            Side::new(&mut few, few_serving.target(), pages(&few_page), PAGES)?,
            Side::new(&mut many, many_serving.target(), pages(&many_page), PAGES)?,
        ])?;
    }
    few.is_as_long_as(&floor)?;
    many.is_as_long_as(&floor)?;
    few.print_beside(&floor, "page of 100 out of 1,000", "bare axum");
    many.print_beside(&floor, "page of 100 out of 100,000", "bare axum");
    many.print_beside(&few, "page of 100 out of 100,000", "out of 1,000");
    Ok(())
}
