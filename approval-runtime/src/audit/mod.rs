//! The audit trail: what happened to each request, who tried what they may not, and whether all of it is as it was written.
//!
//! # Rows
//!
//! Each version of a request is one row of its history, written in the same transaction. So is each refused attempt of a person
//! or a call, up to [`MAX_REFUSED`](crate::request::MAX_REFUSED) a request. A row is a JSON text and the SHA-256 of that text.
//! It says when, what, by whom and through which door, where the request stands since, the digest of the arguments that were
//! shown, and the hash of the row before it. The first one says beside who asked for which tool. No row holds an argument's
//! value, a result, a reason or a comment.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use approval_runtime::{ApprovalGate, Decision, NewRequest, Reviewer, Tool};
//! use serde_json::json;
//!
//! let gate = ApprovalGate::builder().without_notifier().build()?;
//! let request = gate.create_request(NewRequest::new(Tool::named("refund"), json!({"amount": 12}))).await?;
//! gate.decide(request.id(), Decision::reject(Reviewer::new("alice"))).await?;
//! gate.decide(request.id(), Decision::approve(Reviewer::new("bob"), request.digest())).await.unwrap_err();
//!
//! let history = gate.audit().history(request.id()).await?;
//! let what: Vec<_> = history.iter().map(|logged| logged.row.what.map_or("refused", |what| what.as_str())).collect();
//! assert_eq!(what, ["requested", "rejected", "refused"]);
//! # Ok(()) }
//! ```
//!
//! # Sealing
//!
//! The rows of one request hang together by themselves. That no request was left out, and that nobody with the store in their
//! hands wrote all of it anew, shows by [checkpoints](Checkpoint): now and then a program [seals](Audit::seal) what was
//! committed since the last one, signs that with a [key](AuditKey) that is kept outside of the store, and puts a copy out of the
//! store's reach. Such a task is a few lines:
//!
//! ```no_run
//! # async fn example(gate: approval_runtime::ApprovalGate, secret: Vec<u8>) -> Result<(), Box<dyn std::error::Error>> {
//! use std::time::Duration;
//! use approval_runtime::{AuditKey, CheckpointLog};
//!
//! let key = AuditKey::new("2026", secret)?;
//! let (audit, log) = (gate.audit(), CheckpointLog::new("/mnt/audit/checkpoints.jsonl"));
//! let here = |checkpoint: &&approval_runtime::Checkpoint| *checkpoint.namespace == *audit.namespace();
//! let mut exported = log.read()?.iter().rfind(here).map_or(0, |checkpoint| checkpoint.number);
//! loop {
//!     audit.seal(&key).await?; // a program may go on after an error: the next round seals and exports what this one did not
//!     for checkpoint in audit.checkpoints(exported).await? {
//!         log.append(&checkpoint)?; // or: tracing::info!(target: "audit", %checkpoint)
//!         exported = checkpoint.number;
//!     }
//!     tokio::time::sleep(Duration::from_secs(60)).await;
//! }
//! # }
//! ```
//!
//! # Verifying
//!
//! [`Audit::verify`] reads everything once and names the [first thing](Broken) that is not as it was written:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # use approval_runtime::{ApprovalGate, AuditKey, NewRequest, Tool};
//! # let gate = ApprovalGate::builder().without_notifier().build()?;
//! # gate.create_request(NewRequest::new(Tool::named("refund"), serde_json::json!({"amount": 12}))).await?;
//! let key = AuditKey::new("2026", [7; 32])?; // yours comes from where you keep secrets
//! let exported = gate.audit().seal(&key).await?;
//!
//! let report = gate.audit().verify().key(&key).checkpoints(exported).run().await?;
//! assert_eq!((report.rows, report.sealed, report.exported), (1, 1, 1));
//! # Ok(()) }
//! ```
//!
//! What it proves depends on what is out of the intruder's reach:
//!
//! | who changed the store | what finds it |
//! | --- | --- |
//! | changed, removed, moved, added or backdated rows of a request | the rows themselves, and the record's head |
//! | cut the end off a request's history | the record's head |
//! | removed a request with its whole history, or wrote a history and its record anew | the next checkpoint |
//! | and removed or altered checkpoints, without the key | the checkpoint after it, its signature, or an exported one |
//! | put all of it back to what it was before a checkpoint, checkpoints too | an exported one |
//! | and had the key | an exported one |
//! | wrote anew what no exported checkpoint seals, and its records | nothing: seal and export as often as you mind |
//!
//! Whoever runs the program can write what is not true from the start. Positions are the store's own: that rows are in order is
//! sealed, the numbers are not. A record's comment, reason and votes are no part of a row, so that a change to them is not found
//! here.
//!
//! After a backup was put back, the exported checkpoints show, rightly, that rows are gone. Keep the old file as the proof of
//! that, and begin a new one.
//!
//! # One request
//!
//! [`Audit::export`] writes one request's history as one text, [signed](Export::sign) if you like, and [`Export::verify`] checks
//! it anywhere, without a store.
//!
//! # What stays
//!
//! [`remove_ended`](crate::ApprovalGate::remove_ended) removes records and keeps their histories, with a last row that says so.
//! Durable stores never remove a row. [`MemoryStore`](crate::MemoryStore) is not durable: of requests over its bound it forgets
//! the history too, and verifying then names the first one. Give it
//! [`keep_ended(usize::MAX)`](crate::MemoryStore::keep_ended) where that matters.

