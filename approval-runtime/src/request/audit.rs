//! The history of one request: a row for each of its versions, each naming the hash of the row before.
//!
//! A row is made when somebody wants it: a store that keeps rows writes them, one that lives in memory derives them when they
//! are read.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use serde::Serialize;
use uuid::Uuid;

use super::json::Time;
use super::{ApprovalRequest, ApprovalStatus, Ask, Conflict, EndedBecause, ExecutionState, RequestId, State, Transition};
use crate::arguments::Digest;

/// What a row of the history says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// Something changed.
    Done(Transition),
    /// Somebody tried what they may not, or came too late.
    Refused(Conflict),
}

impl What {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Done(transition) => transition.as_str(),
            Self::Refused(_) => "refused",
        }
    }
}

/// The row of the history that a [`State`] is.
#[derive(Clone, Debug)]
pub(crate) enum Entry {
    /// It was made in this process.
    Made(Made),
    /// It was read from a store, which has the row.
    Stored {
        /// Its hash.
        hash: Digest,
        /// Its time.
        at: DateTime<Utc>,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) what: What,
    pub(crate) at: DateTime<Utc>,
    pub(crate) by: Option<Arc<str>>,
    pub(crate) door: Option<Cow<'static, str>>,
    before: Before,
    hash: OnceLock<Box<Digest>>,
}

#[derive(Clone, Debug)]
enum Before {
    Nothing,
    State(Arc<State>),
    Hash(Box<Digest>),
}

impl Entry {
    /// Returns when the last change was made.
    pub(super) const fn at(&self) -> DateTime<Utc> {
        match self {
            Self::Made(Made { at, .. }) | Self::Stored { at, .. } => *at,
        }
    }

    pub(super) const fn first(what: What, at: DateTime<Utc>) -> Self {
        Self::Made(Made { what, at, by: None, door: None, before: Before::Nothing, hash: OnceLock::new() })
    }

    /// Makes the row behind the one that `before` is.
    pub(super) fn behind(
        before: &Arc<State>,
        what: What,
        at: DateTime<Utc>,
        by: Option<Arc<str>>,
        door: Option<Cow<'static, str>>,
    ) -> Self {
        let before = match &before.entry {
            Self::Stored { hash, .. } => Before::Hash(Box::new(*hash)),
            // Where the row is written already nothing else of that state is needed.
            Self::Made(made) => {
                made.hash.get().map_or_else(|| Before::State(Arc::clone(before)), |hash| Before::Hash(hash.clone()))
            }
        };
        Self::Made(Made { what, at, by, door, before, hash: OnceLock::new() })
    }
}

/// A row of a request's history, as it is kept and exported.
///
/// Its `text` is one JSON object; its `hash` is the SHA-256 of that text, which the next row of the same request names as
/// `previous`. It names arguments by their digest and holds none of their values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// The namespace (tenant).
    pub namespace: Arc<str>,
    /// The request.
    pub request: RequestId,
    /// The version of the request that this row tells of: 1 for its making.
    pub version: u32,
    /// What happened; nothing where an attempt was refused.
    pub what: Option<Transition>,
    /// The row.
    pub text: String,
    /// The SHA-256 of the text.
    pub hash: Digest,
}

#[derive(Serialize)]
struct Row<'a> {
    version: u32,
    namespace: &'a str,
    request: RequestId,
    at: Time,
    what: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    door: Option<&'a str>,
    status: ApprovalStatus,
    execution: ExecutionState,
    digest: Digest,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    holder: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_because: Option<EndedBecause>,
    #[serde(skip_serializing_if = "Option::is_none")]
    matched_rule: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<Asked<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous: Option<Digest>,
}

/// What the first row says beside: what stays known of a request when its record is removed.
#[derive(Serialize)]
struct Asked<'a> {
    tool_name: &'a str,
    tool_fingerprint: Digest,
    agent_chain: Vec<&'a str>,
    run_id: Option<&'a str>,
    call_id: Option<&'a str>,
    requested_by: Option<&'a str>,
    policy_version: u32,
    incarnation: u64,
    expires_at: Time,
}

fn row(ask: &Ask, state: &State, made: &Made) -> AuditRow {
    let previous = match &made.before {
        Before::Nothing => None,
        Before::State(state) => Some(hash(ask, state)),
        Before::Hash(hash) => Some(**hash),
    };
    let execution = state.execution();
    let agent = ask.agent.as_ref();
    let asked = (state.version == 1).then(|| Asked {
        tool_name: ask.tool.name(),
        tool_fingerprint: ask.tool.fingerprint(),
        agent_chain: agent.into_iter().flat_map(crate::agent::Agent::chain).collect(),
        run_id: agent.and_then(crate::agent::Agent::run),
        call_id: ask.call_id.as_deref(),
        requested_by: agent.and_then(crate::agent::Agent::principal),
        policy_version: ask.policy_version,
        incarnation: ask.incarnation,
        expires_at: Time(state.expires_at),
    });
    let refused = match made.what {
        What::Done(_) => None,
        What::Refused(conflict) => Some(conflict.as_str()),
    };
    let decided = state.decided.as_deref();
    // Most rows fit: growing costs more than the room that is left over.
    let mut text = Vec::with_capacity(640);
    let row = Row {
        version: state.version,
        namespace: &ask.namespace,
        request: ask.id,
        at: Time(made.at),
        what: made.what.as_str(),
        refused,
        by: made.by.as_deref(),
        door: made.door.as_deref(),
        status: state.status,
        execution: execution.state,
        digest: state.edited.as_deref().unwrap_or(&ask.arguments).digest(),
        claim_id: execution.claim_id,
        holder: execution.holder,
        result_digest: execution.result_digest,
        ended_because: state.ended_because,
        matched_rule: decided.and_then(|decided| decided.matched_rule.as_deref()),
        asked,
        previous,
    };
    serde_json::to_writer(&mut text, &row).expect("texts and numbers have a JSON form");
    let hash = Digest::of(&text);
    AuditRow {
        namespace: Arc::clone(&ask.namespace),
        request: ask.id,
        version: state.version,
        what: match made.what {
            What::Done(transition) => Some(transition),
            What::Refused(_) => None,
        },
        text: String::from_utf8(text).expect("JSON is UTF-8"),
        hash,
    }
}

/// Returns the hash of the row that a state is. Histories are short: who may lengthen one is bounded.
fn hash(ask: &Ask, state: &State) -> Digest {
    match &state.entry {
        Entry::Stored { hash, .. } => *hash,
        Entry::Made(made) => **made.hash.get_or_init(|| Box::new(row(ask, state, made).hash)),
    }
}

impl ApprovalRequest {
    /// Returns the row of the history that goes with this version of the request: a store writes it in the same transaction.
    ///
    /// `None` for a version that was read from a store, which has the row.
    #[must_use]
    pub fn audit_row(&self) -> Option<AuditRow> {
        let Entry::Made(made) = &self.state().entry else { return None };
        let row = row(self.ask(), self.state(), made);
        let _ = made.hash.set(Box::new(row.hash));
        Some(row)
    }

    /// Returns the hash of the last row of the history.
    #[must_use]
    pub fn audit_head(&self) -> Digest {
        hash(self.ask(), self.state())
    }

    /// Returns what the last change was, where it was made in this process and was one.
    pub(crate) fn last_transition(&self) -> Option<Transition> {
        match &self.state().entry {
            Entry::Made(Made { what: What::Done(transition), .. }) => Some(*transition),
            _ => None,
        }
    }
}
