//! Who may do what to a request, and when: [`open`], [`apply`] and [`refuse`], without I/O. Nothing else changes a state.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::audit::{Entry, What};
use super::{
    ApprovalRequest, ApprovalStatus, Ask, Change, Conflict, Decided, EndedBecause, Event, ExecutionState, GRANT_TTL, Guard,
    Moment, Outcome, Settlement, State, Transition, Verdict,
};
use crate::arguments::{Arguments, Digest};
use crate::decision::{Answer, Reviewer, Vote};

/// Who decided when a rule did.
const BY_POLICY: &str = "policy";

/// Who withdrew a request whose caller went away.
const BY_CALLER: &str = "caller";

/// How many refused attempts a request's history takes.
pub const MAX_REFUSED: u8 = 16;

fn after(now: DateTime<Utc>, time: std::time::Duration) -> DateTime<Utc> {
    TimeDelta::from_std(time).ok().and_then(|time| now.checked_add_signed(time)).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

const fn guard(version: u32, moment: Moment) -> Guard {
    let Moment { incarnation, freeze_epoch, .. } = moment;
    Guard { version, not_before: None, not_after: None, incarnation, freeze_epoch }
}

/// Makes the first state of a request.
#[must_use]
pub fn open(ask: &Ask, verdict: Verdict, moment: Moment) -> Change {
    let now = moment.time;
    let mut state = State {
        status: ApprovalStatus::Pending,
        version: 1,
        expires_at: after(now, ask.tool.reviewers_time()),
        decided: None,
        edited: None,
        votes: Arc::default(),
        execution: None,
        ended_because: None,
        refused: 0,
        waiter: None,
        withdrawn: false,
        entry: Entry::first(What::Done(Transition::Requested), now),
    };
    let by_rule = |rule| Some(Arc::new(Decided { at: now, by: BY_POLICY.into(), comment: None, matched_rule: Some(rule) }));
    let transition = match verdict {
        Verdict::Ask { waiter } => {
            state.waiter = waiter;
            Transition::Requested
        }
        Verdict::Deny { rule } => {
            state.status = ApprovalStatus::Rejected;
            state.decided = by_rule(rule);
            Transition::Rejected
        }
        Verdict::AutoApprove { rule, claim_id, holder } => {
            state.status = ApprovalStatus::AutoApproved;
            state.decided = by_rule(rule);
            start(&mut state, claim_id, holder, now);
            Transition::AutoApproved
        }
    };
    state.entry = Entry::first(What::Done(transition), now);
    Change { state, guard: guard(0, moment), transition: Some(transition) }
}

fn start(state: &mut State, claim_id: Uuid, holder: Uuid, now: DateTime<Utc>) {
    let execution = state.execution_mut();
    execution.state = ExecutionState::Executing;
    execution.claim_id = Some(claim_id);
    execution.holder = Some(holder);
    execution.started_at = Some(now);
    state.waiter = None;
}

fn decided(at: DateTime<Utc>, by: Arc<str>, comment: Option<Box<str>>) -> Option<Arc<Decided>> {
    Some(Arc::new(Decided { at, by, comment, matched_rule: None }))
}

/// A state on its way: the next version of `from`, with who made it so.
struct Next<'a> {
    from: &'a Arc<State>,
    state: State,
    guard: Guard,
    now: DateTime<Utc>,
    by: Option<Arc<str>>,
    door: Option<Cow<'static, str>>,
}

impl<'a> Next<'a> {
    fn of(request: &'a ApprovalRequest, moment: Moment) -> Self {
        let from = request.shared_state();
        let mut state = State::clone(from);
        state.version += 1;
        // A clock that stepped back must not order a record's times wrongly.
        let now = moment.time.max(latest(request));
        Self { from, state, guard: guard(from.version, moment), now, by: None, door: None }
    }

    fn done(mut self, transition: Transition) -> Change {
        if !self.state.waits_or_may_start() {
            self.state.waiter = None;
        }
        self.end(What::Done(transition), Some(transition))
    }

