//! Calls that nobody is asked about: what the gate adds to them.

use std::hint::black_box;
use std::time::Instant;

use approval_runtime::{Agent, Refusal, requires_approval};
use sha2::{Digest, Sha256};

use crate::figures::{Row, Runs};
use crate::floor::Email;
use crate::{Bench, RUNS, counting, email};

const PASSING: u32 = 1_000_000;
const RECORDED: u32 = 50_000;

/// Hands back what it got, so that no side of a comparison copies or frees it.
type Returned = Result<[String; 3], Refusal>;

async fn bare_email(to: String, subject: String, body: String) -> Returned {
    Ok(black_box([to, subject, body]))
}

/// The policy lets it pass.
#[requires_approval]
async fn open_email(to: String, subject: String, body: String) -> Returned {
    Ok(black_box([to, subject, body]))
}

/// The rule lets it pass, on the record.
#[requires_approval(auto_approve = to.ends_with("@company.com"))]
async fn internal_email(to: String, subject: String, body: String) -> Returned {
    Ok(black_box([to, subject, body]))
}

/// The least that an auto-approved call does with its arguments.
fn serialise_hash_parse(email: &Email) -> Email {
    let json = serde_json::to_vec(email).expect("strings are JSON");
    black_box(Sha256::digest(&json));
    serde_json::from_slice(&json).expect("it was written above")
}

/// The nanoseconds a call takes that gets back what the one before returned.
async fn nanoseconds(
    calls: u32,
    mut email: [String; 3],
    mut call: impl AsyncFnMut([String; 3]) -> Returned,
) -> Result<f64, Refusal> {
    let start = Instant::now();
    for _ in 0..calls {
        email = call(email).await?;
    }
    Ok(start.elapsed().as_secs_f64() * 1e9 / f64::from(calls))
}

async fn bare(email: [String; 3]) -> Returned {
    let [to, subject, body] = black_box(email);
    bare_email(to, subject, body).await
}

async fn open(email: [String; 3]) -> Returned {
    let [to, subject, body] = black_box(email);
    open_email(to, subject, body).await
}

fn strings(email: Email) -> [String; 3] {
    [email.to, email.subject, email.body]
}

fn passing_email(kib: usize) -> [String; 3] {
    strings(email("bob@example.com", "The quarterly figures are attached. ", kib * 1024))
}

impl Bench {
    /// Through the gate that is installed.
    pub(crate) fn pass(&self, kib: usize) -> Result<Row, Refusal> {
        self.passing(format!("passes through, {kib} KiB"), kib, async |email| nanoseconds(PASSING, email, open).await)
    }

    /// Through a gate and for an agent that the task is scoped to.
    pub(crate) fn pass_in_scope(&self) -> Result<Row, Refusal> {
        self.passing("passes through, 1 KiB, scoped to an agent and a gate".to_owned(), 1, async |email| {
            self.gate.scope(Agent::new("billing").scope(nanoseconds(PASSING, email, open))).await
        })
    }

    fn passing(
        &self,
        name: String,
        kib: usize,
        gated: impl AsyncFn([String; 3]) -> Result<f64, Refusal>,
    ) -> Result<Row, Refusal> {
        let (mut own, mut against) = (Runs::new(), Runs::new());
        let mut allocations = 0;
        for _ in 0..RUNS {
            against.push(self.runtime.block_on(nanoseconds(PASSING, passing_email(kib), bare))?);
            let before = counting::calls();
            own.push(self.runtime.block_on(gated(passing_email(kib)))?);
            allocations += (counting::calls() - before) / u64::from(PASSING);
        }
        let more = own.against(&against, |own, against| own - against).show(1, " ns");
        let comparison = format!("{more} more, {allocations} allocations");
        Ok(Row { name, own: own.show(1, " ns"), against: against.show(1, " ns"), comparison })
    }

    /// Recorded in memory, the body 1 KiB of text in this script.
    pub(crate) fn auto(&self, script: &str, phrase: &str) -> Result<Row, Refusal> {
        let (mut own, mut against) = (Runs::new(), Runs::new());
        for _ in 0..RUNS {
            let mut least = email("carol@company.com", phrase, 1024);
            let start = Instant::now();
            for _ in 0..RECORDED {
                least = serialise_hash_parse(&least);
            }
            against.push(start.elapsed().as_secs_f64() * 1e9 / f64::from(RECORDED));
            let calls =
                nanoseconds(RECORDED, strings(least), async |[to, subject, body]| internal_email(to, subject, body).await);
            own.push(self.runtime.block_on(calls)?);
        }
        let comparison = own.against(&against, |own, against| own / against).show(2, "×");
        let name = format!("auto-approved and recorded, 1 KiB of {script}");
        Ok(Row { name, own: own.show(0, " ns"), against: against.show(0, " ns"), comparison })
    }
}
