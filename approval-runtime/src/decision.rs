//! [`Decision`], [`Reviewer`] and [`Vote`]: what a reviewer says.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::arguments::Digest;

/// The longest comment that is kept, in characters. What is longer is cut, with an ellipsis as its last character.
pub const MAX_COMMENT: usize = 2_000;

/// A person who decides, as the door that authenticated them names them.
///
/// Whoever builds one vouches for it: the type carries no proof. Doors take it from a credential (a token, a session, the
/// terminal's owner), never from a request's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviewer {
    name: Arc<str>,
    roles: Vec<Box<str>>,
}

impl Reviewer {
    /// Names a reviewer. The name is the person: two doors that name one person the same count as one vote.
    #[must_use]
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self { name: name.into(), roles: Vec::new() }
    }

    /// Adds a role that the reviewer has, such as `finance`.
    #[must_use]
    pub fn role(mut self, role: impl Into<Box<str>>) -> Self {
        self.roles.push(role.into());
        self
    }

    /// Returns the reviewer's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the reviewer's roles.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.roles.iter().map(AsRef::as_ref)
    }

    pub(crate) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    /// Says whether the reviewer is one of `approvers`, by name or by role. Everybody is when nobody is named.
    pub(crate) fn is_one_of<'a>(&self, approvers: impl Iterator<Item = &'a str>) -> bool {
        let mut approvers = approvers.peekable();
        approvers.peek().is_none()
            || approvers.any(|approver| self.name() == approver || self.roles().any(|role| role == approver))
    }
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The call may run.
    Approve,
    /// The call must not run.
    Reject,
}

/// What one reviewer says about one request.
///
/// An approval names the digest of the arguments that the reviewer saw; it counts for nothing else.
///
/// ```
/// # use approval_runtime::{ApprovalRequest, Decision, Reviewer};
/// # fn decide(request: &ApprovalRequest) -> Decision {
/// Decision::approve(Reviewer::new("alice"), request.digest()).comment("as agreed on the phone")
/// # }
/// ```
///
/// `Debug` shows no value of edited arguments.
#[derive(Clone)]
#[must_use = "a decision does nothing until it is given to `ApprovalGate::decide`"]
pub struct Decision {
    pub(crate) reviewer: Reviewer,
    pub(crate) answer: Answer,
    pub(crate) digest: Option<Digest>,
    pub(crate) comment: Option<Box<str>>,
    pub(crate) edited_arguments: Option<Value>,
    pub(crate) door: &'static str,
}

impl fmt::Debug for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decision")
            .field("reviewer", &self.reviewer)
            .field("answer", &self.answer)
            .field("digest", &self.digest)
            .field("edits", &self.edited_arguments.is_some())
            .field("door", &self.door)
            .finish_non_exhaustive()
    }
}

impl Decision {
    /// Approves the arguments with this digest ([`ApprovalRequest::digest`](crate::ApprovalRequest::digest), as the reviewer saw it).
    pub fn approve(reviewer: Reviewer, digest: Digest) -> Self {
        Self::new(reviewer, Answer::Approve, Some(digest))
    }

    /// Rejects the call.
    pub fn reject(reviewer: Reviewer) -> Self {
        Self::new(reviewer, Answer::Reject, None)
    }

    const fn new(reviewer: Reviewer, answer: Answer, digest: Option<Digest>) -> Self {
        Self { reviewer, answer, digest, comment: None, edited_arguments: None, door: "rust" }
    }

    /// Says which arguments a rejection is about; one for other arguments is then refused.
    pub const fn digest(mut self, digest: Digest) -> Self {
        self.digest = Some(digest);
        self
    }

    /// Adds a comment, without control characters and cut to [`MAX_COMMENT`] characters. The caller gets it as data, beside the refusal's sentence.
    pub fn comment(mut self, comment: impl AsRef<str>) -> Self {
        let comment: String = comment.as_ref().chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect();
        let comment = comment.trim();
        self.comment = match comment.char_indices().nth(MAX_COMMENT) {
            None if comment.is_empty() => None,
            None => Some(comment.into()),
            Some(_) => Some(comment.chars().take(MAX_COMMENT - 1).chain(['…']).collect::<String>().into()),
        };
        self
    }

    /// Approves with other arguments than those asked for: the whole object as it shall run.
    ///
    /// A redacted value stays by keeping its `{"$redacted": …}` slot where it is.
    pub fn edited_arguments(mut self, arguments: Value) -> Self {
        self.edited_arguments = Some(arguments);
        self
    }

    /// Says through which door the decision came (`http`, `page`, `terminal`); it is written into the vote.
    pub const fn door(mut self, door: &'static str) -> Self {
        self.door = door;
        self
    }
}

/// A decision as the record keeps it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Vote {
    /// Who.
    pub reviewer: Arc<str>,
    /// What they said.
    pub decision: Answer,
    /// Through which door.
    pub door: Cow<'static, str>,
    /// The digest of the arguments the vote is about.
    pub digest: Digest,
    /// When, on the store's clock, in UTC.
    pub at: DateTime<Utc>,
}
