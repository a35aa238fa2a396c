//! From a decision in another process to the body's first line.
//!
//! The least that this can take is half the time between two looks, and one durable commit.

use std::env;
use std::io::{BufRead, BufReader, Write, stdin};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use approval_runtime::{ApprovalGate, Decision, Refusal, RequestId, Reviewer, SqliteStore};
use tokio::runtime::Runtime;

use crate::figures::{Row, Runs, quantile};
use crate::{Dir, Failed, RUNS, email, gate, tool};

/// What the other process is started with.
pub(crate) const DECIDER: &str = "decider";

const WAKES: usize = 100;

/// Half of 20 ms, in µs.
const HALF_A_LOOK: f64 = 10_000.0;

/// Microseconds since 1970: the processes of one machine agree on them.
fn micros() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64() * 1e6
}

/// Approves each request that is named on standard input, and says when it began to.
pub(crate) async fn decide(path: &str) -> Result<(), Failed> {
    let gate = gate(SqliteStore::open(path)?)?;
    for line in stdin().lines() {
        let line = line?;
        let (id, digest) = line.split_once(' ').ok_or("an id and a digest")?;
        let decision = Decision::approve(Reviewer::new("alice"), digest.parse()?);
        let (id, began): (RequestId, f64) = (id.parse()?, micros());
        gate.decide(id, decision).await?;
        println!("{began} {}", micros());
    }
    Ok(())
}

struct Decider {
    child: Child,
    asks: ChildStdin,
    tells: BufReader<ChildStdout>,
}

impl Decider {
    fn start(path: &std::path::Path) -> Result<Self, Failed> {
        let mut child = Command::new(env::current_exe()?);
        let mut child = child.arg(DECIDER).arg(path).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (asks, tells) = (child.stdin.take().ok_or("stdin")?, child.stdout.take().ok_or("stdout")?);
        Ok(Self { child, asks, tells: BufReader::new(tells) })
    }

    /// Returns when it began to decide, and when that was safe.
    fn decide(&mut self, request: &approval_runtime::ApprovalRequest) -> Result<(f64, f64), Failed> {
        writeln!(self.asks, "{} {}", request.id(), request.digest())?;
        let mut line = String::new();
        self.tells.read_line(&mut line)?;
        let (began, ended) = line.trim().split_once(' ').ok_or("two times")?;
        Ok((began.parse()?, ended.parse()?))
    }
}

impl Drop for Decider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Calls, and returns when the body began.
async fn wait(gate: &ApprovalGate) -> Result<f64, Refusal> {
    gate.call(tool(), email(), |_| async { Ok(micros()) }).await
}

/// The times from decisions to bodies, and what a decision's own commit took.
async fn wakes(waiting: usize) -> Result<(Vec<f64>, Vec<f64>), Failed> {
    let dir = Dir::new()?;
    let path = dir.file("own.db");
    let gate = gate(SqliteStore::open(&path)?)?;
    let mut decider = Decider::start(&path)?;
    let (mut wakes, mut commits) = (Vec::new(), Vec::new());
    let mut calls = tokio::task::JoinSet::new();
    for nth in 0..WAKES {
        while calls.len() < waiting {
            let gate = gate.clone();
            calls.spawn(async move { wait(&gate).await });
        }
        let request = loop {
            let pending = gate
                .get_requests(&approval_runtime::RequestQuery::new().status(approval_runtime::ApprovalStatus::Pending).limit(1))
                .await?;
            if let Some(request) = pending.requests.into_iter().next() {
                break request;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        // At any time between two looks, not always right behind one.
        tokio::time::sleep(Duration::from_micros(50_000 + (nth as u64 * 7_919) % 20_000)).await;
        let (began, ended) = tokio::task::block_in_place(|| decider.decide(&request))?;
        let started = calls.join_next().await.ok_or("it was called")???;
        wakes.push(started - began);
        commits.push(ended - began);
    }
    calls.abort_all();
    while calls.join_next().await.is_some() {}
    gate.shutdown().await;
    Ok((wakes, commits))
}

pub(crate) fn measure(runtime: &Runtime, waiting: usize) -> Result<[Row; 2], Failed> {
    let mut runs = [(0.5, "p50"), (0.99, "p99")].map(|share| (share, Runs::new(), Runs::new()));
    for _ in 0..RUNS {
        let (mut own, mut commits) = runtime.block_on(async { tokio::spawn(wakes(waiting)).await })??;
        let least = HALF_A_LOOK + quantile(&mut commits, 0.5);
        for ((share, _), wakes, against) in &mut runs {
            wakes.push(quantile(&mut own, *share) / 1e3);
            against.push(least / 1e3);
        }
    }
    Ok(runs.map(|((_, name), own, against)| Row {
        name: format!("wake from another process, {waiting} waiting, {name}"),
        own: own.show(2, " ms"),
        against: against.show(2, " ms"),
        comparison: own.against(&against, |own, against| own / against).show(2, "×"),
    }))
}
