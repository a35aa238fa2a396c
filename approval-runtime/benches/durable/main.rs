//! Approvals on a disk: `cargo xtask bench durable`, or `cargo bench --features sqlite --bench durable -- [cycles|wake|pages ..]`.
//!
//! Every figure is held against the least that does the same: a program that makes the same commits, with the same bytes, in
//! groups, and looks at nothing. Both run in turn, in one process, on files beside each other.

mod cycles;
#[path = "../gate/figures.rs"]
mod figures;
mod pages;
mod raw;
mod wake;

use std::error::Error;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use approval_runtime::{ApprovalGate, ApprovalStore, NewRequest, Tool};
use serde_json::{Value, json};

const RUNS: usize = 5;

type Failed = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failed> {
    // `cargo bench` adds `--bench`.
    let wanted: Vec<String> = env::args().skip(1).filter(|arg| arg != "--bench").collect();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if let [child, path] = &*wanted
        && child == wake::DECIDER
    {
        return runtime.block_on(wake::decide(path));
    }
    let wants = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    figures::print_head("`SqliteStore`");
    if wants("cycles") {
        for callers in [1, 64, 1_024] {
            cycles::measure(&runtime, callers)?.print();
        }
    }
    if wants("wake") {
        for waiting in [1, 1_000] {
            wake::measure(&runtime, waiting)?.iter().for_each(figures::Row::print);
        }
    }
    if wants("pages") {
        pages::measure(&runtime)?.iter().for_each(figures::Row::print);
    }
    Ok(())
}

/// A directory that is gone when its figure is there.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Result<Self, Failed> {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let nth = LAST.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("approval-durable-{}-{nth}", process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn gate(store: impl ApprovalStore) -> Result<ApprovalGate, Failed> {
    Ok(ApprovalGate::builder().store(store).max_pending(1_000_000).without_notifier().build()?)
}

/// The call of every figure: an email of 1 KiB.
fn tool() -> Tool {
    Tool::named("send_email").timeout(std::time::Duration::from_secs(3_600))
}

fn email() -> Value {
    let mut body = "The quarterly figures are attached. ".repeat(29);
    body.truncate(1_024);
    json!({"to": "bob@example.com", "subject": "Quarterly report", "body": body})
}

fn request() -> NewRequest {
    NewRequest::new(tool(), email())
}
