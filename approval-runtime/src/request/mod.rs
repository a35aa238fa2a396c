//! [`ApprovalRequest`]: one call that waits, waited, or went through by rule. An immutable ask and a small state; no I/O.

mod json;
mod lifecycle;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

pub use self::lifecycle::{Change, Conflict, Event, Guard, Outcome, Transition, Verdict, apply, open};
use crate::agent::Agent;
use crate::arguments::{Arguments, Digest, Flag, Flags, display};
use crate::decision::{Reviewer, Vote};
use crate::tool::{Tool, ToolRef};

/// How long an approval may wait for its start: 15 minutes.
pub const GRANT_TTL: Duration = Duration::from_secs(15 * 60);

/// The id of an approval request: 122 random bits, made by the process that asks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct RequestId(Uuid);

impl RequestId {
    /// Makes a new random id.
    #[must_use]
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }

    /// Returns some of its random bits, to spread ids over tables.
    pub(crate) const fn low_bits(self) -> usize {
        self.0.as_u128() as usize
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The text is no request id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a request id: it has the form xxxxxxxx-xxxx-4xxx-xxxx-xxxxxxxxxxxx, in hexadecimal digits")]
pub struct ParseRequestIdError;

impl FromStr for RequestId {
    type Err = ParseRequestIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // One spelling an id: braces, URNs and missing hyphens are refused.
        match Uuid::try_parse(text) {
            Ok(id) if text.len() == 36 => Ok(Self(id)),
            _ => Err(ParseRequestIdError),
        }
    }
}

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ApprovalStatus {
    /// Waiting for reviewers.
    Pending,
    /// Approved by as many reviewers as the tool needs.
    Approved,
    /// Let through by a rule; nobody was asked.
    AutoApproved,
    /// Refused by a reviewer or by a deny rule.
    Rejected,
    /// Nobody decided in time.
    TimedOut,
    /// Withdrawn before it started: the caller went away, or the approval was revoked.
    Cancelled,
    /// Approved, but never started.
    Expired,
}

/// The text is no status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a status: it is `pending`, `approved`, `auto_approved`, `rejected`, `timed_out`, `cancelled` or `expired`")]
pub struct ParseStatusError;

impl FromStr for ApprovalStatus {
    type Err = ParseStatusError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(ParseStatusError)
    }
}

impl ApprovalStatus {
    pub(crate) const ALL: [Self; 7] =
        [Self::Pending, Self::Approved, Self::AutoApproved, Self::Rejected, Self::TimedOut, Self::Cancelled, Self::Expired];

    /// Returns the status as records and the API spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::AutoApproved => "auto_approved",
            Self::Rejected => "rejected",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for ApprovalStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_str().replace('_', " "))
    }
}

/// How far the call's body has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExecutionState {
    /// The body has not been started.
    #[default]
    NotStarted,
    /// The one start was claimed; the body runs or is about to.
    Executing,
    /// The body returned.
    Executed,
    /// The body returned an error, or panicked.
    Failed,
    /// Whoever claimed the start is gone. It may have run, in whole, in part or not at all.
    Indeterminate,
}

impl ExecutionState {
    /// Returns the state as records and the API spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotStarted => "not_started",
            Self::Executing => "executing",
            Self::Executed => "executed",
            Self::Failed => "failed",
            Self::Indeterminate => "indeterminate",
        }
    }
}

impl fmt::Display for ExecutionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_str().replace('_', " "))
    }
}

/// Why a request ended although nobody rejected it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EndedBecause {
    /// What the call is about changed meanwhile.
    Stale,
    /// The store lost, or may have lost, what was written before.
    Incarnation,
    /// The approval was not used within [`GRANT_TTL`].
    Grant,
    /// What was approved cannot be decoded into the tool's arguments.
    Unrunnable,
    /// A deny rule forbids it by now.
    Policy,
    /// The approval was taken back.
    Revoked,
    /// The tool, or everything, is frozen.
    Frozen,
}