    fn end(self, what: What, transition: Option<Transition>) -> Change {
        let Self { from, mut state, guard, now, by, door } = self;
        state.entry = Entry::behind(from, what, now, by, door);
        Change { state, guard, transition }
    }

    fn time_out(&mut self, at: DateTime<Utc>) {
        self.state.status = ApprovalStatus::TimedOut;
        self.state.decided = decided(at, "deadline".into(), None);
    }

    fn expire(&mut self, because: EndedBecause) {
        self.state.status = ApprovalStatus::Expired;
        self.state.ended_because = Some(because);
    }
}

impl State {
    /// Says whether people may still decide, or an approval may still be used.
    fn waits_or_may_start(&self) -> bool {
        match self.status {
            ApprovalStatus::Pending => true,
            ApprovalStatus::Approved => self.execution().state == ExecutionState::NotStarted,
            _ => false,
        }
    }
}

/// Returns the state of a request that the clock alone has ended, before anybody writes it.
pub(super) fn projected(request: &ApprovalRequest, moment: Moment) -> Option<State> {
    let because = request.ended_at(moment)?;
    let mut next = Next::of(request, moment);
    next.state.waiter = None;
    match because {
        Ended::TimedOut => next.time_out(request.expires_at()),
        Ended::Expired(because) => next.expire(because),
    }
    Some(next.state)
}

/// How the clock, or a new life of the store, ends a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    TimedOut,
    Expired(EndedBecause),
}

/// Applies an event to a request at a moment of the store's clock.
///
/// # Errors
/// A [`Conflict`] says why nothing changes.
pub fn apply(request: &ApprovalRequest, event: &Event, moment: Moment) -> Result<Change, Conflict> {
    let next = Next::of(request, moment);
    match event {
        Event::Vote { reviewer, answer, digest, edited, comment, door } => {
            let vote = NewVote { reviewer, answer: *answer, digest: *digest, edited: edited.as_ref(), door };
            vote.apply(request, next, comment.clone())
        }
        Event::TimeOut => time_out(request, next),
        Event::Cancel { by } => cancel(request, next, by),
        Event::Withdraw { waiter } => withdraw(request, next, *waiter),
        Event::Claim { claim_id, holder, digest, fingerprint, denied } => {
            let claim = Claim { claim_id: *claim_id, holder: *holder, digest: *digest, fingerprint: *fingerprint };
            claim.apply(request, next, denied.as_ref())
        }
        Event::Expire(because) => expire(request, next, *because, moment),
        Event::Finish { claim_id, outcome, result } => finish(next, *claim_id, *outcome, result.clone()),
        Event::Attach { waiter } => attach(request, next, *waiter, moment),
        Event::Leave { waiter } => leave(next, *waiter),
        Event::Orphan { holder } => orphan(next, *holder),
        Event::Settle { by, outcome, door } => settle(request, next, by, *outcome, door),
        Event::Remove if request.has_ended() => Ok(next.done(Transition::Removed)),
        Event::Remove => Err(Conflict::NotEnded),
    }
}

/// Writes down that somebody tried what [`apply`] refused. Nothing else about the request changes.
///
/// `None` where that is no attempt of a person or a call (a deadline that is not there yet, the same decision given twice), or
/// where the history has [`MAX_REFUSED`] of them.
#[must_use]
pub fn refuse(request: &ApprovalRequest, event: &Event, conflict: Conflict, moment: Moment) -> Option<Change> {
    if request.state().refused >= MAX_REFUSED || matches!(conflict, Conflict::Repeated | Conflict::NotDue) {
        return None;
    }
    let (by, door) = match event {
        Event::Vote { reviewer, door, .. } | Event::Settle { by: reviewer, door, .. } => {
            (Some(reviewer.shared_name()), Some(*door))
        }
        Event::Cancel { by } => (Some(Arc::clone(by)), None),
        Event::Claim { .. } => (None, Some("claim")),
        // Nobody tried anything: a call went away while its claim or its outcome was being written.
        Event::Finish { outcome: Outcome::Indeterminate, .. } => return None,
        Event::Finish { .. } => (None, Some("finish")),
        _ => return None,
    };
    let mut next = Next::of(request, moment);
    next.state.refused += 1;
    next.by = by;
    next.door = door.map(Into::into);
    Some(next.end(What::Refused(conflict), None))
}

