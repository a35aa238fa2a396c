//! Who may decide, and how many must.

use approval_runtime::{Agent, ApprovalStatus, Decision, NewRequest, Reviewer, Tool};

use serde_json::json;

use crate::tools::{alice, five, gate};

fn carol() -> Reviewer {
    Reviewer::new("carol").role("finance")
}

#[tokio::test(start_paused = true)]
async fn i08_only_named_approvers_decide() {
    let gate = gate();
    let tool = Tool::named("refund").approvers(["finance", "dave"]);
    let request = gate.create_request(NewRequest::new(tool, five())).await.unwrap();
    for decision in [Decision::approve(alice(), request.digest()), Decision::reject(alice())] {
        let error = gate.decide(request.id(), decision).await.unwrap_err();
        assert_eq!(error.code(), "not_allowed");
        assert_eq!(error.to_string(), "alice may not decide on this tool: it is for finance, dave");
    }
    let approved = gate.decide(request.id(), Decision::approve(carol(), request.digest())).await.unwrap();
    assert_eq!(approved.status(), ApprovalStatus::Approved);
}

#[tokio::test(start_paused = true)]
async fn i08_nobody_reviews_their_own_call() {
    let gate = gate();
    let new = NewRequest::new(Tool::named("refund"), five()).agent(Agent::new("helper").on_behalf_of("alice"));
    let request = gate.create_request(new).await.unwrap();
    let error = gate.decide(request.id(), Decision::approve(alice(), request.digest())).await.unwrap_err();
    assert_eq!(error.code(), "self_review");
    assert_eq!(gate.get_request(request.id()).await.unwrap().status(), ApprovalStatus::Pending);
}

#[tokio::test(start_paused = true)]
async fn i09_quorum_counts_people() {
    let gate = gate();
    let request = gate.create_request(NewRequest::new(Tool::named("refund").quorum(2), five())).await.unwrap();
    let approve = |reviewer| gate.decide(request.id(), Decision::approve(reviewer, request.digest()));
    assert_eq!(approve(alice()).await.unwrap().status(), ApprovalStatus::Pending);
    // The same person through another door is the same person.
    let twice = gate.decide(request.id(), Decision::approve(alice(), request.digest()).door("page")).await.unwrap();
    assert_eq!((twice.status(), twice.votes().len()), (ApprovalStatus::Pending, 1));
    let contradiction = gate.decide(request.id(), Decision::reject(alice())).await.unwrap_err();
    assert_eq!(contradiction.code(), "already_voted");
    assert_eq!(approve(carol()).await.unwrap().status(), ApprovalStatus::Approved);
}

#[tokio::test(start_paused = true)]
async fn i09_one_reject_ends_it() {
    let gate = gate();
    let request = gate.create_request(NewRequest::new(Tool::named("refund").quorum(3), five())).await.unwrap();
    gate.decide(request.id(), Decision::approve(alice(), request.digest())).await.unwrap();
    let rejected = gate.decide(request.id(), Decision::reject(carol())).await.unwrap();
    assert_eq!((rejected.status(), rejected.decided_by()), (ApprovalStatus::Rejected, Some("carol")));
}

/// I9: somebody who edits back to what they approved before is still one person.
#[tokio::test(start_paused = true)]
async fn i09_editing_back_makes_nobody_two_people() {
    let gate = gate();
    let bob = || Reviewer::new("bob");
    let request = gate.create_request(NewRequest::new(Tool::named("refund").quorum(2), five())).await.unwrap();
    let id = request.id();
    gate.decide(id, Decision::approve(bob(), request.digest())).await.unwrap();
    let edit = Decision::approve(alice(), request.digest()).edited_arguments(json!({"to": "bob", "amount": 1}));
    let edited = gate.decide(id, edit).await.unwrap();
    let back = Decision::approve(bob(), edited.digest()).edited_arguments(five());
    let back = gate.decide(id, back).await.unwrap();
    assert_eq!(back.status(), ApprovalStatus::Pending, "{:?}", back.votes());
}
