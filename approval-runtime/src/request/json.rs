//! The record as JSON: the same in the API and in every store.

use std::ops::Deref;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::ser::SerializeSeq;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::{ApprovalRequest, ApprovalStatus, EndedBecause, ExecutionRecord, RequestId};
use crate::arguments::{Arguments, Digest, Flags};
use crate::decision::Vote;
use crate::tool::Effect;

/// Writes a time as records, histories and checkpoints have it: RFC 3339, UTC, microseconds.
pub(crate) fn rfc3339(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}

pub(super) struct Time(pub(super) DateTime<Utc>);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&rfc3339(self.0))
    }
}

#[derive(Serialize)]
struct Required<'a> {
    approvers: Vec<&'a str>,
    quorum: u32,
}

/// The article's names first, then ours.
#[derive(Serialize)]
struct Json<'a> {
    id: RequestId,
    tool_name: &'a str,
    arguments: &'a Arguments,
    agent_name: Option<&'a str>,
    reason: Option<&'a str>,
    status: ApprovalStatus,
    created_at: Time,
    decided_at: Option<Time>,
    decided_by: Option<&'a str>,
    timeout_seconds: u64,
    namespace: &'a str,
    agent_chain: Vec<&'a str>,
    run_id: Option<&'a str>,
    call_id: Option<&'a str>,
    requested_by: Option<&'a str>,
    effect: Effect,
    expires_at: Time,
    digest: Digest,
    flags: Flags,
    not_reviewed: Vec<&'a str>,
    tool_fingerprint: Digest,
    matched_rule: Option<&'a str>,
    policy_version: u32,
    comment: Option<&'a str>,
    edited_arguments: Option<&'a Arguments>,
    votes: Votes<'a>,
    required: Required<'a>,
    execution: ExecutionJson<'a>,
    waited_for: bool,
    unrunnable: bool,
    ended_because: Option<EndedBecause>,
    incarnation: u64,
    version: u32,
}

struct Votes<'a>(&'a [Vote]);

impl Serialize for Votes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Json<'a> {
            reviewer: &'a str,
            decision: crate::decision::Answer,
            door: &'a str,
            digest: Digest,
            at: Time,
        }
        let mut votes = serializer.serialize_seq(Some(self.0.len()))?;
        for vote in self.0 {
            let Vote { reviewer, decision, door, digest, at } = vote;
            votes.serialize_element(&Json {
                reviewer: reviewer.deref(),
                decision: *decision,
                door,
                digest: *digest,
                at: Time(*at),
            })?;
        }
        votes.end()
    }
}

#[derive(Serialize)]
struct ExecutionJson<'a> {
    state: super::ExecutionState,
    claim_id: Option<uuid::Uuid>,
    holder: Option<uuid::Uuid>,
    grant_expires_at: Option<Time>,
    started_at: Option<Time>,
    finished_at: Option<Time>,
    settled_by: Option<&'a str>,
    result_digest: Option<Digest>,
    result: Option<&'a RawValue>,
}

impl<'a> From<&'a ExecutionRecord> for ExecutionJson<'a> {
    fn from(execution: &'a ExecutionRecord) -> Self {
        Self {
            state: execution.state,
            claim_id: execution.claim_id,
            holder: execution.holder,
            grant_expires_at: execution.grant_expires_at.map(Time),
            started_at: execution.started_at.map(Time),
            finished_at: execution.finished_at.map(Time),
            settled_by: execution.settled_by.as_deref(),
            result_digest: execution.result_digest,
            // It was written as JSON; what else a store may bring is not passed on.
            result: execution.result.as_deref().and_then(|result| serde_json::from_str(result).ok()),
        }
    }
}

impl Serialize for ApprovalRequest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let tool = self.tool();
        Json {
            id: self.id(),
            tool_name: self.tool_name(),
            arguments: self.arguments(),
            agent_name: self.agent_name(),
            reason: self.reason(),
            status: self.status(),
            created_at: Time(self.created_at()),
            decided_at: self.decided_at().map(Time),
            decided_by: self.decided_by(),
            timeout_seconds: self.timeout().as_secs(),
            namespace: self.namespace(),
            agent_chain: self.agent_chain().collect(),
            run_id: self.run_id(),
            call_id: self.call_id(),
            requested_by: self.requested_by(),
            effect: tool.stake(),
            expires_at: Time(self.expires_at()),
            digest: self.digest(),
            flags: self.flags(),
            not_reviewed: tool.not_reviewed().collect(),
            tool_fingerprint: tool.fingerprint(),
            matched_rule: self.matched_rule(),
            policy_version: self.ask().policy_version,
            comment: self.comment(),
            edited_arguments: self.edited_arguments(),
            votes: Votes(self.votes()),
            required: Required { approvers: tool.named_approvers().collect(), quorum: tool.required_quorum() },
            execution: self.execution().into(),
            waited_for: self.is_waited_for(),
            unrunnable: self.is_unrunnable(),
            ended_because: self.ended_because(),
            incarnation: self.ask().incarnation,
            version: self.version(),
        }
        .serialize(serializer)
    }
}
