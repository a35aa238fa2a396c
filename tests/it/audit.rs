//! The audit trail: a row for everything (I21), and nothing changed that is not found (T29).

mod export;
mod rows;
mod sealed;
mod store;
mod tampered;

use std::sync::Arc;
use std::time::Duration;

use approval_runtime::audit::AuditError;
use approval_runtime::request::AuditRow;
use approval_runtime::store::Logged;
use approval_runtime::{
    Agent, ApprovalGate, ApprovalRequest, AuditKey, Decision, MemoryStore, NewRequest, Refusal, Reviewer, Settlement, Tool,
};
use serde_json::{Value, json};

use self::store::Snapshot;
use crate::tools::{Starts, alice, approve, builder, five, pay, pending};

/// Stands in every argument, reason, comment and result of these tests, and in no row.
const CANARY: &str = "canary-7f3a";

fn key() -> AuditKey {
    AuditKey::new("2026", [7; 32]).expect("it is long enough")
}

/// A gate whose requests stay, and its store.
fn kept() -> (ApprovalGate, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::new().keep_ended(usize::MAX));
    let builder = builder().tool(refund()).shared_store(Arc::<MemoryStore>::clone(&store));
    (builder.build().expect("the tests' tools are in order"), store)
}

fn gate() -> ApprovalGate {
    kept().0
}

/// Only finance may decide, and two of them have to.
fn refund() -> Tool {
    Tool::named("refund").timeout(Duration::from_secs(120)).approvers(["finance"]).quorum(2)
}

fn finance(name: &str) -> Reviewer {
    Reviewer::new(name).role("finance")
}

fn arguments() -> Value {
    json!({"to": CANARY, "amount": 5})
}

async fn file(gate: &ApprovalGate, tool: Tool) -> ApprovalRequest {
    let new = NewRequest::new(tool, arguments()).reason(CANARY).agent(Agent::new("billing").on_behalf_of("carol"));
    gate.create_request(new).await.expect("memory does not fail")
}

fn yes(by: Reviewer, request: &ApprovalRequest) -> Decision {
    Decision::approve(by, request.digest()).comment(CANARY)
}

fn no(by: Reviewer) -> Decision {
    Decision::reject(by).comment(CANARY)
}

/// What each row of a history tells: `refused:why` for an attempt.
async fn told(gate: &ApprovalGate, request: &ApprovalRequest) -> Vec<String> {
    let history = gate.audit().history(request.id()).await.expect("memory does not fail");
    for (nth, logged) in history.iter().enumerate() {
        assert_eq!((logged.row.version as usize, logged.row.request), (nth + 1, request.id()));
    }
    history.iter().map(|logged| tells(&logged.row)).collect()
}

fn tells(row: &AuditRow) -> String {
    let text: Value = serde_json::from_str(&row.text).expect("rows are JSON");
    match text["refused"].as_str() {
        Some(why) => format!("refused:{why}"),
        None => row.what.expect("it is a transition").as_str().into(),
    }
}

/// Makes requests that end in every way, some with attempts that are refused.
async fn busy(gate: &ApprovalGate, requests: usize) {
    let mut random = Random(11);
    for _ in 0..requests {
        match random.below(8) {
            0 => drop(file(gate, pay()).await),
            1 => {
                let request = file(gate, pay()).await;
                gate.decide(request.id(), yes(alice(), &request)).await.expect("it is pending");
                gate.cancel(request.id(), "operator").await.expect("it is not started");
            }
            2 => {
                let request = file(gate, pay()).await;
                gate.decide(request.id(), no(alice())).await.expect("it is pending");
                gate.decide(request.id(), yes(Reviewer::new("late"), &request)).await.expect_err("it is over");
            }
            3 => {
                let request = file(gate, refund()).await;
                gate.decide(request.id(), yes(alice(), &request)).await.expect_err("she is not of finance");
                gate.decide(request.id(), yes(finance("dora"), &request)).await.expect("it is pending");
                gate.decide(request.id(), yes(finance("erin"), &request)).await.expect("it is pending");
            }
            4 => {
                let request = file(gate, refund()).await;
                gate.decide(request.id(), yes(finance("carol"), &request)).await.expect_err("it is her own");
            }
            5 => {
                let request = file(gate, pay()).await;
                gate.cancel(request.id(), "operator").await.expect("it is pending");
            }
            _ => {
                for waiting in gate.get_pending().await.expect("memory does not fail") {
                    let _ = gate.cancel(waiting.id(), "tests").await;
                }
                let starts = Starts::default();
                let (returned, _) = tokio::join!(starts.pay(gate, arguments()), approve(gate));
                returned.expect("it was approved");
            }
        }
    }
}

/// A generator that is the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end as u64) as usize
    }
}

/// Returns what verifying finds.
#[track_caller]
fn broken<T: std::fmt::Debug>(result: Result<T, AuditError>) -> approval_runtime::audit::Broken {
    let error = result.expect_err("something is wrong");
    error.broken().unwrap_or_else(|| panic!("{error:?}")).clone()
}
