//! A record as a store keeps it: two texts, the ask once and the state with each change.
//!
//! Each begins with a byte for its format and eight bytes of the SHA-256 of what follows, so that a changed byte is found and a
//! newer program's record is not mistaken for one of ours. What is nothing is left out. What cannot be read is never run.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use uuid::Uuid;

use super::audit::Entry;
use super::{ApprovalRequest, ApprovalStatus, Ask, Decided, EndedBecause, ExecutionRecord, ExecutionState, RequestId, State};
use crate::agent::Agent;
use crate::arguments::{Arguments, Digest};
use crate::decision::{Answer, Vote};
use crate::tool::ToolRef;

/// The format that this version writes, and the only one it reads.
const FORMAT: u8 = 1;

/// How much of the hash is kept.
const SUM: usize = 8;

/// Why a stored record cannot be read. It is never run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Corrupt {
    /// A newer version of this library wrote it.
    #[error(
        "the record has format {found}, and this version reads format {FORMAT}\nhelp: use the newer version of approval-runtime"
    )]
    Newer {
        /// The format found.
        found: u8,
    },
    /// Its bytes are not those that were written.
    #[error("the record's bytes are not those that were written")]
    Changed,
    /// The two halves are not of one request.
    #[error("the record's two halves are of different requests")]
    Mixed,
    /// It says what no record of this version says.
    #[error("the record says what this version does not know")]
    Unknown,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct AskJson<'a> {
    id: RequestId,
    namespace: Arc<str>,
    /// Written as the text that it is, as [`sealed`] is given it; so are the arguments.
    #[serde(borrow, skip_serializing)]
    tool: Option<&'a RawValue>,
    #[serde(borrow, skip_serializing)]
    arguments: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    redacted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent: Option<Agent>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_id: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Box<str>>,
    created_at: i64,
    policy_version: u32,
    incarnation: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Box<Digest>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StateJson<'a> {
    id: RequestId,
    status: ApprovalStatus,
    version: u32,
    expires_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided: Option<DecidedJson>,
    /// As the arguments of the ask.
    #[serde(borrow, skip_serializing)]
    edited: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    edited_redacted: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    votes: Vec<VoteJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution: Option<ExecutionJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_because: Option<EndedBecause>,
    #[serde(default, skip_serializing_if = "is_zero")]
    refused: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiter: Option<Uuid>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    withdrawn: bool,
    changed_at: i64,
    head: Digest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DecidedJson {
    at: i64,
    by: Arc<str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    matched_rule: Option<Arc<str>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct VoteJson {
    reviewer: Arc<str>,
    decision: Answer,
    door: Cow<'static, str>,
    digest: Digest,
    at: i64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExecutionJson {
    state: ExecutionState,
    #[serde(skip_serializing_if = "Option::is_none")]
    claim_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    holder: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grant_expires_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settled_by: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result_digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Arc<str>>,
}

const fn is_zero(number: &u8) -> bool {
    *number == 0
}

fn time(micros: i64) -> Result<DateTime<Utc>, Corrupt> {
    DateTime::from_timestamp_micros(micros).ok_or(Corrupt::Unknown)
}

fn maybe_time(micros: Option<i64>) -> Result<Option<DateTime<Utc>>, Corrupt> {
    micros.map(time).transpose()
}

fn micros(time: Option<DateTime<Utc>>) -> Option<i64> {
    time.map(|time| time.timestamp_micros())
}

/// Writes a record, with members whose texts are JSON already: reading them again only to write them costs more than the rest.
fn sealed(record: &impl Serialize, texts: &[(&str, &str)]) -> Vec<u8> {
    // Most records fit: growing costs more than the room that is left over.
    let length: usize = texts.iter().map(|(name, text)| name.len() + text.len()).sum();
    let mut bytes = Vec::with_capacity(768 + length);
    bytes.resize(1 + SUM, 0);
    serde_json::to_writer(&mut bytes, record).expect("texts and numbers have a JSON form");
    // The brace that ends the object moves behind them.
    bytes.pop();
    for (name, text) in texts {
        for part in [",\"", name, "\":", text] {
            bytes.extend_from_slice(part.as_bytes());
        }
    }
    bytes.push(b'}');
    let sum = Digest::of(&bytes[1 + SUM..]);
    bytes[0] = FORMAT;
    bytes[1..=SUM].copy_from_slice(&sum.as_bytes()[..SUM]);
    bytes
}

fn opened(bytes: &[u8]) -> Result<&[u8], Corrupt> {
    let (&format, rest) = bytes.split_first().ok_or(Corrupt::Changed)?;
    if format > FORMAT {
        return Err(Corrupt::Newer { found: format });
    }
    let (sum, json) = rest.split_at_checked(SUM).ok_or(Corrupt::Changed)?;
    if format != FORMAT || *sum != Digest::of(json).as_bytes()[..SUM] {
        return Err(Corrupt::Changed);
    }
    Ok(json)
}

/// A request as two texts, for stores that keep bytes. What else a store needs to find a request by, it asks the request for:
/// [`status`](ApprovalRequest::status), [`next_deadline`](ApprovalRequest::next_deadline),
/// [`held_by`](ApprovalRequest::held_by), [`idempotency_key`](ApprovalRequest::idempotency_key).
#[derive(Clone, Copy, Debug)]
pub struct Stored;

impl Stored {
    /// Returns what was asked, as bytes. They never change.
    #[must_use]
    pub fn ask(request: &ApprovalRequest) -> Vec<u8> {
        let Ask { id, namespace, tool, arguments, agent, call_id, reason, created_at, policy_version, incarnation, key } =
            request.ask();
        let record = AskJson {
            id: *id,
            namespace: Arc::clone(namespace),
            tool: None,
            arguments: None,
            redacted: arguments.is_redacted(),
            agent: agent.clone(),
            call_id: call_id.clone(),
            reason: reason.clone(),
            created_at: created_at.timestamp_micros(),
            policy_version: *policy_version,
            incarnation: *incarnation,
            key: key.clone(),
        };
        sealed(&record, &[("tool", tool.facts()), ("arguments", arguments.canonical())])
    }

    /// Returns where the request stands, as bytes.
    #[must_use]
    pub fn state(request: &ApprovalRequest) -> Vec<u8> {
        let state = request.state();
        let decided = state.decided.as_deref().map(|decided| DecidedJson {
            at: decided.at.timestamp_micros(),
            by: Arc::clone(&decided.by),
            comment: decided.comment.clone(),
            matched_rule: decided.matched_rule.clone(),
        });
        let votes = state.votes.iter().map(|vote| VoteJson {
            reviewer: Arc::clone(&vote.reviewer),
            decision: vote.decision,
            door: vote.door.clone(),
            digest: vote.digest,
            at: vote.at.timestamp_micros(),
        });
        let execution = state.execution.as_deref().map(|execution| ExecutionJson {
            state: execution.state,
            claim_id: execution.claim_id,
            holder: execution.holder,
            grant_expires_at: micros(execution.grant_expires_at),
            started_at: micros(execution.started_at),
            finished_at: micros(execution.finished_at),
            settled_by: execution.settled_by.clone(),
            result_digest: execution.result_digest,
            result: execution.result.clone(),
        });
        let edited = state.edited.as_deref();
        let record = StateJson {
            id: request.id(),
            status: state.status,
            version: state.version,
            expires_at: state.expires_at.timestamp_micros(),
            decided,
            edited: None,
            edited_redacted: edited.is_some_and(Arguments::is_redacted),
            votes: votes.collect(),
            execution,
            ended_because: state.ended_because,
            refused: state.refused,
            waiter: state.waiter,
            withdrawn: state.withdrawn,
            changed_at: state.entry.at().timestamp_micros(),
            head: request.audit_head(),
        };
        match edited {
            Some(edited) => sealed(&record, &[("edited", edited.canonical())]),
            None => sealed(&record, &[]),
        }
    }

    /// Reads a request back.
    ///
    /// # Errors
    /// [`Corrupt`], for anything but what [`ask`](Self::ask) and [`state`](Self::state) returned for one request.
    pub fn read(ask: &[u8], state: &[u8]) -> Result<ApprovalRequest, Corrupt> {
        let (ask, state) = (read_ask(opened(ask)?)?, read_state(opened(state)?)?);
        if state.0 != ask.id {
            return Err(Corrupt::Mixed);
        }
        Ok(ApprovalRequest::new(Arc::new(ask), state.1))
    }
}

fn read_ask(json: &[u8]) -> Result<Ask, Corrupt> {
    let ask: AskJson<'_> = serde_json::from_slice(json).map_err(|_| Corrupt::Unknown)?;
    Ok(Ask {
        id: ask.id,
        namespace: ask.namespace,
        tool: ask.tool.and_then(|tool| ToolRef::of_facts(tool.get())).ok_or(Corrupt::Unknown)?,
        arguments: Arguments::stored(ask.arguments.ok_or(Corrupt::Unknown)?.get(), ask.redacted),
        agent: ask.agent,
        call_id: ask.call_id,
        reason: ask.reason,
        created_at: time(ask.created_at)?,
        policy_version: ask.policy_version,
        incarnation: ask.incarnation,
        key: ask.key,
    })
}

fn read_state(json: &[u8]) -> Result<(RequestId, State), Corrupt> {
    let state: StateJson<'_> = serde_json::from_slice(json).map_err(|_| Corrupt::Unknown)?;
    let decided = |decided: DecidedJson| {
        let DecidedJson { at, by, comment, matched_rule } = decided;
        Ok(Arc::new(Decided { at: time(at)?, by, comment, matched_rule }))
    };
    let vote = |vote: VoteJson| {
        let VoteJson { reviewer, decision, door, digest, at } = vote;
        Ok(Vote { reviewer, decision, door, digest, at: time(at)? })
    };
    let execution = |execution: ExecutionJson| {
        Ok(Arc::new(ExecutionRecord {
            state: execution.state,
            claim_id: execution.claim_id,
            holder: execution.holder,
            grant_expires_at: maybe_time(execution.grant_expires_at)?,
            started_at: maybe_time(execution.started_at)?,
            finished_at: maybe_time(execution.finished_at)?,
            settled_by: execution.settled_by,
            result_digest: execution.result_digest,
            result: execution.result,
        }))
    };
    let read = State {
        status: state.status,
        version: state.version,
        expires_at: time(state.expires_at)?,
        decided: state.decided.map(decided).transpose()?,
        edited: state.edited.map(|edited| Arc::new(Arguments::stored(edited.get(), state.edited_redacted))),
        votes: state.votes.into_iter().map(vote).collect::<Result<_, _>>()?,
        execution: state.execution.map(execution).transpose()?,
        ended_because: state.ended_because,
        refused: state.refused,
        waiter: state.waiter,
        withdrawn: state.withdrawn,
        entry: Entry::Stored { hash: state.head, at: time(state.changed_at)? },
    };
    Ok((state.id, read))
}
