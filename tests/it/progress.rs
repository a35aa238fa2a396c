//! Events, and what the end user of a run may know about its calls.

use std::sync::Arc;
use std::time::Duration;

use approval_runtime::events::{Next, RUN_CAPACITY};
use approval_runtime::{
    Agent, ApprovalGate, ApprovalPolicy, ApprovalRequest, BoxFuture, Decision, NewRequest, Notice, Notifier, NotifyError,
    Progress, ProgressKind, Refusal, Reviewer, RunEvents, Tool,
};
use serde_json::{Value, json};

use crate::tools::{alice, builder, five, gate, pay, pending};

fn agent(run: &str) -> Agent {
    Agent::new("assistant").run_id(run)
}

async fn ask(gate: &ApprovalGate, run: &str) -> ApprovalRequest {
    gate.create_request(NewRequest::new(pay(), five()).agent(agent(run))).await.unwrap()
}

/// Reads steps until one that ends its call.
async fn steps(events: &mut RunEvents) -> Vec<String> {
    let mut texts = Vec::new();
    loop {
        let step = events.next().await.unwrap();
        texts.push(step.to_string());
        if step.kind().is_final() {
            return texts;
        }
    }
}

async fn call(gate: &ApprovalGate, tool: Tool, arguments: Value) -> Result<(), Refusal> {
    let body = |arguments: Value| async move {
        let failed = arguments["fails"] == true;
        if failed { Err(Refusal::NoGate { tool: "pay".into() }) } else { Ok(()) }
    };
    agent("run-7").scope(gate.call(tool, arguments, body)).await
}

#[tokio::test(start_paused = true)]
async fn run_is_told_in_words() {
    let tool = pay().approvers(["finance", "dba"]).quorum(2);
    let policy = ApprovalPolicy::new().add_auto_approve_rule("pay", "small sums", |args| args["amount"] == 1).add_deny_rule(
        "pay",
        "no large sums",
        |args| args["amount"] == 1_000_000,
    );
    let gate = ApprovalGate::builder().without_notifier().tool(tool).policy(policy).build().unwrap();
    let mut run = gate.events().run("run-7");
    let finance = |name: &str| Reviewer::new(name).role("finance");
    let decide = async |by: Reviewer, approves: bool| {
        let request = pending(&gate).await;
        let decision = if approves { Decision::approve(by, request.digest()) } else { Decision::reject(by) };
        gate.decide(request.id(), decision).await.unwrap();
    };

    let asked = async |arguments: Value| drop(call(&gate, pay(), arguments).await);
    let reviewers = async {
        pending(&gate).await;
        tokio::time::sleep(Duration::from_secs(18)).await;
        decide(finance("alice"), true).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        decide(finance("bob"), true).await;
    };
    let (_, (), told) = tokio::join!(asked(json!({"amount": 5})), reviewers, steps(&mut run));
    assert_eq!(
        told,
        [
            "pay: Waiting for 2 approvals from finance or dba, 2:00 left",
            "pay: 1 of 2 approvals from finance or dba, 1:42 left",
            "pay: Approved by alice and bob",
            "pay: Approved by alice and bob, running",
            "pay: Done",
        ]
    );
    let (_, (), told) = tokio::join!(asked(json!({"amount": 6})), decide(finance("carol"), false), steps(&mut run));
    assert_eq!(told[1..], ["pay: Rejected by carol"]);
    asked(json!({"amount": 7})).await;
    assert_eq!(steps(&mut run).await[1..], ["pay: Nobody decided in time"]);
    asked(json!({"amount": 1})).await;
    assert_eq!(steps(&mut run).await, ["pay: Allowed by a rule, running", "pay: Done"]);
    asked(json!({"amount": 1, "fails": true})).await;
    assert_eq!(steps(&mut run).await, ["pay: Allowed by a rule, running", "pay: Failed"]);
    asked(json!({"amount": 1_000_000})).await;
    assert_eq!(steps(&mut run).await, ["pay: Refused by a rule"]);
    let withdrawn = async {
        let id = pending(&gate).await.id();
        gate.cancel(id, "operator").await.unwrap();
    };
    let (_, (), told) = tokio::join!(asked(json!({"amount": 8})), withdrawn, steps(&mut run));
    assert_eq!(told[1..], ["pay: Withdrawn"]);
}