struct NewVote<'a> {
    reviewer: &'a Reviewer,
    answer: Answer,
    digest: Option<Digest>,
    edited: Option<&'a Arc<Arguments>>,
    door: &'static str,
}

impl NewVote<'_> {
    fn apply(self, request: &ApprovalRequest, mut next: Next<'_>, comment: Option<Box<str>>) -> Result<Change, Conflict> {
        let Self { reviewer, answer, digest, edited, door } = self;
        let state = next.from;
        if !request.is_for(reviewer) {
            return Err(Conflict::NotAllowed);
        }
        if request.is_on_behalf_of(reviewer) {
            return Err(Conflict::SelfReview);
        }
        let current = request.digest();
        let open = next.is_open(request);
        let counted = |vote: &&Vote| *vote.reviewer == *reviewer.name() && vote.digest == current;
        if let Some(vote) = state.votes.iter().find(counted) {
            // What was edited stands under its own digest; the editor's repetition names the one they saw.
            let same = vote.decision == answer && (digest.is_none_or(|digest| digest == current) || edited.is_some());
            let same = same && edited.is_none_or(|edited| edited.digest() == current);
            return Err(match (same, open) {
                (true, _) => Conflict::Repeated,
                (false, true) => Conflict::AlreadyVoted,
                (false, false) => Conflict::Ended,
            });
        }
        if !open {
            return Err(Conflict::Ended);
        }
        match digest {
            Some(digest) if digest != current => return Err(Conflict::DigestMismatch),
            None if answer == Answer::Approve => return Err(Conflict::DigestMismatch),
            _ => {}
        }
        next.guard.not_after = Some(state.expires_at);
        if let Some(edited) = edited.filter(|edited| answer == Answer::Approve && edited.digest() != current) {
            next.state.edited = Some(Arc::clone(edited));
        }
        let current = next.state.edited.as_ref().map_or(current, |edited| edited.digest());
        let (by, now) = (reviewer.shared_name(), next.now);
        next.by = Some(Arc::clone(&by));
        next.door = Some(door.into());
        let vote = Vote { reviewer: Arc::clone(&by), decision: answer, door: door.into(), digest: current, at: now };
        // One vote a person and text: an edit that is edited back brings the first one back to life.
        let others = state.votes.iter().filter(|old| *old.reviewer != *by || old.digest != current).cloned();
        next.state.votes = others.chain([vote]).collect();
        let votes = next.state.votes.iter();
        let approvals = votes.filter(|vote| vote.decision == Answer::Approve && vote.digest == current).count();
        Ok(if answer == Answer::Reject {
            next.state.status = ApprovalStatus::Rejected;
            next.state.decided = decided(now, by, comment);
            next.done(Transition::Rejected)
        } else if approvals >= request.tool().required_quorum() as usize {
            next.state.status = ApprovalStatus::Approved;
            next.state.decided = decided(now, by, comment);
            next.state.execution_mut().grant_expires_at = Some(after(now, GRANT_TTL));
            next.done(Transition::Approved)
        } else {
            next.done(Transition::Voted)
        })
    }
}

impl Next<'_> {
    /// Says whether people can decide.
    fn is_open(&self, request: &ApprovalRequest) -> bool {
        self.from.status == ApprovalStatus::Pending && self.now < self.from.expires_at && self.is_of(request)
    }

    /// Says whether the request is of the store's present life.
    fn is_of(&self, request: &ApprovalRequest) -> bool {
        self.guard.incarnation == request.ask().incarnation
    }
}

fn time_out(request: &ApprovalRequest, mut next: Next<'_>) -> Result<Change, Conflict> {
    let end = next.from.expires_at;
    if next.from.status != ApprovalStatus::Pending || !next.is_of(request) {
        return Err(Conflict::Ended);
    }
    if next.now < end {
        return Err(Conflict::NotDue);
    }
    next.guard.not_before = Some(end);
    next.time_out(next.now);
    Ok(next.done(Transition::TimedOut))
}

