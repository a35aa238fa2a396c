//! What the text of a row says, and what a record says of the same.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Flaw;
use crate::arguments::Digest;
use crate::request::{ApprovalRequest, ApprovalStatus, AuditRow, EndedBecause, ExecutionState, RequestId, Transition, rfc3339};

/// A row, read from its text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Text<'a> {
    pub(super) version: u32,
    #[serde(borrow)]
    pub(super) namespace: Cow<'a, str>,
    pub(super) request: RequestId,
    pub(super) at: DateTime<Utc>,
    #[serde(borrow)]
    what: Cow<'a, str>,
    pub(super) refused: Option<String>,
    #[serde(rename = "by")]
    _by: Option<String>,
    #[serde(rename = "door")]
    _door: Option<String>,
    status: ApprovalStatus,
    execution: ExecutionState,
    digest: Digest,
    claim_id: Option<Uuid>,
    holder: Option<Uuid>,
    result_digest: Option<Digest>,
    ended_because: Option<EndedBecause>,
    matched_rule: Option<String>,
    pub(super) asked: Option<Asked>,
    pub(super) previous: Option<Digest>,
}

/// What the first row says of the request, and the record does too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) tool_name: String,
    pub(super) tool_fingerprint: Digest,
    pub(super) agent_chain: Vec<String>,
    pub(super) run_id: Option<String>,
    pub(super) call_id: Option<String>,
    pub(super) requested_by: Option<String>,
    pub(super) policy_version: u32,
    pub(super) incarnation: u64,
    pub(super) expires_at: String,
}

/// Where the request stands, as the last row and the record say it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Standing<'a> {
    pub(super) status: ApprovalStatus,
    pub(super) execution: ExecutionState,
    pub(super) digest: Digest,
    pub(super) claim_id: Option<Uuid>,
    pub(super) holder: Option<Uuid>,
    pub(super) result_digest: Option<Digest>,
    pub(super) ended_because: Option<EndedBecause>,
    pub(super) matched_rule: Option<&'a str>,
}

/// Names one of several things without keeping it.
pub(super) fn digest_of(value: &impl Serialize) -> Digest {
    Digest::of(&serde_json::to_vec(value).expect("texts and numbers have a JSON form"))
}

impl<'a> Text<'a> {
    /// Reads a row of this text.
    pub(super) fn read(text: &'a str) -> Result<Self, Flaw> {
        let read: Self = serde_json::from_str(text).map_err(|_| Flaw::Unreadable)?;
        let is_refusal = read.what == "refused";
        let in_order = is_refusal == read.refused.is_some()
            && (is_refusal || read.transition().is_some())
            && (read.version == 1) == read.asked.is_some()
            && (read.version == 1) == read.previous.is_none();
        if in_order { Ok(read) } else { Err(Flaw::Unreadable) }
    }

    /// Checks that the row says what its columns say.
    pub(super) fn check_columns(&self, namespace: &str, row: &AuditRow) -> Result<(), Flaw> {
        let columns = [
            ("namespace", *self.namespace == *row.namespace && *self.namespace == *namespace),
            ("request", self.request == row.request),
            ("version", self.version == row.version),
            ("what", self.transition() == row.what),
        ];
        columns.into_iter().find(|(_, same)| !same).map_or(Ok(()), |(name, _)| Err(Flaw::Column(name)))
    }

    /// Returns what happened; nothing where an attempt was refused.
    pub(super) fn transition(&self) -> Option<Transition> {
        self.what.parse().ok()
    }

    pub(super) fn standing(&self) -> Standing<'_> {
        Standing {
            status: self.status,
            execution: self.execution,
            digest: self.digest,
            claim_id: self.claim_id,
            holder: self.holder,
            result_digest: self.result_digest,
            ended_because: self.ended_because,
            matched_rule: self.matched_rule.as_deref(),
        }
    }
}

impl Asked {
    pub(super) fn of(request: &ApprovalRequest) -> Self {
        Self {
            tool_name: request.tool_name().into(),
            tool_fingerprint: request.tool().fingerprint(),
            agent_chain: request.agent_chain().map(Into::into).collect(),
            run_id: request.run_id().map(Into::into),
            call_id: request.call_id().map(Into::into),
            requested_by: request.requested_by().map(Into::into),
            policy_version: request.ask().policy_version,
            incarnation: request.incarnation(),
            expires_at: rfc3339(request.expires_at()),
        }
    }

    /// Names what another one says otherwise.
    pub(super) fn difference(&self, other: &Self) -> Option<&'static str> {
        let fields = [
            ("tool_name", self.tool_name == other.tool_name),
            ("tool_fingerprint", self.tool_fingerprint == other.tool_fingerprint),
            ("agent_chain", self.agent_chain == other.agent_chain),
            ("run_id", self.run_id == other.run_id),
            ("call_id", self.call_id == other.call_id),
            ("requested_by", self.requested_by == other.requested_by),
            ("policy_version", self.policy_version == other.policy_version),
            ("incarnation", self.incarnation == other.incarnation),
            ("expires_at", self.expires_at == other.expires_at),
        ];
        fields.into_iter().find(|(_, same)| !same).map(|(name, _)| name)
    }
}

impl<'a> Standing<'a> {
    pub(super) fn of(request: &'a ApprovalRequest) -> Self {
        let execution = request.execution();
        Self {
            status: request.status(),
            execution: execution.state,
            digest: request.digest(),
            claim_id: execution.claim_id,
            holder: execution.holder,
            result_digest: execution.result_digest,
            ended_because: request.ended_because(),
            matched_rule: request.matched_rule(),
        }
    }

    /// Names what another one says otherwise.
    pub(super) fn difference(&self, other: &Standing<'_>) -> Option<&'static str> {
        let fields = [
            ("status", self.status == other.status),
            ("execution", self.execution == other.execution),
            ("digest", self.digest == other.digest),
            ("claim_id", self.claim_id == other.claim_id),
            ("holder", self.holder == other.holder),
            ("result_digest", self.result_digest == other.result_digest),
            ("ended_because", self.ended_because == other.ended_because),
            ("matched_rule", self.matched_rule == other.matched_rule),
        ];
        fields.into_iter().find(|(_, same)| !same).map(|(name, _)| name)
    }
}