mod chain;
mod checkpoint;
mod export;
mod file;
mod flaw;
mod key;
mod marks;
mod records;
mod seal;
mod text;
mod verify;

use std::sync::Arc;

pub use self::checkpoint::{Checkpoint, ParseCheckpointError};
pub use self::export::{Export, Verified};
pub use self::file::CheckpointLog;
pub use self::flaw::{AuditError, Broken, Flaw};
pub use self::key::AuditKey;
pub use self::verify::{Report, Verification};
use crate::request::RequestId;
use crate::store::{ApprovalStore, AuditQuery, Logged, StoreError};

/// How many rows are read at once.
const PAGE: usize = 500;

/// The audit trail of a namespace: [`ApprovalGate::audit`](crate::ApprovalGate::audit).
#[derive(Clone, Debug)]
pub struct Audit {
    store: Arc<dyn ApprovalStore>,
    namespace: Arc<str>,
}

impl Audit {
    /// Names the audit trail of a namespace in a store, for programs that have no gate on it.
    pub fn new(store: Arc<dyn ApprovalStore>, namespace: impl Into<Arc<str>>) -> Self {
        Self { store, namespace: namespace.into() }
    }

    /// Returns the namespace (tenant).
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Reads the history of one request, the first row first. It is there when the record is gone; it is empty where there
    /// never was such a request.
    ///
    /// # Errors
    /// [`AuditError::Store`].
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn history(&self, id: RequestId) -> Result<Vec<Logged>, AuditError> {
        self.history_behind(id, 0).await
    }

    async fn history_behind(&self, id: RequestId, mut after: u64) -> Result<Vec<Logged>, AuditError> {
        let mut rows = Vec::new();
        loop {
            let page = self.rows_behind(Some(id), after).await?;
            // A store whose positions do not grow must not be read for ever.
            let last = page.last().map(|logged| logged.position).filter(|last| *last > after);
            rows.extend(page);
            match last {
                Some(last) => after = last,
                None => return Ok(rows),
            }
        }
    }

    async fn rows_behind(&self, request: Option<RequestId>, after: u64) -> Result<Vec<Logged>, StoreError> {
        let namespace = self.namespace.as_ref().into();
        self.store.audit(&AuditQuery { namespace, request, after, limit: Some(PAGE) }).await
    }

    /// Verifies the audit trail: see [`Verification::run`].
    pub fn verify(&self) -> Verification {
        Verification::new(self.clone())
    }
}
