//! [`Export`]: one request's history in one text, to be checked without a store.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::chain::Tail;
use super::text::{Asked, Standing, Text, digest_of};
use super::{Audit, AuditError, AuditKey, Broken, Flaw};
use crate::arguments::Digest;
use crate::request::{ApprovalRequest, ApprovalStatus, AuditRow, EndedBecause, ExecutionState, RequestId};
use crate::store::Logged;

const KIND: &str = "approval export 1";
const FORMAT: u32 = 1;

/// How often a request that changes meanwhile is read anew.
const TRIES: usize = 64;

/// The whole history of one request, and its record as it is, if it is kept.
///
/// [`Display`](fmt::Display) and [`to_json`](Self::to_json) write one JSON object: `rows` with each row's `position`, `text` and
/// `hash`, and `record` as the API shows it. **The record holds arguments and comments**; the rows hold neither. Keep the text as
/// it is: what reformats it makes its signature and digests another thing's.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    format: u32,
    namespace: Box<str>,
    request: RequestId,
    rows: Vec<Row>,
    record: Option<Box<RawValue>>,
    signature: Option<Signature>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    position: u64,
    text: String,
    hash: Digest,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    key: Box<str>,
    mac: Digest,
}

/// What a verified export is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Verified {
    /// The namespace (tenant).
    pub namespace: Box<str>,
    /// The request.
    pub request: RequestId,
    /// How many rows its history has: the version of its last row.
    pub rows: u32,
    /// Where it stands.
    pub status: ApprovalStatus,
    /// How far the body came.
    pub execution: ExecutionState,
    /// Whether the record is among what was verified. Otherwise it was removed.
    pub has_record: bool,
    /// The hash of the last row: to be compared with [`audit_head`](ApprovalRequest::audit_head), or with one noted elsewhere.
    pub head: Digest,
    /// The id of the key it is signed with, where that was checked.
    pub signed_by: Option<Box<str>>,
}

/// What the history says too, of a record as the API writes it.
#[derive(Deserialize)]
struct Record<'a> {
    id: RequestId,
    namespace: String,
    version: u32,
    status: ApprovalStatus,
    digest: Digest,
    #[serde(borrow)]
    arguments: &'a RawValue,
    #[serde(borrow)]
    edited_arguments: Option<&'a RawValue>,
    #[serde(borrow)]
    execution: Execution<'a>,
    ended_because: Option<EndedBecause>,
    matched_rule: Option<String>,
    tool_name: String,
    tool_fingerprint: Digest,
    agent_chain: Vec<String>,
    run_id: Option<String>,
    call_id: Option<String>,
    requested_by: Option<String>,
    policy_version: u32,
    incarnation: u64,
    expires_at: String,
}

#[derive(Deserialize)]
struct Execution<'a> {
    state: ExecutionState,
    claim_id: Option<uuid::Uuid>,
    holder: Option<uuid::Uuid>,
    result_digest: Option<Digest>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

impl Audit {
    /// Reads one request's whole history, and its record if it is kept. It is exported as it is found: whether it is what was
    /// written says [`Export::verify`].
    ///
    /// # Errors
    /// [`AuditError::NotFound`] when there is neither, [`AuditError::Store`].
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn export(&self, id: RequestId) -> Result<Export, AuditError> {
        let mut tries = 0;
        loop {
            tries += 1;
            let record = self.store.get(&self.namespace, id).await?;
            let rows = self.history(id).await?;
            if rows.is_empty() && record.is_none() {
                return Err(AuditError::NotFound { id });
            }
            // It may have changed between the two.
            let version = rows.last().map(|logged| logged.row.version);
            if tries < TRIES && record.as_ref().is_some_and(|record| version > Some(record.version())) {
                continue;
            }
            return Ok(Export {
                format: FORMAT,
                namespace: self.namespace.as_ref().into(),
                request: id,
                rows: rows.into_iter().map(Row::from).collect(),
                record: record.as_ref().map(raw),
                signature: None,
            });
        }
    }
}

fn raw(request: &ApprovalRequest) -> Box<RawValue> {
    serde_json::value::to_raw_value(request).expect("texts and numbers have a JSON form")
}

impl From<Logged> for Row {
    fn from(logged: Logged) -> Self {
        let Logged { position, row: AuditRow { text, hash, .. } } = logged;
        Self { position, text, hash }
    }
}

impl fmt::Display for Export {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

impl Export {
    /// Signs the export, so that nothing in it can be changed by whoever has not got the key. Without that, what is checked is
    /// that its parts fit together, which holds for one that was made up as a whole too.
    #[must_use]
    pub fn sign(mut self, key: &AuditKey) -> Self {
        self.signature = None;
        let mac = key.sign(KIND, &self.to_json());
        self.signature = Some(Signature { key: key.id().into(), mac });
        self
    }

    /// Returns it as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("texts and numbers have a JSON form")
    }

    /// Checks an export that [`to_json`](Self::to_json) wrote, without a store: each row is what its hash says and names the one
    /// before it, from the first on; the record, if there is one, says what its history says of it and holds the arguments and
    /// the result that it names; and a record that is not there was removed.
    ///
    /// A signature is not looked at: see [`verify_signed`](Self::verify_signed). Nothing in the rows is about the record's
    /// comment, reason and votes: of these only a signature tells.
    ///
    /// # Errors
    /// [`Broken`], for the first row that is not in order.
    pub fn verify(json: &str) -> Result<Verified, Broken> {
        read(json)?.check()
    }

