//! [`Reply`]: what a test's reviewers say to one request.

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::arguments::display;
use crate::decision::{Decision, Reviewer};
use crate::gate::ApprovalGate;
use crate::request::{ApprovalRequest, ApprovalStatus};
use crate::review::DecideError;

/// Through which door the decisions come.
const DOOR: &str = "test";

/// What the reviewers of a [`TestGate`](super::TestGate) say to one request.
///
/// ```
/// use std::time::Duration;
/// use approval_runtime::{Reviewer, testing::Reply};
///
/// Reply::approve();
/// Reply::reject("not on a Friday").by(Reviewer::new("alice")).after(Duration::from_secs(90));
/// Reply::approve_with(serde_json::json!({"to": "bob", "amount": 4}));
/// ```
#[derive(Clone, Debug)]
#[must_use = "a reply is for a test gate"]
pub struct Reply {
    says: Says,
    by: Vec<Reviewer>,
    after: Duration,
}

#[derive(Clone, Debug)]
enum Says {
    Approve { edited: Option<Value> },
    Reject { comment: Box<str> },
    Cancel,
    Silence,
}

impl Reply {
    const fn new(says: Says) -> Self {
        Self { says, by: Vec::new(), after: Duration::ZERO }
    }

    /// Approves: as many entitled reviewers do as the tool needs, unless [`by`](Self::by) names them.
    pub const fn approve() -> Self {
        Self::new(Says::Approve { edited: None })
    }

    /// Approves with other arguments than those asked for: the whole object as it shall run.
    pub const fn approve_with(arguments: Value) -> Self {
        Self::new(Says::Approve { edited: Some(arguments) })
    }

    /// Rejects, with a comment; an empty one is none.
    pub fn reject(comment: impl Into<Box<str>>) -> Self {
        Self::new(Says::Reject { comment: comment.into() })
    }

    /// Withdraws the request, as an operator would.
    pub const fn cancel() -> Self {
        Self::new(Says::Cancel)
    }

    /// Says nothing: the call times out, at once under tokio's paused clock, or the test decides by itself.
    pub const fn silence() -> Self {
        Self::new(Says::Silence)
    }

    /// Names who says it. Named again, each of them approves, in this order. The default is `reviewer`, who has every role that
    /// the tool asks for, and where it needs more than one, `reviewer-2` and so on.
    pub fn by(mut self, reviewer: Reviewer) -> Self {
        self.by.push(reviewer);
        self
    }

    /// Lets this much time pass before: it may come after the caller's `max_wait`, or too late.
    pub const fn after(mut self, time: Duration) -> Self {
        self.after = time;
        self
    }

    pub(super) const fn is_silence(&self) -> bool {
        matches!(self.says, Says::Silence)
    }

    pub(super) const fn delay(&self) -> Duration {
        self.after
    }

    /// Gives the reply to the gate. A request that ended meanwhile is left as it is.
    pub(super) async fn give(&self, gate: &ApprovalGate, request: &ApprovalRequest) -> Result<(), DecideError> {
        let id = request.id();
        let mut reviewers = self.reviewers(request).into_iter();
        let given = match (&self.says, reviewers.next()) {
            (Says::Silence, _) | (_, None) => return Ok(()),
            (Says::Cancel, Some(first)) => gate.cancel(id, first.name()).await,
            (Says::Reject { comment }, Some(first)) => {
                gate.decide(id, Decision::reject(first).comment(comment).door(DOOR)).await
            }
            (Says::Approve { edited }, Some(first)) => {
                let mut decision = Decision::approve(first, request.digest()).door(DOOR);
                if let Some(arguments) = edited {
                    decision = decision.edited_arguments(arguments.clone());
                }
                let mut given = gate.decide(id, decision).await;
                for reviewer in reviewers {
                    given = match given {
                        Ok(request) if request.status() == ApprovalStatus::Pending => {
                            gate.decide(id, Decision::approve(reviewer, request.digest()).door(DOOR)).await
                        }
                        given => given,
                    };
                }
                given
            }
        };
        match given {
            // Somebody was faster, or the caller went away: the test may mean that.
            Ok(_) | Err(DecideError::AlreadyDecided { .. } | DecideError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn reviewers(&self, request: &ApprovalRequest) -> Vec<Reviewer> {
        if !self.by.is_empty() {
            return self.by.clone();
        }
        let names = (1..).map(|nth| if nth == 1 { "reviewer".to_owned() } else { format!("reviewer-{nth}") });
        let others = names.filter(|name| request.requested_by() != Some(name));
        let entitled = others.map(|name| request.tool().named_approvers().fold(Reviewer::new(name), Reviewer::role));
        entitled.take(request.tool().required_quorum() as usize).collect()
    }
}

impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.says {
            Says::Approve { edited: None } => f.write_str("approve")?,
            Says::Approve { edited: Some(arguments) } => write!(f, "approve with {}", display::value(arguments))?,
            Says::Reject { comment } => write!(f, "reject with {}", display::text(comment))?,
            Says::Cancel => f.write_str("cancel")?,
            Says::Silence => f.write_str("silence")?,
        }
        let by: Vec<_> = self.by.iter().map(|reviewer| display::name(reviewer.name())).collect();
        if !by.is_empty() {
            write!(f, " by {}", by.join(" and "))?;
        }
        if !self.after.is_zero() {
            write!(f, " after {:?}", self.after)?;
        }
        Ok(())
    }
}
