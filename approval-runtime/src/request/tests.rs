//! Properties of the lifecycle over random events. Each invariant's number is in its test's name or in the assertion.

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
        key: None,
    })
}

#[derive(Clone, Debug)]
enum Step {
    Vote { person: usize, approve: bool, digest: u8, edit: Option<u8>, right: bool },
    TimeOut,
    Cancel,
    Claim { holder: u8, right: bool, denied: bool },
    Expire(EndedBecause),
    Finish { holder: u8, outcome: Outcome },
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![Just(Outcome::Executed), Just(Outcome::Failed), Just(Outcome::Indeterminate)];
    let because = prop_oneof![Just(EndedBecause::Grant), Just(EndedBecause::Unrunnable)];
    prop_oneof![
        8 => (0..4_usize, any::<bool>(), 0..3_u8, proptest::option::weighted(0.2, 0..3_u8), proptest::bool::weighted(0.8))
            .prop_map(|(person, approve, digest, edit, right)| Step::Vote { person, approve, digest, edit, right }),
        1 => Just(Step::TimeOut),
        1 => Just(Step::Cancel),
        3 => (0..2_u8, proptest::bool::weighted(0.9), proptest::bool::weighted(0.1))
            .prop_map(|(holder, right, denied)| Step::Claim { holder, right, denied }),
        1 => because.prop_map(Step::Expire),
        2 => (0..2_u8, outcome).prop_map(|(holder, outcome)| Step::Finish { holder, outcome }),
    ]
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
        Step::Cancel => Event::Cancel { by: "caller".into() },
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

fn check_step(before: &ApprovalRequest, event: &Event, change: &Change, now: DateTime<Utc>) -> Result<(), TestCaseError> {
    let after = before.with(change.state.clone());
    let (from, to) = (before.status(), after.status());
    prop_assert_eq!(after.version(), before.version() + 1);
    prop_assert_eq!(change.guard.version, before.version());
    // I3, I12: which status may follow which.
    let unused = before.execution().state == ExecutionState::NotStarted;
    let follows = match (from, to) {
        (ApprovalStatus::Pending, ApprovalStatus::Expired | ApprovalStatus::AutoApproved) => false,
        (ApprovalStatus::Pending, _) => true,
        (ApprovalStatus::Approved, ApprovalStatus::Cancelled | ApprovalStatus::Expired) => unused,
        (from, to) => from == to && from == ApprovalStatus::Approved,
    };
    prop_assert!(follows, "{from} became {to}");
    if let (Some(by), Some(at)) = (before.decided_by(), before.decided_at()) {
        prop_assert_eq!((Some(by), Some(at)), (after.decided_by(), after.decided_at()), "I3: the decision changed");
        prop_assert_eq!(before.digest(), after.digest(), "I5: what runs changed after the decision");
    }
    // I2, I14: one start, and only its holder ends it.
    match (before.execution().state, after.execution().state) {
        (ExecutionState::NotStarted, ExecutionState::Executing) => {
            let Event::Claim { digest, .. } = event else { return Err(TestCaseError::fail("only a claim starts")) };
            prop_assert_eq!(*digest, before.digest(), "I5: another call would start");
            prop_assert_eq!(change.guard.not_after, before.execution().grant_expires_at);
            prop_assert_eq!((from, to), (ApprovalStatus::Approved, ApprovalStatus::Approved));
            prop_assert!(before.execution().grant_expires_at.is_some_and(|end| now < end), "I15");
        }
        (from, to) if from == to => {}
        (from, _) => {
            prop_assert!(matches!(from, ExecutionState::Executing | ExecutionState::Indeterminate));
            let Event::Finish { claim_id, .. } = event else { return Err(TestCaseError::fail("only a finish ends")) };
            prop_assert_eq!(before.execution().claim_id, Some(*claim_id));
        }
    }
    if before.execution().claim_id.is_some() {
        prop_assert_eq!(before.execution().claim_id, after.execution().claim_id);
    }
    // I6: nobody decides after the deadline, nothing times out before it.
    match to {
        ApprovalStatus::Approved | ApprovalStatus::Rejected if from == ApprovalStatus::Pending => {
            prop_assert!(now < before.expires_at());
            prop_assert_eq!(change.guard.not_after, Some(before.expires_at()));
        }
        ApprovalStatus::Cancelled if matches!(event, Event::Cancel { .. }) => {
            let end =
                if from == ApprovalStatus::Pending { Some(before.expires_at()) } else { before.execution().grant_expires_at };
            prop_assert_eq!(change.guard.not_after, end);
        }
        ApprovalStatus::TimedOut => {
            prop_assert!(now >= before.expires_at());
            prop_assert_eq!(change.guard.not_before, Some(before.expires_at()));
        }
        _ => {}
    }
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
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// I2, I3, I5, I6, I8, I9, I12, I14, I15, I30 over random events on a clock that also steps back.
    #[test]
    fn lifecycle_keeps_its_invariants(setting in setting(), steps in vec((step(), -60..400_i64), 1..40)) {
        let ask = ask(&setting);
        let mut clock = epoch();
        let mut request = ApprovalRequest::new(Arc::clone(&ask), open(&ask, Verdict::Ask { waiter: None }, Moment::at(clock)).state);
        let mut starts = 0;
        for (step, seconds) in steps {
            clock += TimeDelta::seconds(seconds);
            let event = event(&step, &request);
            if let Ok(change) = apply(&request, &event, Moment::at(clock)) {
                // The lifecycle never works with a time before what the record says.
                let now = clock.max(request.decided_at().unwrap_or(epoch())).max(request.created_at());
                let now = now.max(request.execution().started_at.unwrap_or(now)).max(request.execution().finished_at.unwrap_or(now));
                check_step(&request, &event, &change, now)?;
                starts += u32::from(change.transition == Some(Transition::Started));
                request = request.with(change.state);
            }
            check_record(&request, &setting)?;
            // A reader never sees pending at or after the deadline.
            let read = request.clone().at(Moment::at(clock));
            prop_assert!(read.status() != ApprovalStatus::Pending || clock < read.expires_at(), "I6");
        }
        prop_assert!(starts <= 1, "I2: {starts} starts");
    }

    /// I3: repeating a decision changes nothing and is recognised; contradicting it is refused.
    #[test]
    fn i03_first_decision_is_final(approve in any::<bool>(), other in 0..4_usize) {
        let setting = Setting { quorum: 1, approvers: vec![], principal: None, timeout: 60 };
        let ask = ask(&setting);
        let request = ApprovalRequest::new(Arc::clone(&ask), open(&ask, Verdict::Ask { waiter: None }, now()).state);
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

/// I5: only a rejection may leave out which arguments it is about.
#[test]
fn i05_approval_names_a_digest() {
    let setting = Setting { quorum: 1, approvers: vec![], principal: None, timeout: 60 };
    let ask = ask(&setting);
    let request = ApprovalRequest::new(Arc::clone(&ask), open(&ask, Verdict::Ask { waiter: None }, now()).state);
    let vote = |answer| Event::Vote { reviewer: reviewer(0), answer, digest: None, edited: None, comment: None, door: "test" };
    assert_eq!(apply(&request, &vote(Answer::Approve), now()).unwrap_err(), Conflict::DigestMismatch);
    assert!(apply(&request, &vote(Answer::Reject), now()).is_ok());
}

#[test]
fn edit_voids_earlier_votes() {
    let setting = Setting { quorum: 2, approvers: vec![], principal: None, timeout: 60 };
    let ask = ask(&setting);
    let mut request = ApprovalRequest::new(Arc::clone(&ask), open(&ask, Verdict::Ask { waiter: None }, now()).state);
    let vote = |person, edit| Step::Vote { person, approve: true, digest: 0, edit, right: true };
    for (step, status) in [
        (vote(0, None), ApprovalStatus::Pending),
        (vote(1, Some(5)), ApprovalStatus::Pending), // Alice's approval was for something else
        (vote(0, None), ApprovalStatus::Approved),   // Alice approves what Bob made of it
    ] {
        let change = apply(&request, &event(&step, &request), now()).unwrap();
        request = request.with(change.state);
        assert_eq!(request.status(), status);
    }
    assert_eq!(request.digest(), arguments(5).digest());
}

/// I9: editing back and forth makes nobody two people.
#[test]
fn i09_one_person_counts_once() {
    let setting = Setting { quorum: 2, approvers: vec![], principal: None, timeout: 60 };
    let ask = ask(&setting);
    let mut request = ApprovalRequest::new(Arc::clone(&ask), open(&ask, Verdict::Ask { waiter: None }, now()).state);
    let vote = |person, edit| Step::Vote { person, approve: true, digest: 0, edit, right: true };
    for (step, status) in [
        (vote(0, None), ApprovalStatus::Pending),
        (vote(1, Some(5)), ApprovalStatus::Pending),
        (vote(0, Some(0)), ApprovalStatus::Pending), // Alice undoes Bob's edit: still only hers
        (vote(1, None), ApprovalStatus::Approved),
    ] {
        let change = apply(&request, &event(&step, &request), now()).unwrap();
        request = request.with(change.state);
        assert_eq!(request.status(), status);
    }
    assert_eq!(request.digest(), arguments(0).digest());
}

#[test]
fn denied_call_is_recorded_as_rejected() {
    let setting = Setting { quorum: 1, approvers: vec![], principal: None, timeout: 60 };
    let ask = ask(&setting);
    let change = open(&ask, Verdict::Deny { rule: "too much".into() }, now());
    let request = ApprovalRequest::new(ask, change.state);
    assert_eq!((request.status(), request.decided_by()), (ApprovalStatus::Rejected, Some("policy")));
    assert_eq!(request.matched_rule(), Some("too much"));
}

#[test]
fn record_in_json_keeps_the_articles_names() {
    let setting = Setting { quorum: 1, approvers: vec!["finance"], principal: Some("dan"), timeout: 60 };
    let ask = ask(&setting);
    let request = ApprovalRequest::new(Arc::clone(&ask), open(&ask, Verdict::Ask { waiter: None }, now()).state);
    let json = serde_json::to_value(&request).unwrap();
    let names = ["id", "tool_name", "arguments", "agent_name", "reason", "status", "created_at", "decided_at", "decided_by"];
    assert!(names.iter().all(|name| json.get(name).is_some()), "{json}");
    assert_eq!(json["created_at"], "2023-11-14T22:13:20.000000Z");
    assert_eq!(json["timeout_seconds"], 60);
    assert_eq!(json["required"], serde_json::json!({"approvers": ["finance"], "quorum": 1}));
    assert_eq!(json["digest"], arguments(0).digest().to_string());
    assert_eq!(json["execution"]["state"], "not_started");
}
