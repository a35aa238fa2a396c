//! [`Record`]: a request as its row has it, made before it waits for the writer.

use std::sync::Arc;

use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use uuid::Uuid;

use crate::request::{ApprovalRequest, ApprovalStatus, AuditRow, RequestId, Stored};

/// `due_from` of what is of an earlier life of the store: it is due, whatever the time.
pub(super) const LONG_DUE: i64 = i64::MIN;

/// Where a request stands, for the indexes. The numbers are in files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Pending = 0,
    /// Approved, and it can still be started.
    Unused = 1,
    Approved = 2,
    /// Approved, started, and nobody knows how far it came.
    ApprovedUnknown = 3,
    AutoApproved = 4,
    AutoUnknown = 5,
    Rejected = 6,
    TimedOut = 7,
    Cancelled = 8,
    Expired = 9,
}

impl Phase {
    pub(super) const ALL: [Self; 10] = [
        Self::Pending,
        Self::Unused,
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
            ApprovalStatus::Approved if request.next_deadline().is_some() => Self::Unused,
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
            Self::Unused | Self::Approved | Self::ApprovedUnknown => ApprovalStatus::Approved,
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
            deadline: request.next_deadline().map(|deadline| deadline.timestamp_micros()),
            incarnation: request.incarnation(),
            held_by: request.held_by().map(Uuid::into_bytes),
            key: request.idempotency_key().map(|key| *key.as_bytes()),
            state: Vec::new(),
            row: None,
        }
    }

    /// Returns from when on the clock may have ended it. While an approval waits for its start that is when the vote would have
    /// ended, if that is earlier: then nothing has to be written about it when the vote ends.
    pub(super) fn due_from(&self, incarnation: u64, before: Option<i64>) -> Option<i64> {
        let deadline = self.deadline?;
        if self.incarnation != incarnation {
            return Some(LONG_DUE);
        }
        Some(before.filter(|before| self.phase == Phase::Unused && *before <= deadline).unwrap_or(deadline))
    }
}

pub(super) fn bytes(id: RequestId) -> [u8; 16] {
    Uuid::from(id).into_bytes()
}
