//! Who may do what to a request, and when: [`open`] and [`apply`], without I/O. Nothing else changes a state.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::{ApprovalRequest, ApprovalStatus, Ask, Decided, EndedBecause, Execution, ExecutionState, GRANT_TTL, State};
use crate::arguments::{Arguments, Digest};
use crate::decision::{Answer, Reviewer, Vote};

/// Who decided when a rule did.
const BY_POLICY: &str = "policy";

/// What the policy says about a new call.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// People decide.
    Ask,
    /// A rule lets it through: it is recorded as already executing.
    AutoApprove {
        /// The rule in words.
        rule: Arc<str>,
        /// Who holds the start.
        claim_id: Uuid,
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
    /// It is withdrawn.
    Cancel {
        /// By whom.
        by: Arc<str>,
    },
    /// Somebody wants to start the body.
    Claim {
        /// Who will hold the start.
        claim_id: Uuid,
        /// The digest of what would run.
        digest: Digest,
        /// The deny rule that matches by now, in words.
        denied: Option<Arc<str>>,
    },
    /// An approval ends unused: its time is over, or what was approved cannot be run.
    Expire(EndedBecause),
    /// The body ended.
    Finish {
        /// Who holds the start.
        claim_id: Uuid,
        /// How.
        outcome: Outcome,
    },
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
    /// The body was dropped while it ran.
    Indeterminate,
}

/// What must still hold when the change is committed. The store checks it in the same step, on its own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The version the change was made from; 0 for a new request.
    pub version: u32,
    /// The commit must not be earlier.
    pub not_before: Option<DateTime<Utc>>,
    /// The commit must be earlier.
    pub not_after: Option<DateTime<Utc>>,
    /// The store's incarnation; 0 for a store that loses everything or nothing, as memory does.
    pub incarnation: u64,
    /// The freeze epoch the policy was asked under; 0 while nothing can be frozen.
    pub freeze_epoch: u64,
}

/// A new state, and what must hold for it to be written.
#[derive(Clone, Debug)]
pub struct Change {
    /// The state to write.
    pub state: State,
    /// What must hold.
    pub guard: Guard,
    /// What the change is about.
    pub transition: Transition,
}

/// Why an event changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
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
}

