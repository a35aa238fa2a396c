//! Human approval for the tool calls of AI agents: what runs is what was approved, by someone allowed to, once.
//!
//! # Annotate
//!
//! One line above an async function puts a person, or a rule that a person wrote, between the agent and the effect.
//!
//! ```
//! # #[cfg(feature = "macros")] mod tools {
//! use approval_runtime::{Refusal, requires_approval};
//!
//! /// Pay a customer back.
//! #[requires_approval(
//!     timeout = "2m",
//!     effect = external,
//!     reason = "Refund {amount} to {customer}",
//!     auto_approve = (0.0..10.0).contains(&amount),
//! )]
//! async fn refund(customer: String, amount: f64) -> Result<String, Refusal> {
//!     Ok(format!("refunded {amount} to {customer}"))
//! }
//! # }
//! ```
//!
//! Callers call `refund(..).await` as before. The arguments are captured as JSON before the first await, and the body runs on
//! values that are decoded from that JSON: what the reviewer saw. A refused call returns a [`Refusal`], through any return type
//! that is a [`ToolReturn`].
//!
//! # Install a gate
//!
//! A [gate](ApprovalGate) holds the [policy](ApprovalPolicy), the [store] and the [notifiers](notify). By default every
//! annotated tool asks, requests are kept in memory, and the terminal asks y/n.
//!
//! ```no_run
//! # fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use approval_runtime::{ApprovalGate, ApprovalPolicy};
//! use serde_json::Value;
//!
//! let policy = ApprovalPolicy::new()
//!     .pass_through("search_records")
//!     .add_deny_rule("refund", "amounts over 10,000 go through the bank", |args: &Value| {
//!         args["amount"].as_f64().is_none_or(|amount| amount > 10_000.0)
//!     });
//! let gate = ApprovalGate::builder().policy(policy).install()?;
//! gate.require_gated(["refund"])?; // another macro may have dropped the attribute
//! # Ok(()) }
//! ```
//!
//! # Decide
//!
//! Reviewers answer at the terminal, on the page of the crate `approval-server`, or through code:
//!
//! ```
//! # use approval_runtime::{ApprovalGate, Refusal, Tool};
//! # use serde_json::json;
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use approval_runtime::{Decision, Reviewer};
//!
//! let gate = ApprovalGate::builder().without_notifier().build()?;
//! let call = gate.call(Tool::named("refund"), json!({"amount": 12}), |args| async move {
//!     Ok::<_, Refusal>(args["amount"].to_string())
//! });
//! let review = async {
//!     let request = loop {
//!         match gate.get_pending().await?.pop() {
//!             Some(request) => break request,
//!             None => tokio::task::yield_now().await,
//!         }
//!     };
//!     gate.decide(request.id(), Decision::approve(Reviewer::new("alice"), request.digest())).await
//! };
//! let (returned, decided) = tokio::join!(call, review);
//! assert_eq!(returned?, "12");
//! assert_eq!(decided?.decided_by(), Some("alice"));
//! # Ok(()) }
//! ```
//!
//! # Say who is asking
//!
//! [`Agent`] names the agent that calls, its run and the person it works for; [`Agent::scope`] sets it for a future, and
//! [`InCurrentScope::in_current_scope`] carries it into spawned tasks. `policy_for` on the builder gives an agent its own policy.
//!
//! # Outlive the process
//!
//! With a store that keeps requests on a disk (feature `sqlite`), an approval does not end with the process that asked. Give calls
//! ids: the same call made again after a restart (same run, call, tool and arguments) finds its request, and waits on, runs what was
//! approved meanwhile, or is told how it ended. A body starts once, whatever dies: where a process is gone in the middle of one, the
//! record says *indeterminate*, and a person [settles](ApprovalGate::settle) it.
//!
//! ```no_run
//! # #[cfg(feature = "sqlite")] async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! # async fn refund(_: &str, _: f64) -> Result<String, approval_runtime::Refusal> { Ok(String::new()) }
//! use approval_runtime::{Agent, ApprovalGate, SqliteStore};
//!
//! let gate = ApprovalGate::builder().store(SqliteStore::open("approvals.db")?).install()?;
//! let recovery = gate.recover().await?; // finishes approved calls of tools that say `resumable`
//! let call = Agent::new("support").run_id("ticket-7").call_id("toolu_01");
//! call.scope(refund("Anna", 12.0)).await?;
//! gate.shutdown().await; // what waits goes on waiting, for the next start
//! # Ok(()) }
//! ```
//!
//! Every change and every refused attempt is a row of the request's [history](audit), which can be verified and sealed.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `macros` | yes | the attribute `#[requires_approval]` |
#![cfg_attr(
    feature = "conformance",
    doc = "| `conformance` | no | the [suite for stores](store::conformance), for `[dev-dependencies]` |"
)]
#![cfg_attr(not(feature = "conformance"), doc = "| `conformance` | no | the suite for stores, for `[dev-dependencies]` |")]
//! | `rig044` | no | tools of rig 0.44 return `Result<T, ToolExecutionError>` |
//! | `rmcp3` | no | tools of rmcp 3 return `CallToolResult`, `Result<CallToolResult, ErrorData>` or `Result<Json<T>, CallToolResult>` |
#![cfg_attr(feature = "sqlite", doc = "| `sqlite` | no | [`SqliteStore`]: approvals outlive the process |")]
#![cfg_attr(not(feature = "sqlite"), doc = "| `sqlite` | no | `SqliteStore`: approvals outlive the process |")]
#![cfg_attr(feature = "testing", doc = "| `testing` | no | the [test kit](testing), for `[dev-dependencies]` |")]
#![cfg_attr(not(feature = "testing"), doc = "| `testing` | no | the test kit, for `[dev-dependencies]` |")]
//!
//! # Needs
//!
//! A tokio runtime with its timer enabled, of any kind, wherever gated calls are awaited.

