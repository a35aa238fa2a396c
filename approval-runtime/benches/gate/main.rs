//! The figures: `cargo xtask bench`, or `cargo bench --bench gate -- [pass|auto|wake|cycles|waiting|million ..]`.
//!
//! Every figure is held against the least that does the same: a bare call, the same bytes serialised, hashed and
//! parsed, or the program in `floor.rs`. Both run in turn, in one process.

mod calls;
mod counting;
mod figures;
#[allow(dead_code, reason = "the floor is a program too, with a `main` of its own")]
#[path = "../floor.rs"]
mod floor;
mod reviewed;
mod waiting;

use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

use approval_runtime::{ApprovalGate, ApprovalPolicy, Refusal, requires_approval};
use tokio::runtime::Runtime;

use counting::Counting;
use floor::Email;

#[global_allocator]
static GLOBAL: Counting = Counting;

const RUNS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    // `cargo bench` adds `--bench`.
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let wants = |name: &str| wanted.iter().any(|wanted| wanted == name);
    let all = wanted.is_empty();

    let policy = ApprovalPolicy::new().pass_through("open_email");
    let gate = ApprovalGate::builder().policy(policy).max_pending(2_000_000).without_notifier().install()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build()?;
    let bench = Bench { runtime, gate };

    figures::print_head("approval-runtime");
    if all || wants("pass") {
        for kib in [1, 4, 16, 64] {
            bench.pass(kib)?.print();
        }
        bench.pass_in_scope()?.print();
    }
    if all || wants("auto") {
        bench.auto("ASCII", "The quarterly figures are attached. ")?.print();
        bench.auto("Cyrillic", "Отчёт за квартал во вложении. ")?.print();
        bench.auto("Japanese", "四半期の報告書を添付します。")?.print();
    }
    if all || wants("wake") {
        bench.wake()?.iter().for_each(figures::Row::print);
    }
    if all || wants("cycles") {
        bench.cycles(64)?.print();
        bench.cycles(1_024)?.print();
    }
    if all || wants("waiting") {
        bench.waiting(1_000)?.iter().for_each(figures::Row::print);
        bench.waiting(100_000)?.iter().for_each(figures::Row::print);
    }
    if wants("million") {
        bench.waiting(1_000_000)?.iter().for_each(figures::Row::print);
    }
    Ok(())
}

struct Bench {
    runtime: Runtime,
    gate: ApprovalGate,
}

/// Waits for a reviewer, and says when its body's first line ran.
#[requires_approval(timeout = "1h")]
async fn send_email(to: String, subject: String, body: String) -> Result<Instant, Refusal> {
    let started = Instant::now();
    black_box([to, subject, body]);
    Ok(started)
}

/// An email with a body of this many bytes of text.
fn email(to: &str, phrase: &str, bytes: usize) -> Email {
    let mut body = phrase.repeat(bytes / phrase.len() + 1);
    body.truncate(body.floor_char_boundary(bytes));
    Email { to: to.to_owned(), subject: "Quarterly report".to_owned(), body }
}

/// One that no rule lets pass.
fn outside_email() -> Email {
    email("bob@example.com", "The quarterly figures are attached. ", 1024)
}
