//! The tools that children call. Which call has which tool and which arguments, its number alone says, so that whoever makes it
//! again makes the same.

use std::process;
use std::sync::OnceLock;
use std::time::Duration;

use approval_runtime::{Agent, ApprovalPolicy, Execution, Refusal, Tool, requires_approval};
use serde_json::{Value, json};

use crate::files::Lines;

/// Where this process writes which bodies began and ended.
pub(crate) static BODIES: OnceLock<Lines> = OnceLock::new();

/// What a body panics with, on purpose.
pub(crate) const PANIC: &str = "as some bodies do";

#[derive(Debug)]
pub(crate) enum Fault {
    Refused(Refusal),
    Failed,
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Failed => f.write_str("as some bodies do"),
        }
    }
}

impl std::error::Error for Fault {}

/// People decide.
#[requires_approval(timeout = 5, resumable, record)]
async fn pay(number: u64, cents: u64) -> Result<String, Fault> {
    body(number, cents).await
}

/// Two people decide.
#[requires_approval(timeout = 5, quorum = 2, resumable, record)]
async fn pay_much(number: u64, cents: u64) -> Result<String, Fault> {
    body(number, cents).await
}

/// A rule lets half of them through.
#[requires_approval(timeout = 3, auto_approve = cents % 2 == 0, resumable, record)]
async fn pay_little(number: u64, cents: u64) -> Result<String, Fault> {
    body(number, cents).await
}

/// Its caller does not wait long.
#[requires_approval(timeout = 2, max_wait = Duration::from_millis(30), resumable, record)]
async fn pay_later(number: u64, cents: u64) -> Result<String, Fault> {
    body(number, cents).await
}

/// No function has it: who called is the only one to run it.
fn plain() -> Tool {
    Tool::named("pay_plain").timeout(Duration::from_secs(1))
}

/// Nobody decides about it.
pub(crate) const NOBODY: &str = "pay_nobody";

fn nobody() -> Tool {
    Tool::named(NOBODY).timeout(Duration::from_secs(1))
}

pub(crate) fn declared() -> [Tool; 2] {
    [plain(), nobody()]
}

/// One call in eleven of some tools is forbidden.
pub(crate) fn policy() -> ApprovalPolicy {
    let forbidden = |arguments: &Value| arguments["cents"].as_u64().is_some_and(|cents| cents % 11 == 7);
    ["pay", "pay_little"].into_iter().fold(ApprovalPolicy::new(), |policy, tool| policy.add_deny_rule(tool, "cents", forbidden))
}

/// The run and the call of a number.
pub(crate) fn agent(number: u64) -> Agent {
    Agent::new("agent").run_id(format!("run-{}", number / 16)).call_id(format!("call-{number}"))
}

/// What a number pays.
pub(crate) const fn cents(number: u64) -> u64 {
    crate::dice::Dice::new(number).below(1_000)
}

pub(crate) fn arguments(number: u64) -> Value {
    json!({"number": number, "cents": cents(number)})
}

/// The tool that a number calls.
pub(crate) fn tool(number: u64) -> Tool {
    match number % 12 {
        0..4 => Tool::named("pay"),
        4..6 => Tool::named("pay_much"),
        6..8 => Tool::named("pay_little"),
        8..10 => Tool::named("pay_later"),
        10 => plain(),
        _ => nobody(),
    }
}

/// Makes the call of a number, in the gate's and the agent's scope.
pub(crate) async fn call(number: u64) -> Result<String, Fault> {
    let cents = cents(number);
    match number % 12 {
        0..4 => pay(number, cents).await,
        4..6 => pay_much(number, cents).await,
        6..8 => pay_little(number, cents).await,
        8..10 => pay_later(number, cents).await,
        _ => {
            let gate = approval_runtime::ApprovalGate::installed().expect("a child has one");
            let run = |arguments: Value| async move { body(number, arguments["cents"].as_u64().unwrap_or_default()).await };
            gate.call(tool(number), arguments(number), run).await
        }
    }
}

async fn body(number: u64, cents: u64) -> Result<String, Fault> {
    let id = Execution::current().request_id().expect("a gated body has a request");
    fail::fail_point!("body_not_started");
    let bodies = BODIES.get().expect("a child has one");
    bodies.add_synced(&format!("start {id} {} {number} {cents}", process::id()));
    fail::fail_point!("in_body");
    match cents % 5 {
        0 => tokio::time::sleep(Duration::from_millis(cents % 8)).await,
        // A body that blocks its thread.
        1 => std::thread::sleep(Duration::from_millis(cents % 4)),
        2 => tokio::task::yield_now().await,
        _ => {}
    }
    bodies.add_synced(&format!("end {id}"));
    fail::fail_point!("body_ended");
    match cents % 13 {
        5 => Err(Fault::Failed),
        6 => panic!("{PANIC}"),
        _ => Ok(format!("{id} {cents}")),
    }
}
