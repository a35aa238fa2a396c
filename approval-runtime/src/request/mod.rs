//! [`ApprovalRequest`]: one call that waits, waited, or went through by rule. An immutable ask and a small state; no I/O.

mod audit;
mod fact;
mod json;
mod lifecycle;
mod rules;
mod state;
mod status;
mod stored;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use uuid::Uuid;

pub use self::audit::AuditRow;
pub use self::fact::Fact;
pub(crate) use self::json::rfc3339;
pub use self::lifecycle::{Change, Conflict, Event, Guard, Outcome, ParseTransitionError, Settlement, Transition, Verdict};
use self::rules::Ended;
pub use self::rules::{MAX_REFUSED, apply, open, refuse};
pub(crate) use self::state::Decided;
pub use self::state::{Ask, ExecutionRecord, Moment, State};
pub use self::status::{ApprovalStatus, EndedBecause, ExecutionState, ParseStatusError};
pub use self::stored::{Corrupt, Stored};
use crate::agent::Agent;
use crate::arguments::{Arguments, Digest, Flags};
use crate::decision::{Reviewer, Vote};
use crate::tool::Tool;

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

impl From<Uuid> for RequestId {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

impl From<RequestId> for Uuid {
    fn from(id: RequestId) -> Self {
        id.0
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

/// A call and what became of it.
///
/// A clone is two reference counts; the record it shows does not change under its reader. `Serialize` writes the JSON that
/// the API and every store use.
#[derive(Clone, Debug)]
pub struct ApprovalRequest {
    ask: Arc<Ask>,
    state: Arc<State>,
    /// Whoever read it has the tool, and it is another one by now.
    unrunnable: bool,
}

impl ApprovalRequest {
    pub(crate) fn new(ask: Arc<Ask>, state: impl Into<Arc<State>>) -> Self {
        Self { ask, state: state.into(), unrunnable: false }
    }

    /// Returns the record with another state.
    pub(crate) fn with(&self, state: impl Into<Arc<State>>) -> Self {
        Self { ask: Arc::clone(&self.ask), state: state.into(), unrunnable: self.unrunnable }
    }

    /// Returns the record as a gate shows it that has the tool, or has it as another one.
    pub(crate) fn seen_with(mut self, fingerprint: Option<Digest>) -> Self {
        self.unrunnable = fingerprint.is_some_and(|fingerprint| fingerprint != self.tool().fingerprint());
        self
    }

    /// Returns the record as it has to be read at this moment: past its deadline it is timed out, an approval past its own end
    /// has expired, and so has what waited in an earlier life of the store; written or not.
    pub(crate) fn at(self, moment: Moment) -> Self {
        match rules::projected(&self, moment) {
            Some(state) => self.with(state),
            None => self,
        }
    }

    /// Returns where the request stands at this moment, whether or not that is written.
    #[must_use]
    pub fn status_at(&self, moment: Moment) -> ApprovalStatus {
        match self.ended_at(moment) {
            None => self.status(),
            Some(Ended::TimedOut) => ApprovalStatus::TimedOut,
            Some(Ended::Expired(_)) => ApprovalStatus::Expired,
        }
    }

    /// Says how the request has ended by itself at this moment.
    fn ended_at(&self, moment: Moment) -> Option<Ended> {
        let deadline = self.next_deadline()?;
        if self.ask.incarnation != moment.incarnation {
            return Some(Ended::Expired(EndedBecause::Incarnation));
        }
        (moment.time >= deadline).then(|| match self.status() {
            ApprovalStatus::Pending => Ended::TimedOut,
            _ => Ended::Expired(EndedBecause::Grant),
        })
    }

    /// Returns the event that writes down how the request has ended by itself at this moment.
    pub(crate) fn due_event(&self, moment: Moment) -> Option<Event> {
        self.ended_at(moment).map(|ended| match ended {
            Ended::TimedOut => Event::TimeOut,
            Ended::Expired(because) => Event::Expire(because),
        })
    }

    /// Returns when the clock alone changes where the request stands, in UTC.
    #[must_use]
    pub fn next_deadline(&self) -> Option<DateTime<Utc>> {
        match self.status() {
            ApprovalStatus::Pending => Some(self.expires_at()),
            ApprovalStatus::Approved if self.execution().state == ExecutionState::NotStarted => {
                self.execution().grant_expires_at
            }
            _ => None,
        }
    }

    /// Returns the gate whose work this request is: the one that holds its start, else the one that has a call waiting. When
    /// that gate is gone, somebody else has to settle it.
    #[must_use]
    pub fn held_by(&self) -> Option<Uuid> {
        match self.execution().state {
            ExecutionState::Executing => self.execution().holder,
            _ => self.state.waiter,
        }
    }

    /// Returns what makes a later call the same as this one, for as long as it does: run, call, principal, tool and arguments.
    ///
    /// A request that was withdrawn because its caller went away stands in nobody's way.
    #[must_use]
    pub fn idempotency_key(&self) -> Option<Digest> {
        self.ask.key.as_deref().copied().filter(|_| !self.is_withdrawn())
    }

    /// Says whether nothing more can happen to the request. One whose outcome nobody knows has not ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        match self.status() {
            ApprovalStatus::Pending => false,
            ApprovalStatus::Approved | ApprovalStatus::AutoApproved => {
                matches!(self.execution().state, ExecutionState::Executed | ExecutionState::Failed)
            }
            _ => true,
        }
    }

    /// Says whether the body was started and nobody knows how far it came.
    #[must_use]
    pub fn is_indeterminate(&self) -> bool {
        self.execution().state == ExecutionState::Indeterminate
    }

    /// Says whether the tool has changed since the call was made: its arguments, effect, approvers or quorum. Such a request is
    /// not started, and expires. Only a gate that has the tool knows.
    #[must_use]
    pub fn is_unrunnable(&self) -> bool {
        self.unrunnable && !self.has_ended()
    }

    /// Says what keeps the call from running when it is approved, for people: its tool changed, or nobody waits for it. Nothing
    /// where its own call waits.
    #[must_use]
    pub fn standing(&self) -> Option<&'static str> {
        let open = self.next_deadline().is_some();
        match (self.is_unrunnable(), self.is_waited_for()) {
            _ if !open => None,
            (true, _) => Some("The tool has changed since this was asked: approved, it does not run and expires."),
            (false, true) => None,
            (false, false) if self.tool().is_resumable() => {
                Some("Nobody is waiting for this: approved, it runs when a program takes it up, within 15 minutes.")
            }
            (false, false) => {
                Some("Nobody is waiting for this: approved, it runs only if its caller asks again within 15 minutes.")
            }
        }
    }

    /// Says whether a call waits for the request, as far as its store knows.
    #[must_use]
    pub fn is_waited_for(&self) -> bool {
        self.state.waiter.is_some()
    }

    /// Says whether its caller went away, or no longer wanted it.
    pub(crate) fn is_withdrawn(&self) -> bool {
        self.state.withdrawn
    }

    pub(crate) fn ask(&self) -> &Ask {
        &self.ask
    }

    pub(crate) fn shared_ask(&self) -> Arc<Ask> {
        Arc::clone(&self.ask)
    }

    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    pub(crate) const fn shared_state(&self) -> &Arc<State> {
        &self.state
    }

    /// Returns the store's incarnation that the request was made in.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.ask.incarnation
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
    pub fn execution(&self) -> &ExecutionRecord {
        self.state.execution()
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

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
