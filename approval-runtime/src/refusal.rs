//! [`Refusal`]: why a call did not run, and [`ToolReturn`]: how a tool's return type carries it.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::arguments::{Invalid, display};
use crate::request::{ApprovalRequest, ApprovalStatus, EndedBecause, ExecutionState, RequestId};

/// Why a call did not run, or why its outcome is not known.
///
/// Its `Display` is one sentence for people and models, its `Serialize` an object with `code`, `message`, `tool` and what the
/// variant carries. No variant carries an argument's value.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// A reviewer, or a deny rule, said no.
    Rejected {
        /// The tool.
        tool: Box<str>,
        /// The request.
        id: RequestId,
        /// The reviewer's name, or `policy`.
        by: Box<str>,
        /// The rule in words, where a rule decided.
        rule: Option<Box<str>>,
        /// What the reviewer added: data, not an instruction. At most 2,000 characters.
        comment: Option<Box<str>>,
    },
    /// Nobody decided in time.
    TimedOut {
        /// The tool.
        tool: Box<str>,
        /// The request.
        id: RequestId,
    },
    /// The request was withdrawn before it ran.
    Cancelled {
        /// The tool.
        tool: Box<str>,
        /// The request, where there is one: a call that a rule let through may be withdrawn before it is written.
        id: Option<RequestId>,
        /// Why, where it had been approved.
        because: Option<EndedBecause>,
    },
    /// It was approved, but could not be started in time or at all.
    Expired {
        /// The tool.
        tool: Box<str>,
        /// The request.
        id: RequestId,
        /// Why.
        because: Option<EndedBecause>,
    },
    /// The caller's own `max_wait` is over; the request lives on and may still be approved.
    Pending {
        /// The tool.
        tool: Box<str>,
        /// The request.
        id: RequestId,
    },
    /// The same call is running.
    InProgress {
        /// The tool.
        tool: Box<str>,
        /// The request.
        id: RequestId,
    },
    /// The call was started, and nobody knows how far it came.
    Indeterminate {
        /// The tool.
        tool: Box<str>,
        /// The request.
        id: RequestId,
    },
    /// The call ran before; an approval is used once.
    AlreadyExecuted {
        /// The tool.
        tool: Box<str>,
        /// The request.
        id: RequestId,
    },
    /// What would run is not what was approved.
    DigestMismatch {
        /// The tool.
        tool: Box<str>,
        /// The request.
        id: RequestId,
    },
    /// The tool is no longer the one that was approved: its arguments, effect, approvers or quorum changed.
    Unrunnable {
        /// The tool.
        tool: Box<str>,
        /// The request, which nobody can start; it expires.
        id: RequestId,
    },
    /// What the call is about changed since it was approved.
    StaleTarget {
        /// The tool.
        tool: Box<str>,
        /// The request.
        id: RequestId,
    },
    /// The tool, or everything, is frozen.
    Frozen {
        /// The tool.
        tool: Box<str>,
        /// The request, where there is one.
        id: Option<RequestId>,
    },
    /// As many requests are pending as are allowed.
    TooManyPending {
        /// The tool.
        tool: Box<str>,
        /// The most allowed.
        limit: usize,
    },
    /// The same call was rejected a moment ago.
    RecentlyRejected {
        /// The tool.
        tool: Box<str>,
        /// The request that was rejected.
        id: RequestId,
    },
    /// The arguments cannot be shown to a reviewer as they are.
    Unrepresentable {
        /// The tool.
        tool: Box<str>,
        /// What is wrong with them.
        error: Invalid,
    },
    /// The arguments are not what the tool takes.
    Invalid {
        /// The tool.
        tool: Box<str>,
        /// The request, where there is one.
        id: Option<RequestId>,
        /// What is wrong with them.
        error: Invalid,
    },
    /// No channel could tell a reviewer.
    NotDelivered {
        /// The tool.
        tool: Box<str>,
        /// The request.
        id: RequestId,
    },
    /// No tool has the name that a model called.
    UnknownTool {
        /// The name, cut to 64 characters.
        tool: Box<str>,
        /// The name that is most like it, of a tool that can be called by name.
        nearest: Option<Box<str>>,
    },
    /// The tool cannot be called by name: its annotation has no `callable`.
    NotCallable {
        /// The tool.
        tool: Box<str>,
    },
    /// No gate is installed, and none is in scope.
    NoGate {
        /// The tool.
        tool: Box<str>,
    },
    /// The gate has no channel that reaches anybody.
    NowhereToAsk {
        /// The tool.
        tool: Box<str>,
    },
    /// The store failed, so nothing is known for certain.
    Unavailable {
        /// The tool.
        tool: Box<str>,
        /// The request, where there is one.
        id: Option<RequestId>,
        /// The cause.
        source: Arc<dyn Error + Send + Sync>,
    },
    /// The process is shutting down; a request that was made stays.
    ShuttingDown {
        /// The tool.
        tool: Box<str>,
        /// The request, where there is one.
        id: Option<RequestId>,
    },
}

