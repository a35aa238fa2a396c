//! The records that there are, and what the real rules make of them.

use chrono::{DateTime, TimeDelta, Utc};
use rustc_hash::FxHashMap;

use super::*;
use crate::decision::{Answer, Reviewer};
use crate::tool::{Tool, ToolRef};

/// A record's place in [`Records`].
pub(super) type Place = u16;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Does {
    Insert(Gate),
    Attach(Gate),
    GiveUp(Gate),
    Leave(Gate),
    Withdraw(Gate),
    TimeOut,
    Claim(Gate),
    Finish(Gate, bool),
    Approve,
    Reject,
    Cancel,
    Orphan(Gate),
    Requeue(Gate),
    Due,
    Settle,
}

/// What somebody is about to write: made from a record, at a time, in a life of the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Writes {
    pub(super) does: Does,
    pub(super) from: Place,
    pub(super) at: u8,
    pub(super) life: u8,
}

pub(super) fn time(tick: u8) -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap() + TimeDelta::seconds(TICK * i64::from(tick))
}

pub(super) fn moment(tick: u8, life: u8) -> Moment {
    Moment::at(time(tick)).of_incarnation(life.into())
}

pub(super) fn id(gate: Gate) -> Uuid {
    Uuid::from_u128(gate.into())
}

pub(super) fn gate_of(number: usize, back: bool) -> Gate {
    u8::try_from(number).expect("two processes") * 2 + u8::from(back)
}

pub(super) fn claim(gate: Gate) -> Uuid {
    Uuid::from_u128(16 + u128::from(gate))
}

pub(super) fn ask(tick: u8) -> Arc<Ask> {
    let tool = Tool::named("pay").timeout(Duration::from_secs(TICK.unsigned_abs() * 2));
    Arc::new(Ask {
        id: RequestId::from(Uuid::from_u128(99)),
        namespace: "default".into(),
        tool: ToolRef::Shared(Arc::new(tool)),
        arguments: Arguments::from_canonical("{}").unwrap(),
        agent: None,
        call_id: None,
        reason: None,
        created_at: time(tick),
        policy_version: 1,
        incarnation: 0,
        key: None,
    })
}

/// The records that were ever made, and what comes of each. One place for all that differ only in their histories.
pub(super) struct Records {
    pub(super) wrong: Wrong,
    pub(super) all: Vec<ApprovalRequest>,
    pub(super) places: FxHashMap<String, Place>,
    pub(super) changes: FxHashMap<Writes, Result<(Place, Guard), Conflict>>,
}

/// Where a request comes from.
pub(super) const NOTHING: Place = Place::MAX;

impl Records {
    pub(super) fn place(&mut self, request: ApprovalRequest) -> Place {
        let row = request.audit_row().expect("it was made here");
        assert_eq!(row.version, request.version());
        let state = request.state();
        let State { version, decided, execution, ended_because, waiter, withdrawn, .. } = state;
        let key = format!("{version} {} {decided:?} {execution:?} {ended_because:?} {waiter:?} {withdrawn}", state.status);
        *self.places.entry(key).or_insert_with(|| {
            self.all.push(request);
            Place::try_from(self.all.len() - 1).expect("few records")
        })
    }

    /// Returns what a write makes, and its guard: it is decided when it is prepared, and is the same when it is committed.
    pub(super) fn change(&mut self, writes: Writes) -> Result<(Place, Guard), Conflict> {
        if let Some(known) = self.changes.get(&writes) {
            return *known;
        }
        let change = self.apply(writes).map(|(request, guard)| (self.place(request), guard));
        self.changes.insert(writes, change);
        change
    }

    pub(super) fn apply(&self, Writes { does, from, at, life }: Writes) -> Result<(ApprovalRequest, Guard), Conflict> {
        let mut moment = moment(at, life);
        if let Does::Insert(gate) = does {
            let ask = ask(at);
            let change = open(&ask, Verdict::Ask { waiter: Some(id(gate)) }, moment);
            return Ok((ApprovalRequest::new(ask, change.state), change.guard));
        }
        let mut request = self.all[usize::from(from)].clone();
        let event = match does {
            Does::Due => request.due_event(moment).ok_or(Conflict::NotDue)?,
            _ => self.event(does, &request),
        };
        let started = request.execution().claim_id.is_some();
        match (self.wrong, does) {
            (Wrong::OverwrittenDecision, Does::Approve | Does::Reject) if !started => {
                let state = State::clone(request.state());
                let votes = Arc::default();
                request = request.with(State { status: ApprovalStatus::Pending, decided: None, votes, ..state });
            }
            (Wrong::CancelWhileExecuting, Does::Cancel) | (_, Does::Requeue(_)) if started => {
                let mut state = State::clone(request.state());
                let end = state.execution().grant_expires_at;
                *state.execution_mut() = ExecutionRecord { grant_expires_at: end, ..ExecutionRecord::default() };
                request = request.with(state);
            }
            (Wrong::NoGrantExpiry, Does::Due) if request.status() == ApprovalStatus::Approved => return Err(Conflict::NotDue),
            (Wrong::NoGrantExpiry, Does::Claim(_)) => moment.time = request.decided_at().unwrap_or(moment.time),
            _ => {}
        }
        apply(&request, &event, moment).map(|change| (request.with(change.state), change.guard))
    }

    pub(super) fn event(&self, does: Does, request: &ApprovalRequest) -> Event {
        let vote = |name, answer| Event::Vote {
            reviewer: Reviewer::new(name),
            answer,
            digest: Some(request.digest()),
            edited: None,
            comment: None,
            door: "test",
        };
        match does {
            Does::Approve => vote("alice", Answer::Approve),
            Does::Reject => vote("bob", Answer::Reject),
            Does::Cancel => Event::Cancel { by: "operator".into() },
            Does::GiveUp(gate) if self.wrong == Wrong::GiveUpThatDenies => Event::Withdraw { waiter: id(gate) },
            Does::GiveUp(gate) | Does::Leave(gate) => Event::Leave { waiter: id(gate) },
            Does::Withdraw(gate) => Event::Withdraw { waiter: id(gate) },
            Does::Insert(gate) | Does::Attach(gate) | Does::Requeue(gate) => Event::Attach { waiter: id(gate) },
            Does::TimeOut | Does::Due => Event::TimeOut,
            Does::Claim(gate) => Event::Claim {
                claim_id: claim(gate),
                holder: id(gate),
                digest: request.digest(),
                fingerprint: request.tool().fingerprint(),
                denied: None,
            },
            Does::Finish(gate, executed) => {
                let outcome = if executed { Outcome::Executed } else { Outcome::Failed };
                Event::Finish { claim_id: claim(gate), outcome, result: None }
            }
            Does::Orphan(gate) => Event::Orphan { holder: id(gate) },
            Does::Settle => Event::Settle { by: Reviewer::new("alice"), outcome: Settlement::Executed, door: "test" },
        }
    }
}
