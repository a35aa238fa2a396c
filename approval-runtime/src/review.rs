//! What a door needs to let people decide: [`Decider`], and [`DecideError`] for decisions that are not taken.

use std::error::Error;
use std::sync::Arc;

use crate::arguments::{Digest, Invalid, display};
use crate::boxed::BoxFuture;
use crate::decision::Decision;
use crate::request::{ApprovalRequest, RequestId};

/// Why a decision was not taken, or a request not found. Nothing changed.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecideError {
    /// No request has this id, or it is no longer kept.
    #[error("no approval request `{id}` here: it may have ended long ago")]
    NotFound {
        /// The id that was asked for.
        id: RequestId,
    },
    /// The request was decided, or ended, before; the first decision stays.
    #[error("approval request `{}` is already {}{}", request.id(), request.status(), by(request.decided_by()))]
    AlreadyDecided {
        /// The request as it is.
        request: Box<ApprovalRequest>,
    },
    /// This reviewer already said something else about this request.
    #[error("{} has already voted on approval request `{}`", display::name(reviewer), request.id())]
    AlreadyVoted {
        /// Who.
        reviewer: Box<str>,
        /// The request as it is.
        request: Box<ApprovalRequest>,
    },
    /// The decision is about other arguments than those that would run now.
    #[error("the decision names other arguments than those waiting: look at the request again and use its digest")]
    DigestMismatch {
        /// The digest of what would run.
        expected: Digest,
    },
    /// The reviewer is none of those the tool names.
    #[error("{} may not decide on this tool: it is for {}", display::name(reviewer), approvers.join(", "))]
    NotAllowed {
        /// Who tried.
        reviewer: Box<str>,
        /// Who may.
        approvers: Vec<Box<str>>,
    },
    /// The call is made on this reviewer's behalf, so somebody else has to look.
    #[error("the call is made on behalf of {}, so somebody else has to decide", display::name(reviewer))]
    SelfReview {
        /// Who tried.
        reviewer: Box<str>,
    },
    /// How the call ended is known, or it has not started: there is nothing to settle.
    #[error("how approval request `{}` ended is known, or it has not started: it is {}, and {}", request.id(), request.status(), request.execution().state)]
    NotIndeterminate {
        /// The request as it is.
        request: Box<ApprovalRequest>,
    },
    /// The edited arguments are not what the tool takes.
    #[error("the edited arguments cannot be used: {0}")]
    InvalidEdit(#[source] Invalid),
    /// The store could not be read or written. Asking again is safe.
    #[error("the approval store could not answer; the decision may be given again")]
    Unavailable(#[source] Arc<dyn Error + Send + Sync>),
}

fn by(reviewer: Option<&str>) -> String {
    reviewer.map_or_else(String::new, |reviewer| format!(" by {}", display::name(reviewer)))
}

impl DecideError {
    /// Returns the error's name in snake case, as the HTTP door's problem documents carry it.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => "not_found",
            Self::AlreadyDecided { .. } => "already_decided",
            Self::AlreadyVoted { .. } => "already_voted",
            Self::DigestMismatch { .. } => "digest_mismatch",
            Self::NotAllowed { .. } => "not_allowed",
            Self::SelfReview { .. } => "self_review",
            Self::NotIndeterminate { .. } => "not_indeterminate",
            Self::InvalidEdit(_) => "invalid_edit",
            Self::Unavailable(_) => "unavailable",
        }
    }
}

/// Takes decisions: what a notifier or another door needs of a gate.
///
/// [`ApprovalGate`](crate::ApprovalGate) is one; a [`Notice`](crate::notify::Notice) carries one that does not keep the
/// gate alive.
pub trait Decider: Send + Sync {
    /// Reads a request.
    ///
    /// # Errors
    /// [`DecideError::NotFound`], [`DecideError::Unavailable`].
    fn request(&self, id: RequestId) -> BoxFuture<'_, Result<ApprovalRequest, DecideError>>;

    /// Takes a decision, as [`ApprovalGate::decide`](crate::ApprovalGate::decide) does.
    ///
    /// # Errors
    /// Every variant of [`DecideError`].
    fn decide(&self, id: RequestId, decision: Decision) -> BoxFuture<'_, Result<ApprovalRequest, DecideError>>;
}
