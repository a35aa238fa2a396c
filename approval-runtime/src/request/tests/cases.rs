//! One rule each.

use super::*;

/// I5: only a rejection may leave out which arguments it is about.
#[test]
fn i05_approval_names_a_digest() {
    let setting = for_all();
    let ask = ask(&setting);
    let request = asked(&ask, None, now());
    let vote = |answer| Event::Vote { reviewer: reviewer(0), answer, digest: None, edited: None, comment: None, door: "test" };
    assert_eq!(apply(&request, &vote(Answer::Approve), now()).unwrap_err(), Conflict::DigestMismatch);
    assert!(apply(&request, &vote(Answer::Reject), now()).is_ok());
}

#[test]
fn edit_voids_earlier_votes() {
    let setting = Setting { quorum: 2, approvers: vec![], principal: None, timeout: 60 };
    let ask = ask(&setting);
    let mut request = asked(&ask, None, now());
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
    let mut request = asked(&ask, None, now());
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
    let setting = for_all();
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
    let request = asked(&ask, None, now());
    let json = serde_json::to_value(&request).unwrap();
    let names = ["id", "tool_name", "arguments", "agent_name", "reason", "status", "created_at", "decided_at", "decided_by"];
    assert!(names.iter().all(|name| json.get(name).is_some()), "{json}");
    assert_eq!(json["created_at"], "2023-11-14T22:13:20.000000Z");
    assert_eq!(json["timeout_seconds"], 60);
    assert_eq!(json["required"], serde_json::json!({"approvers": ["finance"], "quorum": 1}));
    assert_eq!(json["digest"], arguments(0).digest().to_string());
    assert_eq!(json["execution"]["state"], "not_started");
}

fn done(request: &ApprovalRequest, step: &Step) -> ApprovalRequest {
    request.with(apply(request, &event(step, request), now()).unwrap().state)
}

fn refused(request: &ApprovalRequest, step: &Step) -> Conflict {
    apply(request, &event(step, request), now()).unwrap_err()
}

const APPROVE: Step = Step::Vote { person: 0, approve: true, digest: 0, edit: None, right: true };
const CLAIM: Step = Step::Claim { holder: 0, right: true, denied: false };
const EXECUTED: Step = Step::Finish { holder: 0, outcome: Outcome::Executed };

/// I13, I14: a lost holder leaves it unknown, nobody starts it again, and the holder itself may still say how it ended.
#[test]
fn i13_lost_start_is_unknown_until_its_holder_speaks() {
    let executing = done(&done(&of(&for_all()), &APPROVE), &CLAIM);
    assert_eq!(refused(&executing, &Step::Orphan { holder: 1 }), Conflict::NotHolder);
    let lost = done(&executing, &Step::Orphan { holder: 0 });
    assert!(lost.is_indeterminate() && !lost.has_ended());
    assert_eq!((lost.held_by(), lost.execution().finished_at), (None, None));
    assert_eq!(refused(&lost, &CLAIM), Conflict::AlreadyStarted);
    assert_eq!(refused(&lost, &Step::Cancel), Conflict::AlreadyStarted);
    assert_eq!(refused(&lost, &Step::Finish { holder: 1, outcome: Outcome::Executed }), Conflict::NotHolder);
    let said = done(&lost, &EXECUTED);
    assert_eq!(said.execution().state, ExecutionState::Executed);
    for step in [EXECUTED, Step::Orphan { holder: 0 }, Step::Finish { holder: 0, outcome: Outcome::Failed }] {
        assert_eq!(refused(&said, &step), Conflict::NotHolder);
    }
    assert_eq!(refused(&said, &Step::Settle { person: 0, outcome: Settlement::Failed }), Conflict::NotIndeterminate);
}