fn after(now: DateTime<Utc>, time: std::time::Duration) -> DateTime<Utc> {
    TimeDelta::from_std(time).ok().and_then(|time| now.checked_add_signed(time)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Makes the first state of a request.
#[must_use]
pub fn open(ask: &Ask, verdict: Verdict, now: DateTime<Utc>) -> Change {
    let mut state = State {
        status: ApprovalStatus::Pending,
        version: 1,
        expires_at: after(now, ask.tool.reviewers_time()),
        decided: None,
        edited: None,
        votes: Arc::default(),
        execution: Execution::default(),
        ended_because: None,
    };
    let by_rule = |rule| Some(Arc::new(Decided { at: now, by: BY_POLICY.into(), comment: None, matched_rule: Some(rule) }));
    let transition = match verdict {
        Verdict::Ask => Transition::Requested,
        Verdict::Deny { rule } => {
            state.status = ApprovalStatus::Rejected;
            state.decided = by_rule(rule);
            Transition::Rejected
        }
        Verdict::AutoApprove { rule, claim_id } => {
            state.status = ApprovalStatus::AutoApproved;
            state.decided = by_rule(rule);
            start(&mut state, claim_id, now);
            Transition::AutoApproved
        }
    };
    let guard = Guard { version: 0, not_before: None, not_after: None, incarnation: ask.incarnation, freeze_epoch: 0 };
    Change { state, guard, transition }
}

fn start(state: &mut State, claim_id: Uuid, now: DateTime<Utc>) {
    state.execution.state = ExecutionState::Executing;
    state.execution.claim_id = Some(claim_id);
    state.execution.started_at = Some(now);
}

fn decided(at: DateTime<Utc>, by: Arc<str>, comment: Option<Box<str>>) -> Option<Arc<Decided>> {
    Some(Arc::new(Decided { at, by, comment, matched_rule: None }))
}

/// Returns the state after nobody decided in time.
pub(super) fn timed_out(state: &State, at: DateTime<Utc>) -> State {
    let mut next = state.clone();
    next.version += 1;
    next.status = ApprovalStatus::TimedOut;
    next.decided = decided(at, "deadline".into(), None);
    next
}

/// Returns the state after an approval ended unused.
pub(super) fn expired(state: &State, because: EndedBecause) -> State {
    let mut next = state.clone();
    next.version += 1;
    next.status = ApprovalStatus::Expired;
    next.ended_because = Some(because);
    next
}

/// Applies an event to a request at a time of the store's clock.
///
/// # Errors
/// A [`Conflict`] says why nothing changes.
pub fn apply(request: &ApprovalRequest, event: &Event, now: DateTime<Utc>) -> Result<Change, Conflict> {
    // A clock that stepped back must not order a record's times wrongly.
    let now = now.max(latest(request));
    let ask = request.ask();
    let state = request.state();
    let mut next = state.clone();
    next.version += 1;
    let mut guard =
        Guard { version: state.version, not_before: None, not_after: None, incarnation: ask.incarnation, freeze_epoch: 0 };
    let pending = state.status == ApprovalStatus::Pending;
    let unused = state.status == ApprovalStatus::Approved && state.execution.state == ExecutionState::NotStarted;

    let transition = match event {
        Event::Vote { reviewer, answer, digest, edited, comment, door } => {
            if !request.is_for(reviewer) {
                return Err(Conflict::NotAllowed);
            }
            if request.is_on_behalf_of(reviewer) {
                return Err(Conflict::SelfReview);
            }
            let (answer, digest) = (*answer, *digest);
            let current = request.digest();
            let counted = |vote: &&Vote| *vote.reviewer == *reviewer.name() && vote.digest == current;
            if let Some(vote) = state.votes.iter().find(counted) {
                // What was edited stands under its own digest; the editor's repetition names the one they saw.
                let same = vote.decision == answer && (digest.is_none_or(|digest| digest == current) || edited.is_some());
                let same = same && edited.as_ref().is_none_or(|edited| edited.digest() == current);
                return Err(match (same, pending) {
                    (true, _) => Conflict::Repeated,
                    (false, true) if now < state.expires_at => Conflict::AlreadyVoted,
                    (false, _) => Conflict::Ended,
                });
            }
            if !pending || now >= state.expires_at {
                return Err(Conflict::Ended);
            }
            match digest {
                Some(digest) if digest != current => return Err(Conflict::DigestMismatch),
                None if answer == Answer::Approve => return Err(Conflict::DigestMismatch),
                _ => {}
            }
            guard.not_after = Some(state.expires_at);
            if let Some(edited) = edited.as_ref().filter(|edited| answer == Answer::Approve && edited.digest() != current) {
                next.edited = Some(Arc::clone(edited));
            }
            let current = next.edited.as_ref().map_or(current, |edited| edited.digest());
            let by = reviewer.shared_name();
            let vote = Vote { reviewer: Arc::clone(&by), decision: answer, door, digest: current, at: now };
            // One vote a person and text: an edit that is edited back brings the first one back to life.
            let others = state.votes.iter().filter(|old| *old.reviewer != *by || old.digest != current).cloned();
            next.votes = others.chain([vote]).collect();
            let approvals = next.votes.iter().filter(|vote| vote.decision == Answer::Approve && vote.digest == current).count();
            if answer == Answer::Reject {
                next.status = ApprovalStatus::Rejected;
                next.decided = decided(now, by, comment.clone());
                Transition::Rejected
            } else if approvals >= ask.tool.required_quorum() as usize {
                next.status = ApprovalStatus::Approved;
                next.decided = decided(now, by, comment.clone());
                next.execution.grant_expires_at = Some(after(now, GRANT_TTL));
                Transition::Approved
            } else {
                Transition::Voted
            }
        }
        Event::TimeOut if !pending => return Err(Conflict::Ended),
        Event::TimeOut if now < state.expires_at => return Err(Conflict::NotDue),
        Event::TimeOut => {
            guard.not_before = Some(state.expires_at);
            next = timed_out(state, now);
            Transition::TimedOut
        }
        Event::Cancel { by } => {
            let end = if pending { Some(state.expires_at) } else { state.execution.grant_expires_at.filter(|_| unused) };
            if end.is_none_or(|end| now >= end) {
                return Err(ended_or_started(state));
            }
            guard.not_after = end;
            next.status = ApprovalStatus::Cancelled;
            if pending {
                next.decided = decided(now, Arc::clone(by), None);
            } else {
                // Who approved stays on the record.
                next.ended_because = Some(EndedBecause::Revoked);
            }
            Transition::Cancelled
        }
        Event::Claim { claim_id, digest, denied } => {
            if !unused {
                return Err(if pending { Conflict::NotApproved } else { ended_or_started(state) });
            }
            if *digest != request.digest() {
                return Err(Conflict::DigestMismatch);
            }
            if state.execution.grant_expires_at.is_none_or(|end| now >= end) {
                guard.not_before = state.execution.grant_expires_at;
                next = expired(state, EndedBecause::Grant);
                Transition::Expired
            } else if let Some(rule) = denied {
                next.status = ApprovalStatus::Cancelled;
                next.ended_because = Some(EndedBecause::Policy);
                next.decided = state.decided.as_deref().cloned().map(|mut decided| {
                    decided.matched_rule = Some(Arc::clone(rule));
                    Arc::new(decided)
                });
                Transition::Cancelled
            } else {
                guard.not_after = state.execution.grant_expires_at;
                start(&mut next, *claim_id, now);
                Transition::Started
            }
        }
        Event::Expire(_) if !unused => return Err(ended_or_started(state)),
        Event::Expire(EndedBecause::Grant) if state.execution.grant_expires_at.is_some_and(|end| now < end) => {
            return Err(Conflict::NotDue);
        }
        Event::Expire(because) => {
            next = expired(state, *because);
            Transition::Expired
        }
        Event::Finish { claim_id, outcome } => {
            let open = matches!(state.execution.state, ExecutionState::Executing | ExecutionState::Indeterminate);
            if !open || state.execution.claim_id != Some(*claim_id) {
                return Err(Conflict::NotHolder);
            }
            next.execution.finished_at = Some(now);
            let (state, transition) = match outcome {
                Outcome::Executed => (ExecutionState::Executed, Transition::Executed),
                Outcome::Failed => (ExecutionState::Failed, Transition::Failed),
                Outcome::Indeterminate => (ExecutionState::Indeterminate, Transition::Indeterminate),
            };
            next.execution.state = state;
            transition
        }
    };
    Ok(Change { state: next, guard, transition })
}

fn ended_or_started(state: &State) -> Conflict {
    if state.execution.state == ExecutionState::NotStarted { Conflict::Ended } else { Conflict::AlreadyStarted }
}

fn latest(request: &ApprovalRequest) -> DateTime<Utc> {
    let state = request.state();
    let times = [state.decided.as_ref().map(|decided| decided.at), state.execution.started_at, state.execution.finished_at];
    times.into_iter().flatten().fold(request.created_at(), DateTime::max)
}