fn cancel(request: &ApprovalRequest, mut next: Next<'_>, by: &Arc<str>) -> Result<Change, Conflict> {
    let pending = next.from.status == ApprovalStatus::Pending;
    let end = if pending { Some(next.from.expires_at) } else { unused_until(next.from) };
    if end.is_none_or(|end| next.now >= end) || !next.is_of(request) {
        return Err(ended_or_started(next.from));
    }
    next.guard.not_after = end;
    next.by = Some(Arc::clone(by));
    next.state.status = ApprovalStatus::Cancelled;
    if pending {
        next.state.decided = decided(next.now, Arc::clone(by), None);
    } else {
        // Who approved stays on the record, who revoked it in the history.
        next.state.ended_because = Some(EndedBecause::Revoked);
    }
    Ok(next.done(Transition::Cancelled))
}

fn withdraw(request: &ApprovalRequest, mut next: Next<'_>, waiter: Uuid) -> Result<Change, Conflict> {
    if next.from.waiter != Some(waiter) {
        return Err(ended_or_started(next.from));
    }
    next.state.withdrawn = true;
    cancel(request, next, &BY_CALLER.into())
}

struct Claim {
    claim_id: Uuid,
    holder: Uuid,
    digest: Digest,
    fingerprint: Digest,
}

impl Claim {
    fn apply(self, request: &ApprovalRequest, mut next: Next<'_>, denied: Option<&Arc<str>>) -> Result<Change, Conflict> {
        let state = next.from;
        if state.status == ApprovalStatus::Pending {
            return Err(Conflict::NotApproved);
        }
        let Some(end) = unused_until(state).filter(|_| next.is_of(request)) else {
            return Err(ended_or_started(state));
        };
        if self.digest != request.digest() {
            return Err(Conflict::DigestMismatch);
        }
        if self.fingerprint != request.tool().fingerprint() {
            return Err(Conflict::Unrunnable);
        }
        Ok(if next.now >= end {
            next.guard.not_before = Some(end);
            next.expire(EndedBecause::Grant);
            next.done(Transition::Expired)
        } else if let Some(rule) = denied {
            next.state.status = ApprovalStatus::Cancelled;
            next.state.ended_because = Some(EndedBecause::Policy);
            next.state.decided = state.decided.as_deref().cloned().map(|mut decided| {
                decided.matched_rule = Some(Arc::clone(rule));
                Arc::new(decided)
            });
            next.by = Some(BY_POLICY.into());
            next.done(Transition::Cancelled)
        } else {
            next.guard.not_after = Some(end);
            let now = next.now;
            start(&mut next.state, self.claim_id, self.holder, now);
            next.done(Transition::Started)
        })
    }
}

fn expire(request: &ApprovalRequest, mut next: Next<'_>, because: EndedBecause, moment: Moment) -> Result<Change, Conflict> {
    let due = match because {
        EndedBecause::Incarnation => request.ended_at(moment) == Some(Ended::Expired(because)),
        EndedBecause::Grant if next.is_of(request) => {
            let end = unused_until(next.from);
            next.guard.not_before = end;
            end.is_some_and(|end| next.now >= end)
        }
        // What has ended by itself did not end for another reason.
        _ if request.ended_at(moment).is_some() => return Err(ended_or_started(next.from)),
        _ => {
            next.guard.not_after = unused_until(next.from);
            true
        }
    };
    let unused = unused_until(next.from).is_some();
    let pending = next.from.status == ApprovalStatus::Pending;
    if !(unused || pending && because == EndedBecause::Incarnation) {
        return Err(ended_or_started(next.from));
    }
    if !due {
        return Err(Conflict::NotDue);
    }
    next.expire(because);
    Ok(next.done(Transition::Expired))
}

