//! [`Ask`] and [`State`]: the two halves of a record, and the [`Moment`] at which it is read or changed.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::audit::Entry;
use super::{ApprovalStatus, EndedBecause, ExecutionState, RequestId};
use crate::agent::Agent;
use crate::arguments::{Arguments, Digest};
use crate::decision::Vote;
use crate::tool::ToolRef;

/// What a store's clock shows: the time, and which life of the store it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Moment {
    /// UTC, whole microseconds, never less than before.
    pub time: DateTime<Utc>,
    /// How often the store lost, or may have lost, what was written before. Requests of another incarnation have ended.
    pub incarnation: u64,
    /// How often tools were frozen or thawed.
    pub freeze_epoch: u64,
}

impl Moment {
    /// Names a time in the first life of a store, with nothing frozen.
    #[must_use]
    pub const fn at(time: DateTime<Utc>) -> Self {
        Self { time, incarnation: 0, freeze_epoch: 0 }
    }

    /// Returns this moment in another life of the store.
    #[must_use]
    pub const fn of_incarnation(mut self, incarnation: u64) -> Self {
        self.incarnation = incarnation;
        self
    }

    /// Returns this moment under another state of what is frozen.
    #[must_use]
    pub const fn of_freeze_epoch(mut self, freeze_epoch: u64) -> Self {
        self.freeze_epoch = freeze_epoch;
        self
    }
}

/// How a call's start and end are recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExecutionRecord {
    /// How far it came.
    pub state: ExecutionState,
    /// The one start.
    pub claim_id: Option<Uuid>,
    /// The gate that holds it: [`ApprovalGate::instance`](crate::ApprovalGate::instance).
    pub holder: Option<Uuid>,
    /// Until when an approval may be used, in UTC.
    pub grant_expires_at: Option<DateTime<Utc>>,
    /// When the start was claimed, in UTC.
    pub started_at: Option<DateTime<Utc>>,
    /// When the outcome was recorded, in UTC.
    pub finished_at: Option<DateTime<Utc>>,
    /// The person who said how a call ended that nobody knew about.
    pub settled_by: Option<Arc<str>>,
    /// The SHA-256 of [`result`](Self::result).
    pub result_digest: Option<Digest>,
    /// What the body returned, as JSON text, where the tool says `record`.
    pub result: Option<Arc<str>>,
}

/// What most requests have come to: nothing yet.
static NOT_STARTED: ExecutionRecord = ExecutionRecord {
    state: ExecutionState::NotStarted,
    claim_id: None,
    holder: None,
    grant_expires_at: None,
    started_at: None,
    finished_at: None,
    settled_by: None,
    result_digest: None,
    result: None,
};

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
    /// What makes this call the same as another one, where the caller named run and call.
    pub(crate) key: Option<Box<Digest>>,
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
    /// Nothing while nobody has approved: many calls wait.
    pub(crate) execution: Option<Arc<ExecutionRecord>>,
    pub(crate) ended_because: Option<EndedBecause>,
    /// How many refused attempts are in the history.
    pub(crate) refused: u8,
    /// The gate that has a call waiting for this.
    pub(crate) waiter: Option<Uuid>,
    /// Its caller went away, or no longer wanted it.
    pub(crate) withdrawn: bool,
    /// The row of the history that this state is.
    pub(crate) entry: Entry,
}

impl State {
    pub(crate) fn execution(&self) -> &ExecutionRecord {
        self.execution.as_deref().unwrap_or(&NOT_STARTED)
    }

    pub(super) fn execution_mut(&mut self) -> &mut ExecutionRecord {
        Arc::make_mut(self.execution.get_or_insert_default())
    }
}
