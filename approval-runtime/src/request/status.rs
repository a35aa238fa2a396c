//! Where a request stands, how far its body has come, and why it ended.

use std::fmt;
use std::str::FromStr;

/// Where a request stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ApprovalStatus {
    /// Waiting for reviewers.
    Pending,
    /// Approved by as many reviewers as the tool needs.
    Approved,
    /// Let through by a rule; nobody was asked.
    AutoApproved,
    /// Refused by a reviewer or by a deny rule.
    Rejected,
    /// Nobody decided in time.
    TimedOut,
    /// Withdrawn before it started: the caller went away, or the approval was revoked.
    Cancelled,
    /// Approved, but never started.
    Expired,
}

/// The text is no status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a status: it is `pending`, `approved`, `auto_approved`, `rejected`, `timed_out`, `cancelled` or `expired`")]
pub struct ParseStatusError;

impl FromStr for ApprovalStatus {
    type Err = ParseStatusError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|status| status.as_str() == text).ok_or(ParseStatusError)
    }
}

impl ApprovalStatus {
    pub(crate) const ALL: [Self; 7] =
        [Self::Pending, Self::Approved, Self::AutoApproved, Self::Rejected, Self::TimedOut, Self::Cancelled, Self::Expired];

    /// Returns the status as records and the API spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::AutoApproved => "auto_approved",
            Self::Rejected => "rejected",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
        }
    }
}

impl fmt::Display for ApprovalStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_str().replace('_', " "))
    }
}

/// How far the call's body has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ExecutionState {
    /// The body has not been started.
    #[default]
    NotStarted,
    /// The one start was claimed; the body runs or is about to.
    Executing,
    /// The body returned.
    Executed,
    /// The body returned an error, or panicked.
    Failed,
    /// Whoever claimed the start is gone. It may have run, in whole, in part or not at all.
    Indeterminate,
}

impl ExecutionState {
    /// Returns the state as records and the API spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotStarted => "not_started",
            Self::Executing => "executing",
            Self::Executed => "executed",
            Self::Failed => "failed",
            Self::Indeterminate => "indeterminate",
        }
    }
}

impl fmt::Display for ExecutionState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.as_str().replace('_', " "))
    }
}

/// Why a request ended although nobody rejected it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EndedBecause {
    /// What the call is about changed meanwhile.
    Stale,
    /// The store lost, or may have lost, what was written before.
    Incarnation,
    /// The approval was not used within [`GRANT_TTL`](super::GRANT_TTL).
    Grant,
    /// What was approved cannot be decoded into the tool's arguments.
    Unrunnable,
    /// A deny rule forbids it by now.
    Policy,
    /// The approval was taken back.
    Revoked,
    /// The tool, or everything, is frozen.
    Frozen,
}

impl EndedBecause {
    /// Returns the reason as a clause for people.
    #[must_use]
    pub const fn as_clause(self) -> &'static str {
        match self {
            Self::Stale => "what it is about changed meanwhile",
            Self::Incarnation => "the store may have lost writes",
            Self::Grant => "the approval was not used in time",
            Self::Unrunnable => "what was approved does not fit the tool's arguments",
            Self::Policy => "a deny rule forbids it by now",
            Self::Revoked => "the approval was revoked",
            Self::Frozen => "the tool is frozen",
        }
    }
}