#[tokio::test(start_paused = true)]
async fn text_counts_down_when_asked() {
    let gate = gate();
    let mut run = gate.events().run("run-7");
    let id = ask(&gate, "run-7").await.id();
    let step = run.next().await.unwrap();
    assert_eq!((step.kind(), step.request_id(), step.tool()), (ProgressKind::Waiting, Some(id), Some("pay")));
    assert_eq!((step.text().as_str(), step.left()), ("Waiting for approval, 2:00 left", Some(Duration::from_secs(120))));
    for (seconds, text) in [(18, "1:42"), (101, "0:01"), (5, "0:00")] {
        tokio::time::advance(Duration::from_secs(seconds)).await;
        assert_eq!(step.text(), format!("Waiting for approval, {text} left"));
    }
    // A reader that comes to it late reads the time that is left then.
    let other = ask(&gate, "run-7").await.id();
    tokio::time::advance(Duration::from_secs(60)).await;
    let step = loop {
        let step = run.next().await.unwrap();
        if step.request_id() == Some(other) {
            break step;
        }
    };
    assert_eq!(step.left(), Some(Duration::from_secs(60)));
}

/// Tells nobody, and says so in words of its own.
struct Broken;

impl Notifier for Broken {
    fn name(&self) -> &'static str {
        "broken"
    }

    fn can_reach(&self) -> bool {
        true
    }

    fn notify(&self, _: Notice) -> BoxFuture<'_, Result<(), NotifyError>> {
        Box::pin(async { Err(NotifyError::new("no network")) })
    }
}