/// I14: one of the tool's reviewers says how it ended, once.
#[test]
fn i14_unknown_outcome_is_settled_once() {
    let setting = Setting { approvers: vec!["finance"], ..for_all() };
    let settle = |person, outcome| Step::Settle { person, outcome };
    let approve = Step::Vote { person: 1, approve: true, digest: 0, edit: None, right: true };
    let executing = done(&done(&of(&setting), &approve), &CLAIM);
    assert_eq!(refused(&executing, &settle(1, Settlement::Executed)), Conflict::NotIndeterminate);
    let lost = done(&executing, &Step::Orphan { holder: 0 });
    assert_eq!(refused(&lost, &settle(0, Settlement::Executed)), Conflict::NotAllowed);
    let settled = done(&lost, &settle(1, Settlement::Failed));
    assert_eq!((settled.execution().state, settled.has_ended()), (ExecutionState::Failed, true));
    assert_eq!(refused(&settled, &settle(1, Settlement::Failed)), Conflict::Repeated);
    assert_eq!(refused(&settled, &settle(1, Settlement::Executed)), Conflict::NotIndeterminate);
    assert_eq!(refused(&settled, &settle(2, Settlement::Failed)), Conflict::NotIndeterminate);
    assert_eq!(refused(&settled, &EXECUTED), Conflict::NotHolder);
}

/// I31: what waited in an earlier life is over, before anybody writes that.
#[test]
fn i31_earlier_life_is_over() {
    let pending = of(&for_all());
    let approved = done(&pending, &APPROVE);
    let later = now().of_incarnation(1);
    let ending = Event::Expire(EndedBecause::Incarnation);
    for request in [&pending, &approved] {
        assert_eq!(apply(request, &ending, now()).unwrap_err(), Conflict::NotDue, "its life goes on");
        let read = request.clone().at(later);
        assert_eq!((read.status(), read.ended_because()), (ApprovalStatus::Expired, Some(EndedBecause::Incarnation)));
        assert_eq!(read.held_by(), None);
        let steps = [
            Step::Vote { person: 1, approve: true, digest: 0, edit: None, right: true },
            Step::Vote { person: 1, approve: false, digest: 0, edit: None, right: true },
            CLAIM,
            Step::Cancel,
            Step::Withdraw { gate: 0 },
            Step::Attach { gate: 1 },
            Step::TimeOut,
            Step::Expire(EndedBecause::Unrunnable),
        ];
        for step in steps {
            let told = apply(request, &event(&step, request), later);
            assert!(matches!(told, Err(Conflict::Ended | Conflict::NotApproved)), "{step:?}: {told:?}");
        }
        let ended = request.with(apply(request, &ending, later).unwrap().state);
        assert_eq!((ended.status(), ended.ended_because()), (read.status(), read.ended_because()));
    }
    // A body that had started may still say how it ended.
    let executing = done(&approved, &CLAIM);
    assert_eq!(executing.clone().at(later).execution().state, ExecutionState::Executing);
    assert!(apply(&executing, &event(&EXECUTED, &executing), later).is_ok());
}

/// I12: its caller's going away ends an approval too, and stands in nobody's way; a revocation does.
#[test]
fn withdrawn_request_makes_room_for_the_same_call() {
    let pending = of(&for_all());
    for request in [done(&pending, &APPROVE), pending] {
        let withdrawn = done(&request, &Step::Withdraw { gate: 0 });
        assert_eq!((withdrawn.status(), withdrawn.idempotency_key()), (ApprovalStatus::Cancelled, None));
        assert!(done(&request, &Step::Cancel).idempotency_key().is_some());
        assert_eq!(refused(&request, &Step::Withdraw { gate: 1 }), Conflict::Ended, "another gate's call waits");
    }
}

/// I21: nobody lengthens a history without end.
#[test]
fn i21_refused_attempts_are_capped() {
    let mut request = done(&of(&for_all()), &Step::Vote { person: 0, approve: false, digest: 0, edit: None, right: true });
    let late = event(&APPROVE, &request);
    for nth in 0..2 * u32::from(MAX_REFUSED) {
        let change = refuse(&request, &late, Conflict::Ended, now());
        assert_eq!(change.is_some(), nth < u32::from(MAX_REFUSED));
        request = change.map_or(request.clone(), |change| request.with(change.state));
    }
    assert_eq!(request.version(), 2 + u32::from(MAX_REFUSED));
    assert_eq!(request.status(), ApprovalStatus::Rejected);
}