impl EndedBecause {
    /// Returns the reason as a clause for people.
    #[must_use]
    pub const fn as_clause(self) -> &'static str {
        match self {
            Self::Stale => "what it is about changed meanwhile",
            Self::Incarnation => "the store may have lost writes",
            Self::Grant => "the approval was not used in time",
            Self::Unrunnable => "what was approved does not fit the tool's arguments",
            Self::Policy => "a deny rule forbids it by now",
            Self::Revoked => "the approval was revoked",
            Self::Frozen => "the tool is frozen",
        }
    }
}

/// How a call's start and end are recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Execution {
    /// How far it came.
    pub state: ExecutionState,
    /// Who holds the one start.
    pub claim_id: Option<Uuid>,
    /// Until when an approval may be used, in UTC.
    pub grant_expires_at: Option<DateTime<Utc>>,
    /// When the start was claimed, in UTC.
    pub started_at: Option<DateTime<Utc>>,
    /// When the outcome was recorded, in UTC.
    pub finished_at: Option<DateTime<Utc>>,
}

/// What was asked. It never changes.
///
/// `Debug` shows no argument's value, and so not the reason either: it is made of them.
pub struct Ask {
    pub(crate) id: RequestId,
    pub(crate) namespace: Arc<str>,
    pub(crate) tool: ToolRef,
    pub(crate) arguments: Arguments,
    pub(crate) agent: Option<Agent>,
    pub(crate) call_id: Option<Box<str>>,
    pub(crate) reason: Option<Box<str>>,
    pub(crate) created_at: DateTime<Utc>,
    pub(crate) policy_version: u32,
    pub(crate) incarnation: u64,
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ask")
            .field("id", &self.id)
            .field("namespace", &self.namespace)
            .field("tool", &self.tool.name())
            .field("arguments", &self.arguments)
            .field("agent", &self.agent)
            .field("call_id", &self.call_id)
            .field("created_at", &self.created_at)
            .finish_non_exhaustive()
    }
}

/// How and by whom a request was decided.
///
/// `Debug` shows no comment: a reviewer's words may quote an argument.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Decided {
    pub(crate) at: DateTime<Utc>,
    pub(crate) by: Arc<str>,
    pub(crate) comment: Option<Box<str>>,
    pub(crate) matched_rule: Option<Arc<str>>,
}

impl fmt::Debug for Decided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, by, comment: _, matched_rule } = self;
        f.debug_struct("Decided").field("at", at).field("by", by).field("matched_rule", matched_rule).finish_non_exhaustive()
    }
}

/// What changes about a request. Each change makes a new one.
#[derive(Clone, Debug)]
pub struct State {
    pub(crate) status: ApprovalStatus,
    pub(crate) version: u32,
    pub(crate) expires_at: DateTime<Utc>,
    pub(crate) decided: Option<Arc<Decided>>,
    pub(crate) edited: Option<Arc<Arguments>>,
    pub(crate) votes: Arc<[Vote]>,
    pub(crate) execution: Execution,
    pub(crate) ended_because: Option<EndedBecause>,
}

/// A call and what became of it.
///
/// A clone is two reference counts; the record it shows does not change under its reader. `Serialize` writes the JSON that
/// the API and every store use.
#[derive(Clone, Debug)]
pub struct ApprovalRequest {
    ask: Arc<Ask>,
    state: Arc<State>,
}

impl ApprovalRequest {
    pub(crate) fn new(ask: Arc<Ask>, state: impl Into<Arc<State>>) -> Self {
        Self { ask, state: state.into() }
    }

    /// Returns the record with another state.
    pub(crate) fn with(&self, state: impl Into<Arc<State>>) -> Self {
        Self::new(Arc::clone(&self.ask), state)
    }

    /// Returns the record as it has to be read at `now`: past its deadline it is timed out, an approval past its own end has
    /// expired, written or not.
    pub(crate) fn at(self, now: DateTime<Utc>) -> Self {
        if !self.is_due(now) {
            return self;
        }
        match self.status() {
            ApprovalStatus::Pending => self.with(lifecycle::timed_out(&self.state, self.expires_at())),
            _ => self.with(lifecycle::expired(&self.state, EndedBecause::Grant)),
        }
    }

