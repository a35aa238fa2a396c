//! What can happen to a request, and what comes of it. Who may do what, and when, says [`rules`](super::rules).

use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{EndedBecause, Moment, State};
use crate::arguments::{Arguments, Digest};
use crate::decision::{Answer, Reviewer};

/// What the policy says about a new call.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// People decide.
    Ask {
        /// The gate that has a call waiting, where one does.
        waiter: Option<Uuid>,
    },
    /// A rule lets it through: it is recorded as already executing.
    AutoApprove {
        /// The rule in words.
        rule: Arc<str>,
        /// The start.
        claim_id: Uuid,
        /// The gate that holds it.
        holder: Uuid,
    },
    /// A rule forbids it.
    Deny {
        /// The rule in words.
        rule: Arc<str>,
    },
}

/// How a body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It returned.
    Executed,
    /// It returned an error, or panicked.
    Failed,
    /// It was dropped while it ran: nobody knows how far it came.
    Indeterminate,
}

/// What happens to a request.
#[derive(Clone, Debug)]
pub enum Event {
    /// A reviewer speaks.
    Vote {
        /// Who.
        reviewer: Reviewer,
        /// Yes or no.
        answer: Answer,
        /// The digest of what the reviewer saw; only a rejection may leave it out.
        digest: Option<Digest>,
        /// What the reviewer puts in place of the arguments.
        edited: Option<Arc<Arguments>>,
        /// What the reviewer adds.
        comment: Option<Box<str>>,
        /// Where the reviewer spoke.
        door: &'static str,
    },
    /// The deadline is there.
    TimeOut,
    /// Somebody takes it back.
    Cancel {
        /// Who.
        by: Arc<str>,
    },
    /// Its caller went away, or no longer wants it.
    Withdraw {
        /// The gate that had the call.
        waiter: Uuid,
    },
    /// Somebody wants to start the body.
    Claim {
        /// The start.
        claim_id: Uuid,
        /// The gate that will hold it.
        holder: Uuid,
        /// The digest of what would run.
        digest: Digest,
        /// The fingerprint of the tool that would run.
        fingerprint: Digest,
        /// The deny rule that matches by now, in words.
        denied: Option<Arc<str>>,
    },
    /// An approval ends unused: its time is over, or what was approved cannot be run.
    Expire(EndedBecause),
    /// The body ended.
    Finish {
        /// The start.
        claim_id: Uuid,
        /// How.
        outcome: Outcome,
        /// What it returned, as JSON text, where that is kept.
        result: Option<Arc<str>>,
    },
    /// A call waits for a request that was there before it.
    Attach {
        /// The gate that has the call.
        waiter: Uuid,
    },
    /// Nobody waits any more: the caller's patience is over, or its process is.
    Leave {
        /// The gate that had the call.
        waiter: Uuid,
    },
    /// Whoever held the start is gone.
    Orphan {
        /// The gate that held it.
        holder: Uuid,
    },
    /// A person says how a call ended that nobody knew about.
    Settle {
        /// Who.
        by: Reviewer,
        /// How.
        outcome: Settlement,
        /// Where the person spoke.
        door: &'static str,
    },
    /// The record of a request that has ended is removed; its history stays.
    Remove,
}

/// How a call ended whose outcome was not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// It took effect.
    Executed,
    /// It did not, or not as it should have.
    Failed,
}

/// What a change is about, for events and histories.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Transition {
    /// A request was made; people decide.
    Requested,
    /// One of several needed approvals was given.
    Voted,
    /// The last needed approval was given.
    Approved,
    /// A rule let the call through, and it started.
    AutoApproved,
    /// A reviewer or a deny rule refused.
    Rejected,
    /// Nobody decided in time.
    TimedOut,
    /// It was withdrawn.
    Cancelled,
    /// An approval ended unused.
    Expired,
    /// The one start was claimed.
    Started,
    /// The body returned.
    Executed,
    /// The body failed.
    Failed,
    /// Nobody knows how far the body came.
    Indeterminate,
    /// A call waits for it that was made after it.
    Attached,
    /// Nobody waits for it any more.
    Left,
    /// A person said how it ended.
    Settled,
    /// The record was removed; this is the last row of its history.
    Removed,
}