fn finish(mut next: Next<'_>, claim_id: Uuid, outcome: Outcome, result: Option<Arc<str>>) -> Result<Change, Conflict> {
    let execution = next.from.execution();
    let open = match outcome {
        Outcome::Indeterminate => execution.state == ExecutionState::Executing,
        Outcome::Executed | Outcome::Failed => {
            matches!(execution.state, ExecutionState::Executing | ExecutionState::Indeterminate)
        }
    };
    if !open || execution.claim_id != Some(claim_id) {
        return Err(Conflict::NotHolder);
    }
    let now = next.now;
    let execution = next.state.execution_mut();
    execution.finished_at = Some(now);
    let (state, transition) = match outcome {
        Outcome::Executed => (ExecutionState::Executed, Transition::Executed),
        Outcome::Failed => (ExecutionState::Failed, Transition::Failed),
        Outcome::Indeterminate => (ExecutionState::Indeterminate, Transition::Indeterminate),
    };
    execution.state = state;
    execution.result_digest = result.as_ref().map(|result| Digest::of(result.as_bytes()));
    execution.result = result;
    Ok(next.done(transition))
}

fn attach(request: &ApprovalRequest, mut next: Next<'_>, waiter: Uuid, moment: Moment) -> Result<Change, Conflict> {
    if !next.from.waits_or_may_start() || request.ended_at(moment).is_some() {
        return Err(ended_or_started(next.from));
    }
    if next.from.waiter == Some(waiter) {
        return Err(Conflict::Repeated);
    }
    next.state.waiter = Some(waiter);
    Ok(next.done(Transition::Attached))
}

fn leave(mut next: Next<'_>, waiter: Uuid) -> Result<Change, Conflict> {
    if next.from.waiter != Some(waiter) {
        return Err(ended_or_started(next.from));
    }
    next.state.waiter = None;
    Ok(next.done(Transition::Left))
}

fn orphan(mut next: Next<'_>, holder: Uuid) -> Result<Change, Conflict> {
    let execution = next.from.execution();
    if execution.state != ExecutionState::Executing || execution.holder != Some(holder) {
        return Err(Conflict::NotHolder);
    }
    // Not finished: whoever holds the start may still say how it ended.
    next.state.execution_mut().state = ExecutionState::Indeterminate;
    Ok(next.done(Transition::Indeterminate))
}

fn settle(
    request: &ApprovalRequest,
    mut next: Next<'_>,
    by: &Reviewer,
    outcome: Settlement,
    door: &'static str,
) -> Result<Change, Conflict> {
    if !request.is_for(by) {
        return Err(Conflict::NotAllowed);
    }
    let settled = match outcome {
        Settlement::Executed => ExecutionState::Executed,
        Settlement::Failed => ExecutionState::Failed,
    };
    let execution = next.from.execution();
    if execution.state != ExecutionState::Indeterminate {
        let same = execution.state == settled && execution.settled_by.as_deref() == Some(by.name());
        return Err(if same { Conflict::Repeated } else { Conflict::NotIndeterminate });
    }
    let (now, name) = (next.now, by.shared_name());
    let execution = next.state.execution_mut();
    execution.state = settled;
    execution.finished_at = Some(now);
    execution.settled_by = Some(Arc::clone(&name));
    next.by = Some(name);
    next.door = Some(door.into());
    Ok(next.done(Transition::Settled))
}

/// Returns until when an approval can be used, if it is one that can.
fn unused_until(state: &State) -> Option<DateTime<Utc>> {
    let execution = state.execution();
    let unused = state.status == ApprovalStatus::Approved && execution.state == ExecutionState::NotStarted;
    execution.grant_expires_at.filter(|_| unused)
}

fn ended_or_started(state: &State) -> Conflict {
    if state.execution().state == ExecutionState::NotStarted { Conflict::Ended } else { Conflict::AlreadyStarted }
}

fn latest(request: &ApprovalRequest) -> DateTime<Utc> {
    let (state, execution) = (request.state(), request.execution());
    let times = [state.decided.as_ref().map(|decided| decided.at), execution.started_at, execution.finished_at];
    // Processes' clocks may differ by a little: the row of a history is never older than the one before.
    times.into_iter().flatten().fold(request.created_at().max(state.entry.at()), DateTime::max)
}