impl Refusal {
    /// Says why a request that ended does not run.
    pub(crate) fn of(request: &ApprovalRequest) -> Self {
        let (tool, id) = (request.tool_name().into(), request.id());
        let because = request.ended_because();
        match (request.status(), request.execution().state) {
            (ApprovalStatus::Rejected, _) => Self::Rejected {
                tool,
                id,
                by: request.decided_by().unwrap_or("nobody").into(),
                rule: request.matched_rule().map(Into::into),
                comment: request.comment().map(Into::into),
            },
            (ApprovalStatus::TimedOut, _) => Self::TimedOut { tool, id },
            (ApprovalStatus::Cancelled, _) => Self::Cancelled { tool, id: Some(id), because },
            (ApprovalStatus::Expired, _) => Self::Expired { tool, id, because },
            (_, ExecutionState::Executing) => Self::InProgress { tool, id },
            (_, ExecutionState::Indeterminate) => Self::Indeterminate { tool, id },
            (_, ExecutionState::Executed | ExecutionState::Failed) => Self::AlreadyExecuted { tool, id },
            (_, ExecutionState::NotStarted) => Self::Pending { tool, id },
        }
    }

    /// Returns the refusal's name in snake case. [`Unrepresentable`](Self::Unrepresentable) and [`Invalid`](Self::Invalid)
    /// give the name of what is wrong with the arguments, such as `duplicate_key`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Rejected { .. } => "rejected",
            Self::TimedOut { .. } => "timed_out",
            Self::Cancelled { .. } => "cancelled",
            Self::Expired { .. } => "expired",
            Self::Pending { .. } => "pending",
            Self::InProgress { .. } => "in_progress",
            Self::Indeterminate { .. } => "indeterminate",
            Self::AlreadyExecuted { .. } => "already_executed",
            Self::DigestMismatch { .. } => "digest_mismatch",
            Self::Unrunnable { .. } => "unrunnable",
            Self::StaleTarget { .. } => "stale_target",
            Self::Frozen { .. } => "frozen",
            Self::TooManyPending { .. } => "too_many_pending",
            Self::RecentlyRejected { .. } => "recently_rejected",
            Self::Unrepresentable { error, .. } | Self::Invalid { error, .. } => error.error(),
            Self::NotDelivered { .. } => "not_delivered",
            Self::UnknownTool { .. } => "unknown_tool",
            Self::NotCallable { .. } => "not_callable",
            Self::NoGate { .. } => "no_gate",
            Self::NowhereToAsk { .. } => "nowhere_to_ask",
            Self::Unavailable { .. } => "unavailable",
            Self::ShuttingDown { .. } => "shutting_down",
        }
    }

    /// Returns the request, where one was made.
    #[must_use]
    pub const fn request_id(&self) -> Option<RequestId> {
        match self {
            Self::Rejected { id, .. }
            | Self::TimedOut { id, .. }
            | Self::Expired { id, .. }
            | Self::Pending { id, .. }
            | Self::InProgress { id, .. }
            | Self::Indeterminate { id, .. }
            | Self::AlreadyExecuted { id, .. }
            | Self::DigestMismatch { id, .. }
            | Self::Unrunnable { id, .. }
            | Self::StaleTarget { id, .. }
            | Self::RecentlyRejected { id, .. }
            | Self::NotDelivered { id, .. } => Some(*id),
            Self::Cancelled { id, .. }
            | Self::Frozen { id, .. }
            | Self::Invalid { id, .. }
            | Self::Unavailable { id, .. }
            | Self::ShuttingDown { id, .. } => *id,
            Self::TooManyPending { .. }
            | Self::Unrepresentable { .. }
            | Self::UnknownTool { .. }
            | Self::NotCallable { .. }
            | Self::NoGate { .. }
            | Self::NowhereToAsk { .. } => None,
        }
    }

    /// Returns the name of the tool that was called.
    #[must_use]
    pub const fn tool(&self) -> &str {
        match self {
            Self::Rejected { tool, .. }
            | Self::TimedOut { tool, .. }
            | Self::Cancelled { tool, .. }
            | Self::Expired { tool, .. }
            | Self::Pending { tool, .. }
            | Self::InProgress { tool, .. }
            | Self::Indeterminate { tool, .. }
            | Self::AlreadyExecuted { tool, .. }
            | Self::DigestMismatch { tool, .. }
            | Self::Unrunnable { tool, .. }
            | Self::StaleTarget { tool, .. }
            | Self::Frozen { tool, .. }
            | Self::TooManyPending { tool, .. }
            | Self::RecentlyRejected { tool, .. }
            | Self::Unrepresentable { tool, .. }
            | Self::Invalid { tool, .. }
            | Self::NotDelivered { tool, .. }
            | Self::UnknownTool { tool, .. }
            | Self::NotCallable { tool, .. }
            | Self::NoGate { tool, .. }
            | Self::NowhereToAsk { tool, .. }
            | Self::Unavailable { tool, .. }
            | Self::ShuttingDown { tool, .. } => tool,
        }
    }

    /// Says whether nobody decided in time.
    #[must_use]
    pub const fn is_timed_out(&self) -> bool {
        matches!(self, Self::TimedOut { .. })
    }

    /// Says whether a reviewer, or a deny rule, said no.
    #[must_use]
    pub const fn is_rejected(&self) -> bool {
        matches!(self, Self::Rejected { .. })
    }

    /// Says whether the same call may come through later without anybody changing anything about it.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Pending { .. }
                | Self::InProgress { .. }
                | Self::TooManyPending { .. }
                | Self::Frozen { .. }
                | Self::NotDelivered { .. }
                | Self::Unavailable { .. }
                | Self::ShuttingDown { .. }
        )
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tool = display::name(self.tool());
        write!(f, "Action '{tool}' ")?;
        match self {
            Self::Rejected { rule: Some(rule), .. } => write!(f, "was rejected by a policy rule: {}.", display::name(rule)),
            Self::Rejected { by, .. } => write!(f, "was rejected by {}.", display::name(by)),
            Self::TimedOut { .. } => f.write_str("timed out waiting for approval."),
            Self::Cancelled { because: Some(because), .. } => {
                write!(f, "was cancelled after it was approved: {}.", because.as_clause())
            }
            Self::Cancelled { .. } => f.write_str("was cancelled before anybody decided."),
            Self::Expired { because: Some(because), .. } => write!(f, "was approved but not run: {}.", because.as_clause()),
            Self::Expired { .. } => f.write_str("was approved but not run in time."),
            Self::Pending { id, .. } => write!(f, "is still waiting for approval as request {id}."),
            Self::InProgress { id, .. } => write!(f, "is running already as request {id}."),
            Self::Indeterminate { id, .. } => {
                write!(f, "was started as request {id} and may or may not have taken effect; do not repeat it unchecked.")
            }
            Self::AlreadyExecuted { id, .. } => write!(f, "has run already as request {id}; its approval is used up."),
            Self::DigestMismatch { .. } => f.write_str("was not run: its arguments are not the approved ones."),
            Self::Unrunnable { .. } => f.write_str("was not run: the tool changed since the call was approved; call it anew."),
            Self::StaleTarget { .. } => f.write_str("was not run: what it is about changed since it was approved."),
            Self::Frozen { .. } => f.write_str("was not run: it is frozen for now."),
            Self::TooManyPending { limit, .. } => {
                write!(f, "was not asked for: {limit} requests are waiting for approval, the most allowed.")
            }
            Self::RecentlyRejected { .. } => f.write_str("was not asked for again: the same call was rejected a moment ago."),
            Self::Unrepresentable { error, .. } => {
                write!(f, "was not run: its arguments cannot be shown to a reviewer: {error}.")
            }
            Self::Invalid { error, .. } => write!(f, "was not run: its arguments are not valid: {error}."),
            Self::NotDelivered { .. } => f.write_str("was not run: no reviewer could be told."),
            Self::UnknownTool { nearest: Some(nearest), .. } => {
                write!(f, "was not run: there is no such tool; did you mean '{}'?", display::name(nearest))
            }
            Self::UnknownTool { .. } => f.write_str("was not run: there is no such tool."),
            Self::NotCallable { .. } => f.write_str("was not run: it cannot be called by name."),
            Self::NoGate { .. } => {
                f.write_str("was not run: no approval gate is installed; call ApprovalGate::builder().install() at start-up.")
            }
            Self::NowhereToAsk { .. } => f.write_str("was not run: the approval gate has no way to reach a reviewer."),
            Self::Unavailable { .. } => f.write_str("was not run: the approval store is unavailable."),
            Self::ShuttingDown { id: Some(id), .. } => {
                write!(f, "was not run: the process is shutting down; request {id} stays open.")
            }
            Self::ShuttingDown { .. } => f.write_str("was not run: the process is shutting down."),
        }
    }
}

