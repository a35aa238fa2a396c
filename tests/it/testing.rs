//! The test kit: what it replies, when, and that it says so when a test does not go as it was written.

mod assertions;
mod failures;

use std::time::Duration;

use approval_runtime::testing::{Reply, TestGate};
use approval_runtime::{
    Agent, ApprovalGate, ApprovalGateBuilder, ApprovalPolicy, ApprovalStatus, EventKind, ExecutionState, InCurrentScope,
    NewRequest, Refusal, Reviewer, Tool, Transition, requires_approval,
};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::tools::{Starts, alice, five, pay, pending};

/// Reviewers have the default of 300 seconds.
#[requires_approval(name = "kit.send_email")]
async fn send_email(to: &str) -> Result<String, Refusal> {
    Ok(format!("sent to {to}"))
}

fn builder() -> ApprovalGateBuilder {
    ApprovalGate::builder().tool(pay())
}

/// The clock stands still while a test gate replies, and the call does wait for it.
#[tokio::test(start_paused = true)]
async fn reply_takes_no_time() {
    let (gate, before) = (TestGate::approve_all(builder()), Instant::now());
    let mut events = gate.events();
    assert_eq!(gate.scope(send_email("ada")).await.unwrap(), "sent to ada");
    assert_eq!(before.elapsed(), Duration::ZERO);
    for kind in [
        EventKind::Changed(Transition::Requested),
        EventKind::Changed(Transition::Approved),
        EventKind::Changed(Transition::Started),
        EventKind::Changed(Transition::Executed),
    ] {
        assert_eq!(events.next().await.unwrap().kind, kind);
    }
    let request = &gate.asked()[0];
    assert_eq!((request.decided_by(), request.votes()[0].door.as_ref()), (Some("reviewer"), "test"));
    assert_eq!(request.execution().state, ExecutionState::Executed);
}

async fn hundred_spawned_calls() {
    let gate = TestGate::approve_all(builder());
    let spawn = async {
        let tasks: Vec<_> =
            (0..100).map(|n| tokio::spawn(async move { send_email(&n.to_string()).await }.in_current_scope())).collect();
        for (n, task) in tasks.into_iter().enumerate() {
            assert_eq!(task.await.unwrap().unwrap(), format!("sent to {n}"));
        }
    };
    gate.scope(spawn).await;
    gate.assert_asked("kit.send_email").times(100);
}

#[tokio::test(start_paused = true)]
async fn spawned_calls_get_replies() {
    let before = Instant::now();
    hundred_spawned_calls().await;
    assert_eq!(before.elapsed(), Duration::ZERO);
}

/// Where the clock cannot be paused, and the calls and replies are on several threads.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn spawned_calls_get_replies_on_threads() {
    hundred_spawned_calls().await;
}

#[tokio::test(start_paused = true)]
async fn rejected_call_gets_the_comment() {
    let (gate, starts) = (TestGate::reject_all(builder(), "not today"), Starts::default());
    let refusal = starts.pay(&gate, five()).await.unwrap_err();
    assert!(matches!(&refusal, Refusal::Rejected { comment: Some(comment), .. } if &**comment == "not today"), "{refusal:?}");
    assert_eq!(starts.count(), 0);
}

/// Nobody replies, and five minutes are over at once.
#[tokio::test(start_paused = true)]
async fn silence_times_out_at_once() {
    let (gate, before, real) = (TestGate::silent(builder()), Instant::now(), std::time::Instant::now());
    assert!(gate.scope(send_email("ada")).await.unwrap_err().is_timed_out());
    assert_eq!(before.elapsed().as_secs(), 300);
    assert!(real.elapsed() < Duration::from_secs(30));
    assert_eq!(gate.asked()[0].status(), ApprovalStatus::TimedOut);
}

/// Calls that wait at once take the replies in the order in which they asked.
#[tokio::test(start_paused = true)]
async fn script_goes_by_the_order_of_asking() {
    let four = json!({"to": "bob", "amount": 4});
    let replies = [Reply::approve(), Reply::reject("no"), Reply::approve_with(four.clone()), Reply::silence(), Reply::cancel()];
    let (gate, starts) = (TestGate::script(builder(), replies), Starts::default());
    let call = |to: &str| starts.pay(&gate, json!({"to": to, "amount": 5}));
    let (first, second, third, fourth, fifth) =
        tokio::join!(call("first"), call("second"), call("third"), call("fourth"), call("fifth"));
    assert_eq!(first.unwrap()["to"], "first");
    assert_eq!(second.unwrap_err().code(), "rejected");
    assert_eq!(third.unwrap(), four);
    assert_eq!(fourth.unwrap_err().code(), "timed_out");
    assert_eq!(fifth.unwrap_err().code(), "cancelled");
    let order: Vec<_> = gate.asked().iter().map(|request| request.arguments().to_value()["to"].clone()).collect();
    assert_eq!(order, ["first", "second", "third", "fourth", "fifth"]);
    gate.finish();
}