/// I23: what an end user reads holds nothing that the agent or the reviewer wrote.
#[tokio::test(start_paused = true)]
async fn i23_progress_holds_no_values() {
    const CANARY: &str = "canary-7f3a";
    let gate = builder().notifier(Broken).build().unwrap();
    let mut run = gate.events().run("run-7");
    let new = || {
        let asked = NewRequest::new(pay(), json!({"to": CANARY, CANARY: 1, "amount": 5})).agent(agent("run-7"));
        gate.create_request(asked.reason(format!("because of {CANARY}")))
    };
    let edited = new().await.unwrap();
    let decision = Decision::approve(alice(), edited.digest()).edited_arguments(json!({"to": CANARY, "amount": 4}));
    gate.decide(edited.id(), decision.comment(CANARY)).await.unwrap();
    let rejected = new().await.unwrap();
    gate.decide(rejected.id(), Decision::reject(alice()).comment(CANARY)).await.unwrap();
    new().await.unwrap();
    // The others end by the clock: unused, and undecided.
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    gate.shutdown().await;

    let mut kinds = Vec::new();
    while let Some(step) = run.next().await {
        for text in [step.text(), step.to_string(), format!("{step:?}")] {
            assert!(!text.contains("canary") && !text.contains("because"), "{text}");
        }
        kinds.push(step.kind());
    }
    for kind in
        [ProgressKind::Waiting, ProgressKind::Approved, ProgressKind::Rejected, ProgressKind::TimedOut, ProgressKind::Expired]
    {
        assert!(kinds.contains(&kind), "{kind:?} was not told, only {kinds:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn names_are_in_the_display_form() {
    let gate = builder().build().unwrap();
    let mut run = gate.events().run("run-7");
    let tool = Tool::named("pay\u{202e}\n").approvers(["fin\u{200b}ance"]);
    let request = gate.create_request(NewRequest::new(tool, json!({})).agent(agent("run-7"))).await.unwrap();
    let eve = Reviewer::new("e\u{1b}[2Jve").role("fin\u{200b}ance");
    gate.decide(request.id(), Decision::reject(eve)).await.unwrap();
    let told = steps(&mut run).await;
    assert_eq!(told[0], r#""pay\u{202E}\n": Waiting for approval from "fin\u{200B}ance", 5:00 left"#);
    assert_eq!(told[1], r#""pay\u{202E}\n": Rejected by "e\u{1B}[2Jve""#);
}

#[tokio::test(start_paused = true)]
async fn runs_do_not_meet() {
    let gate = gate();
    let (mut seven, mut eight) = (gate.events().run("run-7"), gate.events().run("run-8"));
    // Far more than a reader's queue holds.
    for _ in 0..20 * RUN_CAPACITY {
        ask(&gate, "run-8").await;
    }
    ask(&gate, "").await;
    gate.create_request(NewRequest::new(pay(), five())).await.unwrap();
    let own = ask(&gate, "run-7").await.id();
    assert_eq!(seven.next().await.unwrap().request_id(), Some(own));

    // The slow one is told, and goes on with what is there.
    let missed = eight.next().await.unwrap();
    assert_eq!((missed.kind(), missed.request_id(), missed.tool()), (ProgressKind::Missed, None, None));
    assert_eq!(missed.to_string(), "Some steps were missed");
    for _ in 0..RUN_CAPACITY {
        assert_eq!(eight.next().await.unwrap().kind(), ProgressKind::Waiting);
    }
}

/// T34: whoever reads nothing holds nothing up, and nothing grows for them.
#[tokio::test(start_paused = true)]
async fn t34_slow_readers_hold_nothing() {
    let gate = builder().max_pending(usize::MAX).build().unwrap();
    let (mut all, mut run) = (gate.events(), gate.events().run("run-7"));
    for _ in 0..3_000 {
        let id = ask(&gate, "run-7").await.id();
        gate.decide(id, Decision::reject(alice())).await.unwrap();
    }
    match all.next_or_missed().await {
        Some(Next::Missed(missed)) => assert!((4_900..6_000).contains(&missed), "{missed}"),
        other => panic!("{other:?}"),
    }
    assert!(all.next().await.is_some());
    assert_eq!(run.next().await.unwrap().kind(), ProgressKind::Missed);
}

#[tokio::test(start_paused = true)]
async fn readers_end_with_their_gate() {
    let make = || {
        let gate = gate();
        let (events, run) = (gate.events(), gate.events().run("run-7"));
        (gate, events, run)
    };
    // When it is gone.
    let (gate, mut events, mut run) = make();
    drop(gate);
    assert!(events.next().await.is_none() && run.next().await.is_none());
    assert!(events.run("run-7").next().await.is_none());

    // When it has shut down, after what was told before.
    let (gate, mut events, mut run) = make();
    let id = ask(&gate, "run-7").await.id();
    gate.shutdown().await;
    assert_eq!(events.next().await.map(|event| event.request.id()), Some(id));
    assert_eq!(run.next().await.and_then(|step| step.request_id()), Some(id));
    assert!(events.next().await.is_none() && run.next().await.is_none());
    assert!(gate.events().next().await.is_none());

    // When whoever shuts it down gives up on a body that runs on.
    let endless = |_| std::future::pending::<Result<(), Refusal>>();
    let policy = || ApprovalPolicy::new().add_auto_approve_rule("pay", "all", |_: &Value| true);
    let gate = builder().policy(policy()).build().unwrap();
    let (mut events, mut run) = (gate.events(), gate.events().run("run-7"));
    let mut body = Box::pin(gate.call(pay(), five(), endless));
    assert!(tokio::time::timeout(Duration::from_secs(1), &mut body).await.is_err());
    assert!(tokio::time::timeout(Duration::from_secs(1), gate.shutdown()).await.is_err());
    let ends = async { while events.next().await.is_some() {} };
    tokio::time::timeout(Duration::from_secs(60), ends).await.unwrap();
    assert!(run.next().await.is_none());

    // Readers of one run come and go without each other.
    let (gate, _events, mut run) = make();
    drop(gate.events().run("run-7"));
    let id = ask(&gate, "run-7").await.id();
    assert_eq!(run.next().await.and_then(|step| step.request_id()), Some(id));
}

/// What a chat back end hands to a task of its own.
#[test]
fn readers_are_sent_and_shared() {
    fn check<T: Send + Sync>(_: Option<T>) {}
    check::<RunEvents>(None);
    check::<Progress>(None);
    fn send<T: Send>(future: T) -> T {
        future
    }
    let gate = Arc::new(gate());
    let mut run = gate.events().run("run-7");
    drop(send(run.next()));
}