impl Transition {
    /// Every transition.
    pub const ALL: [Self; 16] = [
        Self::Requested,
        Self::Voted,
        Self::Approved,
        Self::AutoApproved,
        Self::Rejected,
        Self::TimedOut,
        Self::Cancelled,
        Self::Expired,
        Self::Started,
        Self::Executed,
        Self::Failed,
        Self::Indeterminate,
        Self::Attached,
        Self::Left,
        Self::Settled,
        Self::Removed,
    ];

    /// Returns the transition's name in snake case, as histories spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Voted => "voted",
            Self::Approved => "approved",
            Self::AutoApproved => "auto_approved",
            Self::Rejected => "rejected",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Started => "started",
            Self::Executed => "executed",
            Self::Failed => "failed",
            Self::Indeterminate => "indeterminate",
            Self::Attached => "attached",
            Self::Left => "left",
            Self::Settled => "settled",
            Self::Removed => "removed",
        }
    }
}

impl FromStr for Transition {
    type Err = ParseTransitionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|transition| transition.as_str() == text).ok_or(ParseTransitionError)
    }
}

/// The text names no transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a transition that this version knows")]
pub struct ParseTransitionError;

/// What must still hold when the change is committed. The store checks it in the same step, on its own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The version the change was made from; 0 for a new request.
    pub version: u32,
    /// The commit must not be earlier.
    pub not_before: Option<DateTime<Utc>>,
    /// The commit must be earlier.
    pub not_after: Option<DateTime<Utc>>,
    /// The store's incarnation, as the change was made in it.
    pub incarnation: u64,
    /// The freeze epoch, as the change was made under it; 0 while nothing can be frozen.
    pub freeze_epoch: u64,
}

impl Guard {
    /// Says whether a record of this version may be written at this moment: what a store checks in the step that writes.
    #[must_use]
    pub fn holds(&self, version: u32, moment: Moment) -> bool {
        self.version == version
            && self.not_before.is_none_or(|time| moment.time >= time)
            && self.not_after.is_none_or(|time| moment.time < time)
            && self.incarnation == moment.incarnation
            && self.freeze_epoch == moment.freeze_epoch
    }
}

/// A new state, and what must hold for it to be written.
#[derive(Clone, Debug)]
pub struct Change {
    /// The state to write.
    pub state: State,
    /// What must hold.
    pub guard: Guard,
    /// What the change is about; nothing where only a refused attempt is written down.
    pub transition: Option<Transition>,
}

/// Why an event changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Conflict {
    /// The same reviewer said the same before.
    Repeated,
    /// The request was decided, or ended, before.
    Ended,
    /// The reviewer said something else before.
    AlreadyVoted,
    /// The vote or the claim is about other arguments.
    DigestMismatch,
    /// The reviewer is none of the tool's approvers.
    NotAllowed,
    /// The call is made on the reviewer's behalf.
    SelfReview,
    /// The deadline is not there yet.
    NotDue,
    /// Nobody has approved yet.
    NotApproved,
    /// Somebody else holds the start.
    AlreadyStarted,
    /// Not the holder of the start, or its outcome is recorded.
    NotHolder,
    /// The tool is not the one that was approved.
    Unrunnable,
    /// The outcome is known, or the call has not started.
    NotIndeterminate,
    /// It has not ended.
    NotEnded,
}

impl Conflict {
    /// Returns the conflict's name in snake case, as histories spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Repeated => "repeated",
            Self::Ended => "ended",
            Self::AlreadyVoted => "already_voted",
            Self::DigestMismatch => "digest_mismatch",
            Self::NotAllowed => "not_allowed",
            Self::SelfReview => "self_review",
            Self::NotDue => "not_due",
            Self::NotApproved => "not_approved",
            Self::AlreadyStarted => "already_started",
            Self::NotHolder => "not_holder",
            Self::Unrunnable => "unrunnable",
            Self::NotIndeterminate => "not_indeterminate",
            Self::NotEnded => "not_ended",
        }
    }
}