/// The closure sees the request, remembers what it saw, and may take its time.
#[tokio::test(start_paused = true)]
async fn reviewer_reads_the_request() {
    let mut seen = 0;
    let gate = TestGate::reviewer(builder(), move |request| {
        seen += 1;
        match request.arguments().to_value()["amount"].as_u64() {
            Some(..100) => Reply::approve().by(alice()).after(Duration::from_secs(30)),
            _ => Reply::reject(format!("number {seen} is too much")),
        }
    });
    let (starts, before) = (Starts::default(), Instant::now());
    starts.pay(&gate, five()).await.unwrap();
    assert_eq!((before.elapsed().as_secs(), gate.asked()[0].decided_by()), (30, Some("alice")));
    let refusal = starts.pay(&gate, json!({"amount": 100})).await.unwrap_err();
    let Refusal::Rejected { comment, .. } = refusal else { panic!("{refusal:?}") };
    assert_eq!(comment.as_deref(), Some("number 2 is too much"));
    assert_eq!(starts.count(), 1);
}

/// What the builder says holds: rules, an agent's own policy, the namespace, the bound on pending requests.
#[tokio::test(start_paused = true)]
async fn builders_settings_hold() {
    let amount = |from: u64| move |args: &Value| args["amount"].as_u64().is_some_and(|amount| amount >= from);
    let policy = ApprovalPolicy::new()
        .add_auto_approve_rule("pay", "under ten", |args: &Value| args["amount"].as_u64().is_some_and(|amount| amount < 10))
        .add_deny_rule("pay", "a hundred or more", amount(100));
    let builder = builder().policy(policy).policy_for("strict", ApprovalPolicy::new()).namespace("bank");
    let (gate, starts) = (TestGate::approve_all(builder), Starts::default());
    starts.pay(&gate, five()).await.unwrap();
    assert_eq!(starts.pay(&gate, json!({"amount": 100})).await.unwrap_err().code(), "rejected");
    gate.assert_nothing_asked();
    Agent::new("strict").scope(starts.pay(&gate, five())).await.unwrap();
    gate.assert_asked("pay").by_agent("strict").times(1);
    gate.assert_auto_approved("pay").with(json!({"amount": 5})).times(1);
    gate.assert_denied("pay").with_only(json!({"amount": 100}));
    assert_eq!((gate.denied()[0].namespace(), gate.auto_approved()[0].matched_rule()), ("bank", Some("under ten")));
    assert_eq!(starts.count(), 2);
}

/// A tool that names approvers and a quorum is approved by as many of them, and never by whom the call is for.
#[tokio::test(start_paused = true)]
async fn approve_all_is_entitled() {
    let tool = Tool::named("wire").approvers(["finance", "dave"]).quorum(3);
    let (gate, starts) = (TestGate::approve_all(builder()), Starts::default());
    let agent = Agent::new("helper").on_behalf_of("reviewer-2");
    agent.scope(starts.call(&gate, tool.clone(), five())).await.unwrap();
    let voters: Vec<_> = gate.asked()[0].votes().iter().map(|vote| vote.reviewer.to_string()).collect();
    assert_eq!(voters, ["reviewer", "reviewer-3", "reviewer-4"]);

    let edit = Reply::approve_with(json!({"amount": 4}));
    let named = Reply::approve().by(Reviewer::new("dave")).by(alice().role("finance"));
    let gate = TestGate::script(builder(), [edit, named]);
    assert_eq!(starts.call(&gate, tool.clone(), five()).await.unwrap(), json!({"amount": 4}));
    // Two of three: the reply says who, and one more does not come.
    assert!(starts.call(&gate, tool, five()).await.unwrap_err().is_timed_out());
    assert_eq!(gate.asked()[1].votes().len(), 2);
}

/// A gated tool may call another one.
#[tokio::test(start_paused = true)]
async fn nested_call_asks_too() {
    #[requires_approval(name = "kit.notify_all")]
    async fn notify_all(to: Vec<String>) -> Result<usize, Refusal> {
        for to in &to {
            send_email(to).await?;
        }
        Ok(to.len())
    }

    let gate = TestGate::script(builder(), [Reply::approve(), Reply::approve(), Reply::reject("enough")]);
    let refusal = gate.scope(notify_all(vec!["ada".into(), "bob".into()])).await.unwrap_err();
    assert!(refusal.is_rejected());
    let asked: Vec<_> =
        gate.asked().iter().map(|request| (request.tool_name().to_owned(), request.execution().state)).collect();
    let tools = ["kit.notify_all", "kit.send_email", "kit.send_email"].map(str::to_owned);
    let states = [ExecutionState::Failed, ExecutionState::Executed, ExecutionState::NotStarted];
    assert_eq!(asked, tools.into_iter().zip(states).collect::<Vec<_>>());
}