    /// Checks an export as [`verify`](Self::verify) does, and that it is signed with one of these keys.
    ///
    /// # Errors
    /// [`Broken`], with [`Flaw::Unsigned`], [`Flaw::UnknownKey`] or [`Flaw::Forged`] where it is not signed so.
    pub fn verify_signed<'a>(json: &str, keys: impl IntoIterator<Item = &'a AuditKey>) -> Result<Verified, Broken> {
        let mut export = read(json)?;
        let broken = |flaw| about(None, flaw);
        let Some(Signature { key: id, mac }) = export.signature.take() else { return Err(broken(Flaw::Unsigned)) };
        let mut named = keys.into_iter().filter(|key| *key.id() == *id).peekable();
        if named.peek().is_none() {
            return Err(broken(Flaw::UnknownKey { id }));
        }
        let text = export.to_json();
        if !named.any(|key| key.signed(KIND, &text, &mac)) {
            return Err(broken(Flaw::Forged));
        }
        Ok(Verified { signed_by: Some(id), ..export.check()? })
    }

    fn check(&self) -> Result<Verified, Broken> {
        let mut tail: Option<Tail> = None;
        for row in &self.rows {
            let logged = self.logged(row)?;
            if tail.as_ref().is_some_and(|tail| row.position <= tail.position) {
                return Err(Broken::row(row.position, self.request, logged.row.version, Flaw::Position));
            }
            Tail::follow(&mut tail, &self.namespace, &logged)?;
        }
        let here = |flaw| Broken { request: Some(self.request), ..about(tail.as_ref(), flaw) };
        let (Some(tail), Some(last)) = (&tail, self.rows.last()) else { return Err(here(Flaw::NoHistory { version: 0 })) };
        let last = Text::read(&last.text).map_err(here)?;
        let standing = last.standing();
        match &self.record {
            None if tail.is_removed => {}
            None => return Err(here(Flaw::RecordMissing)),
            Some(_) if tail.is_removed => return Err(here(Flaw::RecordKept)),
            Some(record) => self.check_record(record.get(), tail, &standing).map_err(here)?,
        }
        Ok(Verified {
            namespace: self.namespace.clone(),
            request: self.request,
            rows: tail.version,
            status: standing.status,
            execution: standing.execution,
            has_record: self.record.is_some(),
            head: tail.hash,
            signed_by: None,
        })
    }

    /// Returns a row as a store gives it: what its columns would say is what its text says, but for the request's own.
    fn logged(&self, row: &Row) -> Result<Logged, Broken> {
        let broken = |flaw| Broken { position: Some(row.position), request: Some(self.request), ..about(None, flaw) };
        let text = Text::read(&row.text).map_err(broken)?;
        let audit_row = AuditRow {
            namespace: self.namespace.as_ref().into(),
            request: self.request,
            version: text.version,
            what: text.transition(),
            text: row.text.clone(),
            hash: row.hash,
        };
        Ok(Logged { position: row.position, row: audit_row })
    }

    fn check_record(&self, json: &str, tail: &Tail, standing: &Standing<'_>) -> Result<(), Flaw> {
        let record: Record<'_> = serde_json::from_str(json).map_err(|_| Flaw::RecordUnreadable)?;
        if record.version > tail.version {
            return Err(Flaw::TailMissing { version: record.version });
        }
        if record.version < tail.version {
            return Err(Flaw::RecordBehind { version: record.version });
        }
        let Execution { state, claim_id, holder, result_digest, result } = record.execution;
        let says = Standing {
            status: record.status,
            execution: state,
            digest: record.digest,
            claim_id,
            holder,
            result_digest,
            ended_because: record.ended_because,
            matched_rule: record.matched_rule.as_deref(),
        };
        if let Some(name) = standing.difference(&says) {
            return Err(Flaw::Record(name));
        }
        let asked = Asked {
            tool_name: record.tool_name,
            tool_fingerprint: record.tool_fingerprint,
            agent_chain: record.agent_chain,
            run_id: record.run_id,
            call_id: record.call_id,
            requested_by: record.requested_by,
            policy_version: record.policy_version,
            incarnation: record.incarnation,
            expires_at: record.expires_at,
        };
        let arguments = record.edited_arguments.unwrap_or(record.arguments);
        let result = result.map(|result| Digest::of(result.get().as_bytes()));
        let parts = [
            ("id", record.id == self.request),
            ("namespace", *record.namespace == *self.namespace),
            ("arguments", Digest::of(arguments.get().as_bytes()) == record.digest),
            ("result", result.is_none() || result == result_digest),
            ("asked", digest_of(&asked) == tail.asked),
        ];
        parts.into_iter().find(|(_, same)| !same).map_or(Ok(()), |(name, _)| Err(Flaw::Record(name)))
    }
}

fn read(json: &str) -> Result<Export, Broken> {
    let export: Export = serde_json::from_str(json).map_err(|_| about(None, Flaw::Unreadable))?;
    if export.format == FORMAT { Ok(export) } else { Err(about(None, Flaw::Unreadable)) }
}

fn about(tail: Option<&Tail>, flaw: Flaw) -> Broken {
    let (position, version) = (tail.map(|tail| tail.position), tail.map(|tail| tail.version));
    Broken { position, request: None, version, checkpoint: None, flaw }
}