    /// Returns where the request stands at `now`, as [`at`](Self::at) would show it.
    pub(crate) fn status_at(&self, now: DateTime<Utc>) -> ApprovalStatus {
        match self.status() {
            status if !self.is_due(now) => status,
            ApprovalStatus::Pending => ApprovalStatus::TimedOut,
            _ => ApprovalStatus::Expired,
        }
    }

    fn is_due(&self, now: DateTime<Utc>) -> bool {
        self.next_deadline().is_some_and(|deadline| now >= deadline)
    }

    /// Returns when the clock alone changes where the request stands.
    pub(crate) fn next_deadline(&self) -> Option<DateTime<Utc>> {
        match self.status() {
            ApprovalStatus::Pending => Some(self.expires_at()),
            ApprovalStatus::Approved if self.execution().state == ExecutionState::NotStarted => {
                self.execution().grant_expires_at
            }
            _ => None,
        }
    }

    pub(crate) fn ask(&self) -> &Ask {
        &self.ask
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// Returns the request's id.
    #[must_use]
    pub fn id(&self) -> RequestId {
        self.ask.id
    }

    /// Returns the namespace (tenant) that the request belongs to.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.ask.namespace
    }

    /// Returns the tool that was called.
    #[must_use]
    pub fn tool(&self) -> &Tool {
        &self.ask.tool
    }

    /// Returns the name of the tool that was called.
    #[must_use]
    pub fn tool_name(&self) -> &str {
        self.ask.tool.name()
    }

    /// Returns the arguments as they were asked for.
    #[must_use]
    pub fn arguments(&self) -> &Arguments {
        &self.ask.arguments
    }

    /// Returns the arguments that a reviewer put in their place.
    #[must_use]
    pub fn edited_arguments(&self) -> Option<&Arguments> {
        self.state.edited.as_deref()
    }

    /// Returns the arguments that run if the request is approved as it stands.
    #[must_use]
    pub fn effective_arguments(&self) -> &Arguments {
        self.edited_arguments().unwrap_or(&self.ask.arguments)
    }