/// The caller's patience ends first; the approval that comes later starts nothing.
#[tokio::test(start_paused = true)]
async fn late_reply_starts_nothing() {
    let tool = || Tool::named("slow").max_wait(Duration::from_secs(30));
    let minute = Reply::approve().after(Duration::from_secs(60));
    let too_late = Reply::approve().after(Duration::from_secs(600));
    let (gate, starts) = (TestGate::script(builder(), [minute, too_late]), Starts::default());
    for (status, seconds) in [(ApprovalStatus::Approved, 31), (ApprovalStatus::TimedOut, 1_000)] {
        let refusal = starts.call(&gate, tool(), five()).await.unwrap_err();
        let Refusal::Pending { id, .. } = refusal else { panic!("{refusal:?}") };
        assert_eq!(gate.get_request(id).await.unwrap().status(), ApprovalStatus::Pending);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        assert_eq!(gate.get_request(id).await.unwrap().status(), status);
    }
    assert_eq!(starts.count(), 0);
    gate.finish();
}

/// I25: a call that goes away before its reply comes is withdrawn, and that is not a mistake of the test.
#[tokio::test(start_paused = true)]
async fn i25_dropped_call_is_withdrawn() {
    let gate = TestGate::script(builder(), [Reply::approve().after(Duration::from_secs(60)), Reply::approve()]);
    let impatient = tokio::time::timeout(Duration::from_secs(10), gate.scope(send_email("ada"))).await;
    assert!(impatient.is_err());
    tokio::time::sleep(Duration::from_secs(100)).await;
    assert_eq!(gate.asked()[0].status(), ApprovalStatus::Cancelled);
    gate.scope(send_email("bob")).await.unwrap();
    gate.finish();
}

/// A request that no call waits for, or that the test decides on by itself, is a request like others.
#[tokio::test(start_paused = true)]
async fn test_decides_by_itself() {
    let (gate, starts) = (TestGate::silent(builder()), Starts::default());
    let review = async {
        let request = pending(&gate).await;
        gate.decide(request.id(), approval_runtime::Decision::approve(alice(), request.digest())).await.unwrap()
    };
    let (returned, _) = tokio::join!(starts.pay(&gate, five()), review);
    returned.unwrap();
    gate.create_request(NewRequest::new(pay(), json!({"amount": 6}))).await.unwrap();
    gate.assert_asked("pay").times(2).with(json!({"amount": 6})).times(1);
}

/// Tests of one process run at once: the same tool, at the same time, never sees another test's gate.
#[test]
fn parallel_tests_do_not_meet() {
    let test = |n: u64| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let gate = match n % 3 {
                0 => TestGate::approve_all(builder()),
                1 => TestGate::reject_all(builder(), &n.to_string()),
                _ => TestGate::silent(builder()),
            };
            for _ in 0..20 {
                let returned = gate.scope(send_email(&n.to_string())).await;
                match (n % 3, returned) {
                    (0, Ok(sent)) => assert_eq!(sent, format!("sent to {n}")),
                    (1, Err(Refusal::Rejected { comment, .. })) => assert_eq!(comment, Some(n.to_string().into())),
                    (2, Err(refusal)) => assert!(refusal.is_timed_out(), "{refusal}"),
                    (_, returned) => panic!("{n}: {returned:?}"),
                }
            }
            gate.assert_asked("kit.send_email").times(20).with_only(json!({"to": n.to_string()})).times(20);
        });
    };
    std::thread::scope(|threads| {
        for n in 0..48 {
            threads.spawn(move || test(n));
        }
    });
}

/// I7: a task that left the scope has no gate, and its call does not run.
#[tokio::test(start_paused = true)]
async fn i07_call_outside_the_scope_is_refused() {
    let gate = TestGate::approve_all(builder());
    let task = gate.scope(async { tokio::spawn(send_email("ada")).await.unwrap() });
    assert_eq!(task.await.unwrap_err().code(), "no_gate");
    gate.assert_nothing_asked();
}

/// A tool that names its gate gets the test's, without a scope.
#[tokio::test(start_paused = true)]
async fn named_gate_may_be_a_tests() {
    struct Desk {
        gate: ApprovalGate,
    }

    impl Desk {
        #[requires_approval(name = "kit.book", gate = &self.gate)]
        async fn book(&self, room: u32) -> Result<u32, Refusal> {
            Ok(room)
        }
    }

    let gate = TestGate::script(builder(), [Reply::approve_with(json!({"room": 8}))]);
    let desk = Desk { gate: gate.gate().clone() };
    assert_eq!(tokio::spawn(async move { desk.book(7).await }).await.unwrap().unwrap(), 8);
    gate.assert_asked("kit.book").with(json!({"room": 7}));
}