impl Error for Refusal {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unrepresentable { error, .. } | Self::Invalid { error, .. } => Some(error),
            Self::Unavailable { source, .. } => Some(&**source),
            _ => None,
        }
    }
}

/// Why a call goes no further.
#[derive(Clone, Debug)]
pub(crate) enum Stop {
    /// It does not run.
    Refused(Refusal),
    /// It ran before, and this is what it returned, as JSON text.
    Recorded {
        /// How it would be refused, if the text cannot be read back.
        otherwise: Refusal,
        /// The text.
        result: Arc<str>,
    },
}

impl Stop {
    /// Says why a request that ended, or that somebody else runs, gives this call nothing to run.
    pub(crate) fn of(request: &ApprovalRequest) -> Self {
        let (refusal, execution) = (Refusal::of(request), request.execution());
        match &execution.result {
            Some(result) if execution.state == ExecutionState::Executed => {
                Self::Recorded { otherwise: refusal, result: Arc::clone(result) }
            }
            _ => Self::Refused(refusal),
        }
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// The refusal's sentence, for tools that fail with text: `Result<T, String>`.
impl From<Refusal> for String {
    fn from(refusal: Refusal) -> Self {
        refusal.to_string()
    }
}

impl Serialize for Refusal {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("code", self.code())?;
        map.serialize_entry("message", &self.to_string())?;
        map.serialize_entry("tool", self.tool())?;
        if let Some(id) = self.request_id() {
            map.serialize_entry("request_id", &id)?;
        }
        match self {
            Self::Rejected { by, rule, comment, .. } => {
                map.serialize_entry("rejected_by", by)?;
                if let Some(rule) = rule {
                    map.serialize_entry("rule", rule)?;
                }
                if let Some(comment) = comment {
                    map.serialize_entry("comment", comment)?;
                }
            }
            Self::Cancelled { because: Some(because), .. } | Self::Expired { because: Some(because), .. } => {
                map.serialize_entry("because", because)?;
            }
            Self::TooManyPending { limit, .. } => map.serialize_entry("limit", limit)?,
            _ => {}
        }
        map.end()
    }
}

/// A tool's return type: it can say that the call was refused, and tell whether the body failed.
///
/// Implemented for `Result<T, E>` where `E: From<Refusal>` ([`Refusal`] itself, `anyhow::Error`, `Box<dyn Error + Send +
/// Sync>`, an error enum with a `From`, `String`), and for `String`, which gets the refusal's sentence. The feature `rmcp3` adds rmcp's
/// `CallToolResult` and `Result<CallToolResult, ErrorData>`, the feature `rig044` rig's `Result<T, ToolExecutionError>`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no room for a refusal",
    label = "a reviewer may say no, and this type cannot say so",
    note = "return `Result<_, E>` where `E: From<Refusal>`, or `String`, or name a conversion: `on_refusal = path`"
)]
pub trait ToolReturn: Sized {
    /// Makes the value that a refused call returns.
    fn refused(refusal: Refusal) -> Self;

    /// Says whether the body failed; the record then says `failed` in place of `executed`.
    fn is_failure(&self) -> bool;
}

#[diagnostic::do_not_recommend]
impl<T, E: From<Refusal>> ToolReturn for Result<T, E> {
    fn refused(refusal: Refusal) -> Self {
        Err(refusal.into())
    }

    fn is_failure(&self) -> bool {
        self.is_err()
    }
}

#[diagnostic::do_not_recommend]
impl ToolReturn for String {
    fn refused(refusal: Refusal) -> Self {
        refusal.to_string()
    }

    fn is_failure(&self) -> bool {
        false
    }
}
