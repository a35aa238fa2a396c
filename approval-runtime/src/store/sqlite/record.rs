//! [`Record`]: a request as its row has it, made before it waits for the writer.

use std::sync::Arc;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use uuid::Uuid;

use crate::request::{ApprovalRequest, ApprovalStatus, AuditRow, ExecutionState, RequestId, Stored};

/// `due_from` of what is of an earlier life of the store: it is due, whatever the time.
pub(super) const LONG_DUE: i64 = i64::MIN;

/// `due_from` of what runs and was never asked: it does not end by itself.
const NEVER_DUE: i64 = i64::MAX;

/// Where a request stands, for the indexes. The numbers are in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Pending = 0,
    Approved = 1,
    /// Approved, started, and nobody knows how far it came.
    ApprovedUnknown = 2,
    AutoApproved = 3,
    AutoUnknown = 4,
    Rejected = 5,
    TimedOut = 6,
    Cancelled = 7,
    Expired = 8,
}

impl Phase {
    pub(super) const ALL: [Self; 9] = [
        Self::Pending,
        Self::Approved,
        Self::ApprovedUnknown,
        Self::AutoApproved,
        Self::AutoUnknown,
        Self::Rejected,
        Self::TimedOut,
        Self::Cancelled,
        Self::Expired,
    ];

    fn of(request: &ApprovalRequest) -> Self {
        match request.status() {
            ApprovalStatus::Pending => Self::Pending,
            ApprovalStatus::Approved if request.is_indeterminate() => Self::ApprovedUnknown,
            ApprovalStatus::Approved => Self::Approved,
            ApprovalStatus::AutoApproved if request.is_indeterminate() => Self::AutoUnknown,
            ApprovalStatus::AutoApproved => Self::AutoApproved,
            ApprovalStatus::Rejected => Self::Rejected,
            ApprovalStatus::TimedOut => Self::TimedOut,
            ApprovalStatus::Cancelled => Self::Cancelled,
            ApprovalStatus::Expired => Self::Expired,
        }
    }

    pub(super) const fn status(self) -> ApprovalStatus {
        match self {
            Self::Pending => ApprovalStatus::Pending,
            Self::Approved | Self::ApprovedUnknown => ApprovalStatus::Approved,
            Self::AutoApproved | Self::AutoUnknown => ApprovalStatus::AutoApproved,
            Self::Rejected => ApprovalStatus::Rejected,
            Self::TimedOut => ApprovalStatus::TimedOut,
            Self::Cancelled => ApprovalStatus::Cancelled,
            Self::Expired => ApprovalStatus::Expired,
        }
    }
}

impl ToSql for Phase {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok((*self as i64).into())
    }
}

impl FromSql for Phase {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let number = value.as_i64()?;
        Self::ALL.into_iter().find(|phase| *phase as i64 == number).ok_or(FromSqlError::OutOfRange(number))
    }
}

/// A request as its row has it.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) id: RequestId,
    pub(super) namespace: Arc<str>,
    pub(super) created_at: i64,
    pub(super) version: u32,
    pub(super) phase: Phase,
    pub(super) executing: bool,
    /// When the clock alone ends it.
    pub(super) deadline: Option<i64>,
    pub(super) incarnation: u64,
    pub(super) held_by: Option<[u8; 16]>,
    pub(super) key: Option<[u8; 32]>,
    pub(super) state: Vec<u8>,
    /// The row of its history; a version that was read from a store has none to write.
    pub(super) row: Option<AuditRow>,
}

impl Record {
    pub(super) fn of(request: &ApprovalRequest) -> Self {
        // First the row: the state names its hash.
        let row = request.audit_row();
        Self { row, state: Stored::state(request), ..Self::outline(request) }
    }

    /// Returns what the columns say, without the texts.
    pub(super) fn outline(request: &ApprovalRequest) -> Self {
        Self {
            id: request.id(),
            namespace: Arc::clone(&request.ask().namespace),
            created_at: request.created_at().timestamp_micros(),
            version: request.version(),
            phase: Phase::of(request),
            executing: request.execution().state == ExecutionState::Executing,
            deadline: request.next_deadline().map(|deadline| deadline.timestamp_micros()),
            incarnation: request.incarnation(),
            held_by: request.held_by().map(Uuid::into_bytes),
            key: request.idempotency_key().map(|key| *key.as_bytes()),
            state: Vec::new(),
            row: None,
        }
    }

    /// Returns from when on the clock may have ended it, while it is under way. Once it is approved that is when the vote would
    /// have ended, if that is earlier, until its body ends: then nothing has to be written about it meanwhile.
    pub(super) fn due_from(&self, incarnation: u64, before: Option<i64>) -> Option<i64> {
        let Some(deadline) = self.deadline else { return self.executing.then(|| before.unwrap_or(NEVER_DUE)) };
        if self.incarnation != incarnation {
            return Some(LONG_DUE);
        }
        Some(before.filter(|before| self.phase == Phase::Approved && *before <= deadline).unwrap_or(deadline))
    }

    /// Says whether this `due_from` is one that its row may have.
    pub(super) const fn may_be_due_from(&self, due_from: Option<i64>) -> bool {
        match (due_from, self.deadline) {
            (from, None) => from.is_some() == self.executing,
            (None, Some(_)) => false,
            (Some(from), Some(deadline)) => match self.phase {
                Phase::Approved => from <= deadline,
                _ => from == deadline || from == LONG_DUE,
            },
        }
    }
}

pub(super) fn bytes(id: RequestId) -> [u8; 16] {
    Uuid::from(id).into_bytes()
}