#[macro_use]
mod failpoint;

pub mod agent;
pub mod arguments;
pub mod audit;
mod boxed;
mod call;
mod check;
pub mod decision;
pub mod events;
pub mod gate;
pub mod notify;
pub mod options;
pub mod policy;
pub mod refusal;
pub mod request;
pub mod review;
#[cfg(feature = "rig044")]
mod rig044;
#[cfg(feature = "rmcp3")]
mod rmcp3;
mod scope;
mod signature;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
pub mod tool;
mod wait;

#[doc(hidden)]
pub mod __private;

pub use crate::agent::Agent;
pub use crate::arguments::{Arguments, Digest, Flag, Flags, Invalid};
pub use crate::audit::{Audit, AuditKey, Checkpoint, CheckpointLog};
pub use crate::boxed::BoxFuture;
pub use crate::call::{CallError, Execution, IntoCallId, NewRequest, Recorded, Recovery, ResumeError, Returned};
pub use crate::decision::{Answer, Decision, Reviewer, Vote};
pub use crate::events::{Event, EventKind, Events, Progress, ProgressKind, RunEvents};
pub use crate::gate::{ApprovalGate, ApprovalGateBuilder, BuildError, RequestPage, RequestQuery};
pub use crate::notify::{Notice, Notifier, NotifyError};
pub use crate::policy::{ApprovalPolicy, AutoApproveRule};
pub use crate::refusal::{Refusal, ToolReturn};
pub use crate::request::{
    ApprovalRequest, ApprovalStatus, EndedBecause, ExecutionState, Fact, RequestId, Settlement, Transition,
};
pub use crate::review::{DecideError, Decider};
pub use crate::scope::InCurrentScope;
pub use crate::signature::{Reviewable, Showable};
#[cfg(feature = "sqlite")]
pub use crate::store::SqliteStore;
pub use crate::store::{ApprovalStore, Cursor, MemoryStore, Order};
pub use crate::tool::{Effect, Tool};
#[cfg(feature = "macros")]
pub use approval_macros::requires_approval;
