//! Human approval for the tool calls of AI agents: what runs is what was approved, by someone allowed to, once.

pub mod agent;
pub mod arguments;
mod call;
pub mod decision;
pub mod events;
pub mod gate;
pub mod notify;
pub mod policy;
pub mod refusal;
pub mod request;
mod scope;
mod signature;
pub mod store;
pub mod tool;
mod wait;

#[doc(hidden)]
pub mod __private;

use std::future::Future;
use std::pin::Pin;

pub use crate::agent::Agent;
pub use crate::arguments::{Arguments, Digest, Invalid};
pub use crate::call::NewRequest;
pub use crate::decision::{Answer, DecideError, Decider, Decision, Reviewer, Vote};
pub use crate::events::{Event, EventKind, Events};
pub use crate::gate::{ApprovalGate, ApprovalGateBuilder, BuildError};
pub use crate::notify::{Notice, Notifier, NotifyError};
pub use crate::policy::{ApprovalPolicy, AutoApproveRule};
pub use crate::refusal::{Refusal, ToolReturn};
pub use crate::request::{ApprovalRequest, ApprovalStatus, EndedBecause, ExecutionState, Fact, RequestId};
pub use crate::scope::InCurrentScope;
pub use crate::store::{ApprovalStore, MemoryStore};
pub use crate::tool::{Effect, Tool};
#[cfg(feature = "macros")]
pub use approval_macros::requires_approval;

/// A boxed future that can move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