    /// Returns the digest of [`effective_arguments`](Self::effective_arguments): what an approval has to name.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.effective_arguments().digest()
    }

    /// Returns what about [`effective_arguments`](Self::effective_arguments) can mislead who reads them. A
    /// [fact](Self::facts) has its own part of it.
    #[must_use]
    pub fn flags(&self) -> Flags {
        self.effective_arguments().flags()
    }

    /// Returns the first eight digits of the digest, for people to compare between two places.
    #[must_use]
    pub fn short_code(&self) -> String {
        let mut code = self.digest().to_string();
        code.truncate(8);
        code
    }

    /// Returns the agent that made the call, where one was named.
    #[must_use]
    pub fn agent(&self) -> Option<&Agent> {
        self.ask.agent.as_ref()
    }

    /// Returns the name of the agent that made the call.
    #[must_use]
    pub fn agent_name(&self) -> Option<&str> {
        self.agent().map(Agent::name)
    }

    /// Returns the agents that the call came through: the origin first, the caller last.
    pub fn agent_chain(&self) -> impl Iterator<Item = &str> {
        self.agent().into_iter().flat_map(Agent::chain)
    }

    /// Returns the run that the call belongs to.
    #[must_use]
    pub fn run_id(&self) -> Option<&str> {
        self.agent().and_then(Agent::run)
    }

    /// Returns the model's id of the call.
    #[must_use]
    pub fn call_id(&self) -> Option<&str> {
        self.ask.call_id.as_deref()
    }

    /// Returns the person the call is made for, who cannot review it.
    #[must_use]
    pub fn requested_by(&self) -> Option<&str> {
        self.agent().and_then(Agent::principal)
    }

    /// Returns why the call is made, in the tool author's words around the agent's values: unverified.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.ask.reason.as_deref()
    }

    /// Returns where the request stands.
    #[must_use]
    pub fn status(&self) -> ApprovalStatus {
        self.state.status
    }

    /// Returns when the request was made, on the store's clock, in UTC.
    #[must_use]
    pub fn created_at(&self) -> DateTime<Utc> {
        self.ask.created_at
    }

    /// Returns until when reviewers can decide, on the store's clock, in UTC.
    #[must_use]
    pub fn expires_at(&self) -> DateTime<Utc> {
        self.state.expires_at
    }

    /// Returns how long reviewers have from the request's creation.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.ask.tool.reviewers_time()
    }

    /// Returns when the request left [`ApprovalStatus::Pending`], in UTC.
    #[must_use]
    pub fn decided_at(&self) -> Option<DateTime<Utc>> {
        self.state.decided.as_ref().map(|decided| decided.at)
    }

    /// Returns who decided: a reviewer, `policy` for a rule, or whoever cancelled.
    #[must_use]
    pub fn decided_by(&self) -> Option<&str> {
        self.state.decided.as_ref().map(|decided| &*decided.by)
    }

    /// Returns the comment of the reviewer who decided.
    #[must_use]
    pub fn comment(&self) -> Option<&str> {
        self.state.decided.as_ref().and_then(|decided| decided.comment.as_deref())
    }

    /// Returns the words of the rule that decided.
    #[must_use]
    pub fn matched_rule(&self) -> Option<&str> {
        self.state.decided.as_ref().and_then(|decided| decided.matched_rule.as_deref())
    }

    /// Returns the votes, the first one first.
    #[must_use]
    pub fn votes(&self) -> &[Vote] {
        &self.state.votes
    }

    /// Says whether a reviewer is entitled to decide: one of the tool's approvers, and not the person the call is made for.
    #[must_use]
    pub fn may_decide(&self, reviewer: &Reviewer) -> bool {
        self.is_for(reviewer) && !self.is_on_behalf_of(reviewer)
    }

    fn is_for(&self, reviewer: &Reviewer) -> bool {
        reviewer.is_one_of(self.tool().named_approvers())
    }

    fn is_on_behalf_of(&self, reviewer: &Reviewer) -> bool {
        self.requested_by() == Some(reviewer.name())
    }

    /// Returns how far the body has come.
    #[must_use]
    pub fn execution(&self) -> &Execution {
        &self.state.execution
    }

    /// Returns why the request ended although nobody rejected it.
    #[must_use]
    pub fn ended_because(&self) -> Option<EndedBecause> {
        self.state.ended_because
    }

    /// Returns the record's version: 1 when it is made, one more with each change.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.state.version
    }

    /// Returns the arguments that would run, one fact each: declared ones in the function's order, others by name.
    ///
    /// Names and values are in the display form: what a reviewer has to see, on any surface.
    #[must_use]
    pub fn facts(&self) -> Vec<Fact> {
        let serde_json::Value::Object(mut fields) = self.effective_arguments().to_value() else {
            return Vec::new();
        };
        let mut facts = Vec::with_capacity(fields.len());
        for argument in self.tool().arguments() {
            if let Some(value) = fields.remove(argument.name()) {
                facts.push(Fact::new(argument.name(), &value));
            }
        }
        let mut rest: Vec<_> = fields.into_iter().collect();
        rest.sort_by(|a, b| a.0.cmp(&b.0));
        facts.extend(rest.iter().map(|(name, value)| Fact::new(name, value)));
        facts
    }
}

/// One argument as a reviewer sees it: in the display form, safe to print after a channel's own escaping.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fact {
    /// The argument's name.
    pub name: String,
    /// Its whole value.
    pub value: String,
    /// What about the two can mislead who reads them.
    pub flags: Flags,
}

impl Fact {
    fn new(name: &str, value: &serde_json::Value) -> Self {
        let flags = Flags::of_text(name).union(Flags::of_value(value));
        Self { name: display::name(name), value: display::value(value), flags }
    }

    /// Says what can mislead, for a line below the argument; nothing where nothing can. That a value is redacted shows by
    /// itself. A mere note [allows rules to approve](Flags::allows_auto_approval).
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let meanings: Vec<_> = self.flags.iter().filter(|flag| *flag != Flag::Redacted).map(Flag::meaning).collect();
        (!meanings.is_empty()).then(|| meanings.join("; "))
    }
}

#[cfg(test)]
mod tests;
