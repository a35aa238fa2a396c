//! Properties of the lifecycle over random events. Each invariant's number is in its test's name or in the assertion.

mod cases;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::decision::{Answer, Reviewer};
use crate::tool::{Tool, ToolRef};

const PEOPLE: [&str; 4] = ["alice", "bob", "cleo", "dan"];

fn epoch() -> DateTime<Utc> {
    DateTime::from_timestamp(1_700_000_000, 0).unwrap()
}

fn now() -> Moment {
    Moment::at(epoch())
}

fn arguments(amount: u8) -> Arguments {
    Arguments::from_canonical(format!(r#"{{"amount":{amount}}}"#)).unwrap()
}

fn reviewer(person: usize) -> Reviewer {
    let reviewer = Reviewer::new(PEOPLE[person]);
    // Bob and Cleo are in finance.
    if person == 1 || person == 2 { reviewer.role("finance") } else { reviewer }
}

#[derive(Clone, Debug)]
struct Setting {
    quorum: u32,
    approvers: Vec<&'static str>,
    principal: Option<&'static str>,
    timeout: u64,
}

fn setting() -> impl Strategy<Value = Setting> {
    let approvers = prop_oneof![Just(vec![]), Just(vec!["finance"]), Just(vec!["alice", "finance"])];
    (1..4_u32, approvers, proptest::option::of(proptest::sample::select(&PEOPLE[..])), 1..2_000_u64)
        .prop_map(|(quorum, approvers, principal, timeout)| Setting { quorum, approvers, principal, timeout })
}

fn ask(setting: &Setting) -> Arc<Ask> {
    let tool = Tool::named("pay")
        .quorum(setting.quorum)
        .approvers(setting.approvers.iter().copied())
        .timeout(Duration::from_secs(setting.timeout));
    Arc::new(Ask {
        id: RequestId::random(),
        namespace: "default".into(),
        tool: ToolRef::Shared(Arc::new(tool)),
        arguments: arguments(0),
        agent: setting.principal.map(|principal| Agent::new("agent").on_behalf_of(principal)),
        call_id: None,
        reason: None,
        created_at: epoch(),
        policy_version: 1,
        incarnation: 0,
        key: Some(Box::new(arguments(7).digest())),
    })
}

fn asked(ask: &Arc<Ask>, waiter: Option<Uuid>, moment: Moment) -> ApprovalRequest {
    ApprovalRequest::new(Arc::clone(ask), open(ask, Verdict::Ask { waiter }, moment).state)
}

fn of(setting: &Setting) -> ApprovalRequest {
    asked(&ask(setting), Some(holder(0)), now())
}

fn for_all() -> Setting {
    Setting { quorum: 1, approvers: vec![], principal: None, timeout: 60 }
}

#[derive(Clone, Debug)]
enum Step {
    Vote { person: usize, approve: bool, digest: u8, edit: Option<u8>, right: bool },
    TimeOut,
    Cancel,
    Withdraw { gate: u8 },
    Claim { holder: u8, right: bool, denied: bool },
    Expire(EndedBecause),
    Finish { holder: u8, outcome: Outcome },
    Attach { gate: u8 },
    Leave { gate: u8 },
    Orphan { holder: u8 },
    Settle { person: usize, outcome: Settlement },
    Remove,
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![Just(Outcome::Executed), Just(Outcome::Failed), Just(Outcome::Indeterminate)];
    let because = prop_oneof![Just(EndedBecause::Grant), Just(EndedBecause::Unrunnable), Just(EndedBecause::Incarnation)];
    let settlement = prop_oneof![Just(Settlement::Executed), Just(Settlement::Failed)];
    prop_oneof![
        8 => (0..4_usize, any::<bool>(), 0..3_u8, proptest::option::weighted(0.2, 0..3_u8), proptest::bool::weighted(0.8))
            .prop_map(|(person, approve, digest, edit, right)| Step::Vote { person, approve, digest, edit, right }),
        1 => Just(Step::TimeOut),
        1 => Just(Step::Cancel),
        1 => (0..2_u8).prop_map(|gate| Step::Withdraw { gate }),
        3 => (0..2_u8, proptest::bool::weighted(0.9), proptest::bool::weighted(0.1))
            .prop_map(|(holder, right, denied)| Step::Claim { holder, right, denied }),
        1 => because.prop_map(Step::Expire),
        2 => (0..2_u8, outcome).prop_map(|(holder, outcome)| Step::Finish { holder, outcome }),
        2 => (0..2_u8).prop_map(|gate| Step::Attach { gate }),
        1 => (0..2_u8).prop_map(|gate| Step::Leave { gate }),
        2 => (0..2_u8).prop_map(|holder| Step::Orphan { holder }),
        2 => (0..4_usize, settlement).prop_map(|(person, outcome)| Step::Settle { person, outcome }),
        1 => Just(Step::Remove),
    ]
}

/// A step, and what goes on around it.
#[derive(Clone, Debug)]
struct Turn {
    step: Step,
    /// How the clock moved since the last one, in seconds.
    passed: i64,
    /// The store began another life.
    reborn: bool,
    /// The record goes through a store that keeps bytes.
    stored: bool,
}

fn turn() -> impl Strategy<Value = Turn> {
    (step(), -60..400_i64, proptest::bool::weighted(0.03), proptest::bool::weighted(0.3))
        .prop_map(|(step, passed, reborn, stored)| Turn { step, passed, reborn, stored })
}

fn holder(number: u8) -> Uuid {
    Uuid::from_u128(number.into())
}

fn event(step: &Step, request: &ApprovalRequest) -> Event {
    let other = |digest: u8| arguments(digest).digest();
    match step {
        Step::Vote { person, approve, digest, edit, right } => Event::Vote {
            reviewer: reviewer(*person),
            answer: if *approve { Answer::Approve } else { Answer::Reject },
            digest: Some(if *right { request.digest() } else { other(*digest) }),
            edited: edit.map(|edit| Arc::new(arguments(edit))),
            comment: None,
            door: "test",
        },
        Step::TimeOut => Event::TimeOut,
        // By that name too it is no withdrawal.
        Step::Cancel => Event::Cancel { by: "caller".into() },
        Step::Withdraw { gate } => Event::Withdraw { waiter: holder(*gate) },
        Step::Attach { gate } => Event::Attach { waiter: holder(*gate) },
        Step::Leave { gate } => Event::Leave { waiter: holder(*gate) },
        Step::Orphan { holder: number } => Event::Orphan { holder: holder(*number) },
        Step::Settle { person, outcome } => Event::Settle { by: reviewer(*person), outcome: *outcome, door: "test" },
        Step::Remove => Event::Remove,
        Step::Claim { holder: number, right, denied } => Event::Claim {
            claim_id: holder(*number),
            holder: holder(*number),
            fingerprint: request.tool().fingerprint(),
            digest: if *right { request.digest() } else { other(9) },
            denied: denied.then(|| "no more".into()),
        },
        Step::Expire(because) => Event::Expire(*because),
        Step::Finish { holder: number, outcome } => {
            Event::Finish { claim_id: holder(*number), outcome: *outcome, result: None }
        }
    }
}

fn check_step(before: &ApprovalRequest, event: &Event, change: &Change, moment: Moment) -> Result<(), TestCaseError> {
    let after = before.with(change.state.clone());
    // The lifecycle never works with a time before what the record says.
    let execution = before.execution();
    let times = [before.decided_at(), execution.started_at, execution.finished_at];
    let written = before.state().entry.at().max(before.created_at());
    let now = times.into_iter().flatten().fold(moment.time.max(written), DateTime::max);
    // I30: no row of a history is older than the one before.
    prop_assert_eq!(change.state.entry.at(), now);
    let is_of = before.incarnation() == moment.incarnation;
    let (from, to) = (before.status(), after.status());
    prop_assert_eq!(after.version(), before.version() + 1);
    prop_assert_eq!(change.guard.version, before.version());
    prop_assert_eq!(change.guard.incarnation, moment.incarnation);
    // I3, I12: which status may follow which.
    let unused = execution.state == ExecutionState::NotStarted;
    let follows = match (from, to) {
        (ApprovalStatus::Pending, ApprovalStatus::Expired) => !is_of,
        (ApprovalStatus::Pending, ApprovalStatus::AutoApproved) => false,
        (ApprovalStatus::Pending, _) => true,
        (ApprovalStatus::Approved, ApprovalStatus::Cancelled | ApprovalStatus::Expired) => unused,
        (from, to) => from == to,
    };
    prop_assert!(follows, "{from} became {to}");
    // I4: what readers saw end stays as they saw it.
    let seen = before.clone().at(moment);
    if seen.status() != from {
        let read = after.clone().at(moment);
        prop_assert_eq!((seen.status(), seen.ended_because()), (read.status(), read.ended_because()), "I4: {:?}", event);
    }
    // I31: of another life, nothing but its end and what became of a body that had started.
    if !is_of {
        let ends = to == ApprovalStatus::Expired && after.ended_because() == Some(EndedBecause::Incarnation);
        prop_assert!(from == to && !matches!(event, Event::Vote { .. } | Event::Attach { .. }) || ends, "I31: {:?}", event);
    }
    if matches!(event, Event::Remove) {
        prop_assert!(before.has_ended(), "{from}, {} was removed", execution.state);
    }
    if let (Some(by), Some(at)) = (before.decided_by(), before.decided_at()) {
        prop_assert_eq!((Some(by), Some(at)), (after.decided_by(), after.decided_at()), "I3: the decision changed");
        prop_assert_eq!(before.digest(), after.digest(), "I5: what runs changed after the decision");
    }
    check_execution(before, &after, event, change, moment, now)?;
    check_waiter(before, &after, event)?;
    // I6: nobody decides after the deadline, nothing times out before it.
    match to {
        ApprovalStatus::Approved | ApprovalStatus::Rejected if from == ApprovalStatus::Pending => {
            prop_assert!(now < before.expires_at());
            prop_assert_eq!(change.guard.not_after, Some(before.expires_at()));
        }
        ApprovalStatus::Cancelled if matches!(event, Event::Cancel { .. } | Event::Withdraw { .. }) => {
            let end =
                if from == ApprovalStatus::Pending { Some(before.expires_at()) } else { before.execution().grant_expires_at };
            prop_assert_eq!(change.guard.not_after, end);
        }
        ApprovalStatus::TimedOut if from == ApprovalStatus::Pending => {
            prop_assert!(now >= before.expires_at());
            prop_assert_eq!(change.guard.not_before, Some(before.expires_at()));
        }
        _ => {}
    }
    Ok(())
}

/// I2, I13, I14, I15: one start, and who may say how it ended.
fn check_execution(
    before: &ApprovalRequest,
    after: &ApprovalRequest,
    event: &Event,
    change: &Change,
    moment: Moment,
    now: DateTime<Utc>,
) -> Result<(), TestCaseError> {
    let (old, new) = (before.execution(), after.execution());
    match (old.state, new.state) {
        (ExecutionState::NotStarted, ExecutionState::Executing) => {
            let Event::Claim { digest, holder, .. } = event else { return Err(TestCaseError::fail("only a claim starts")) };
            prop_assert_eq!(*digest, before.digest(), "I5: another call would start");
            prop_assert_eq!(change.guard.not_after, old.grant_expires_at);
            prop_assert_eq!((before.status(), after.status()), (ApprovalStatus::Approved, ApprovalStatus::Approved));
            prop_assert!(old.grant_expires_at.is_some_and(|end| now < end), "I15");
            prop_assert_eq!(before.incarnation(), moment.incarnation, "I31");
            prop_assert_eq!(after.held_by(), Some(*holder));
        }
        (from, to) if from == to => prop_assert_eq!(&old.settled_by, &new.settled_by),
        (ExecutionState::Executing, ExecutionState::Indeterminate) => match event {
            Event::Finish { claim_id, .. } => prop_assert_eq!(old.claim_id, Some(*claim_id), "I14"),
            Event::Orphan { holder } => prop_assert_eq!(old.holder, Some(*holder), "I13"),
            _ => return Err(TestCaseError::fail("I13: only who holds it, or who finds them gone, leaves it unknown")),
        },
        (from, ExecutionState::Executed | ExecutionState::Failed) => match event {
            Event::Finish { claim_id, .. } => {
                prop_assert!(matches!(from, ExecutionState::Executing | ExecutionState::Indeterminate), "{from} ended");
                prop_assert_eq!(old.claim_id, Some(*claim_id), "I14");
                prop_assert_eq!(&new.settled_by, &None);
            }
            Event::Settle { by, .. } => {
                prop_assert_eq!((from, &old.settled_by), (ExecutionState::Indeterminate, &None), "settled once");
                prop_assert_eq!(new.settled_by.as_deref(), Some(by.name()));
                prop_assert!(by.is_one_of(before.tool().named_approvers()), "I8");
            }
            _ => return Err(TestCaseError::fail("only a finish or a person ends it")),
        },
        (from, to) => return Err(TestCaseError::fail(format!("{from} became {to}"))),
    }
    if old.claim_id.is_some() {
        prop_assert_eq!((old.claim_id, old.holder), (new.claim_id, new.holder), "I2: another start");
    }
    Ok(())
}

/// Who waits is on the record for as long as there is something to wait for.
fn check_waiter(before: &ApprovalRequest, after: &ApprovalRequest, event: &Event) -> Result<(), TestCaseError> {
    let waits = match (after.status(), after.execution().state) {
        (ApprovalStatus::Pending, _) | (ApprovalStatus::Approved, ExecutionState::NotStarted) => true,
        (_, state) => {
            let holder = after.execution().holder.filter(|_| state == ExecutionState::Executing);
            prop_assert_eq!(after.held_by(), holder, "nobody waits for what has ended or started");
            false
        }
    };
    let expected = match event {
        Event::Attach { waiter } => Some(*waiter),
        Event::Leave { waiter } => {
            prop_assert_eq!(before.held_by(), Some(*waiter));
            None
        }
        Event::Withdraw { waiter } => {
            prop_assert_eq!((before.held_by(), after.status()), (Some(*waiter), ApprovalStatus::Cancelled));
            None
        }
        _ => before.state().waiter.filter(|_| waits),
    };
    prop_assert_eq!(after.state().waiter, expected, "after {:?}", event);
    Ok(())
}

/// I21: what was refused is a row and nothing else, as often as a history takes it.
fn check_refused(
    before: &ApprovalRequest,
    event: &Event,
    conflict: Conflict,
    moment: Moment,
) -> Result<Option<ApprovalRequest>, TestCaseError> {
    // That nobody knows how a call ended, nobody tries to say: it comes of a call that went away.
    let attempted = match event {
        Event::Vote { .. } | Event::Settle { .. } | Event::Cancel { .. } | Event::Claim { .. } => true,
        Event::Finish { outcome, .. } => *outcome != Outcome::Indeterminate,
        _ => false,
    };
    let told = attempted && !matches!(conflict, Conflict::Repeated | Conflict::NotDue) && before.state().refused < MAX_REFUSED;
    let change = refuse(before, event, conflict, moment);
    prop_assert_eq!(change.is_some(), told, "I21: {:?} was refused: {:?}", event, conflict);
    let Some(change) = change else { return Ok(None) };
    prop_assert_eq!((change.guard.version, change.transition), (before.version(), None));
    let after = before.with(change.state);
    prop_assert_eq!(after.version(), before.version() + 1);
    prop_assert_eq!(after.state().refused, before.state().refused + 1);
    prop_assert_eq!(after.state().waiter, before.state().waiter);
    let whole = |request: &ApprovalRequest| {
        let mut json = serde_json::to_value(request).unwrap();
        json.as_object_mut().unwrap().remove("version");
        json
    };
    if before.state().refused < 2 {
        prop_assert_eq!(whole(&after), whole(before));
    }
    Ok(Some(after))
}

/// I21: one row a version, each naming the one before. `versions` are as they were made, in order.
fn check_history(versions: &[ApprovalRequest], refused: u8) -> Result<(), TestCaseError> {
    let mut previous = None;
    let mut attempts = 0;
    for (version, request) in (1..).zip(versions) {
        let row = request.audit_row().expect("each was made here");
        prop_assert_eq!((row.version, row.request, row.hash), (version, request.id(), Digest::of(row.text.as_bytes())));
        prop_assert_eq!(request.audit_head(), row.hash);
        let text: serde_json::Value = serde_json::from_str(&row.text).unwrap();
        prop_assert_eq!(text["previous"].as_str(), previous.as_deref(), "the chain at version {}", version);
        prop_assert_eq!(&text["status"], request.status().as_str());
        prop_assert_eq!(&text["execution"], request.execution().state.as_str());
        prop_assert_eq!(row.what.is_none(), text["what"] == "refused");
        attempts += u8::from(row.what.is_none());
        previous = Some(row.hash.to_string());
    }
    prop_assert_eq!(attempts, refused);
    prop_assert!(attempts <= MAX_REFUSED);
    Ok(())
}

fn check_record(request: &ApprovalRequest, setting: &Setting) -> Result<(), TestCaseError> {
    // I8: every vote is by somebody who may.
    for vote in request.votes() {
        let person = PEOPLE.iter().position(|person| **person == *vote.reviewer).unwrap();
        prop_assert!(reviewer(person).is_one_of(setting.approvers.iter().copied()));
        prop_assert_ne!(Some(&*vote.reviewer), setting.principal);
    }
    // I9: distinct people, the same arguments.
    let was_approved = request.execution().grant_expires_at.is_some();
    let mut people: Vec<_> =
        request.votes().iter().filter(|v| v.decision == Answer::Approve && v.digest == request.digest()).collect();
    people.sort_by(|a, b| a.reviewer.cmp(&b.reviewer));
    people.dedup_by(|a, b| a.reviewer == b.reviewer);
    prop_assert_eq!(was_approved, people.len() >= setting.quorum as usize);
    // I30: the record's times are in order.
    let execution = request.execution();
    let times = [Some(request.created_at()), request.decided_at(), execution.started_at, execution.finished_at];
    prop_assert!(times.iter().flatten().is_sorted(), "{:?}", times);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// I2, I3, I4, I5, I6, I8, I9, I12, I13, I14, I15, I21, I30, I31 over random events, on a clock that also steps back and a
    /// store that begins other lives.
    #[test]
    fn lifecycle_keeps_its_invariants(setting in setting(), turns in vec(turn(), 1..40)) {
        let ask = ask(&setting);
        let mut moment = now();
        let mut request = asked(&ask, Some(holder(0)), moment);
        let mut versions = vec![request.clone()];
        let (mut starts, mut withdrawn, mut refused) = (0, false, 0);
        for Turn { step, passed, reborn, stored } in turns {
            moment.time += TimeDelta::seconds(passed);
            moment.incarnation += u64::from(reborn);
            let event = event(&step, &request);
            match apply(&request, &event, moment) {
                Ok(change) => {
                    check_step(&request, &event, &change, moment)?;
                    prop_assert!(change.transition.is_some());
                    starts += u32::from(change.transition == Some(Transition::Started));
                    withdrawn |= matches!(event, Event::Withdraw { .. });
                    request = request.with(change.state);
                    versions.push(request.clone());
                }
                Err(conflict) => if let Some(after) = check_refused(&request, &event, conflict, moment)? {
                    request = after;
                    refused += 1;
                    versions.push(request.clone());
                },
            }
            check_record(&request, &setting)?;
            prop_assert_eq!(request.idempotency_key().is_none(), withdrawn, "only a withdrawal makes room for the same call");
            // A reader never sees pending at or after the deadline, nor in another life.
            let read = request.clone().at(moment);
            let is_of = moment.incarnation == request.incarnation();
            prop_assert!(read.status() != ApprovalStatus::Pending || moment.time < read.expires_at() && is_of, "I6, I31");
            if matches!(event, Event::Remove) && request.last_transition() == Some(Transition::Removed) {
                break;
            }
            if stored {
                let back = Stored::read(&Stored::ask(&request), &Stored::state(&request)).unwrap();
                prop_assert_eq!(serde_json::to_value(&back).unwrap(), serde_json::to_value(&request).unwrap());
                prop_assert_eq!((back.held_by(), back.idempotency_key()), (request.held_by(), request.idempotency_key()));
                prop_assert_eq!((back.audit_head(), back.audit_row()), (request.audit_head(), None));
                request = back;
            }
        }
        prop_assert!(starts <= 1, "I2: {starts} starts");
        check_history(&versions, refused)?;
    }

    /// I3: repeating a decision changes nothing and is recognised; contradicting it is refused.
    #[test]
    fn i03_first_decision_is_final(approve in any::<bool>(), other in 0..4_usize) {
        let setting = for_all();
        let ask = ask(&setting);
        let request = asked(&ask, None, now());
        let vote = |person, approve| Step::Vote { person, approve, digest: 0, edit: None, right: true };
        let first = apply(&request, &event(&vote(0, approve), &request), now()).unwrap();
        let decided = request.with(first.state);
        let again = apply(&decided, &event(&vote(0, approve), &decided), now());
        prop_assert_eq!(again.unwrap_err(), Conflict::Repeated);
        let contradiction = apply(&decided, &event(&vote(0, !approve), &decided), now());
        prop_assert_eq!(contradiction.unwrap_err(), Conflict::Ended);
        if other != 0 {
            prop_assert_eq!(apply(&decided, &event(&vote(other, approve), &decided), now()).unwrap_err(), Conflict::Ended);
        }
    }
}
