//! The options, one by one.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use approval_runtime::{
    Agent, ApprovalGate, ApprovalStatus, Decision, Effect, ExecutionState, Refusal, Reviewer, requires_approval,
};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Started, approved, shown};
use crate::tools::{alice, approve, gate, pending, reject};

const PATIENCE: Duration = Duration::from_secs(90);

#[tokio::test(start_paused = true)]
async fn timeout_ends_the_wait() {
    static STARTED: Started = Started::none();

    #[requires_approval(timeout = 7)]
    async fn timeout_in_seconds() -> Result<(), Refusal> {
        STARTED.once_more();
        Ok(())
    }

    let gate = gate();
    let before = Instant::now();
    let refusal = gate.scope(timeout_in_seconds()).await.unwrap_err();
    assert_eq!(refusal.code(), "timed_out");
    assert_eq!(before.elapsed().as_secs(), 7);
    assert_eq!(STARTED.count(), 0);
}

#[tokio::test(start_paused = true)]
async fn timeout_takes_text_and_constants() {
    #[requires_approval(timeout = "1h30m")]
    async fn timeout_in_words() -> Result<(), Refusal> {
        Ok(())
    }

    #[requires_approval(timeout = PATIENCE)]
    async fn timeout_as_constant() -> Result<(), Refusal> {
        Ok(())
    }

    let gate = gate();
    let (_, request) = approved(&gate, timeout_in_words()).await;
    assert_eq!(request.timeout(), Duration::from_secs(5_400));
    let (_, request) = approved(&gate, timeout_as_constant()).await;
    assert_eq!(request.timeout(), PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn max_wait_frees_the_caller() {
    static STARTED: Started = Started::none();

    #[requires_approval(max_wait = "30s")]
    async fn impatient() -> Result<(), Refusal> {
        STARTED.once_more();
        Ok(())
    }

    let gate = gate();
    let before = Instant::now();
    let refusal = gate.scope(impatient()).await.unwrap_err();
    assert_eq!((refusal.code(), before.elapsed().as_secs()), ("pending", 30));
    assert_eq!(Some(pending(&gate).await.id()), refusal.request_id());
    assert_eq!(STARTED.count(), 0);
}

#[derive(Serialize, Deserialize)]
struct Customer {
    name: String,
    address: (String, u32),
}

#[tokio::test(start_paused = true)]
async fn reason_reads_fields() {
    #[requires_approval(reason = "Refund {amount:>6.2} to {customer.name} at {{{customer.address.1}}}")]
    async fn refund_with_reason(customer: Customer, amount: f64) -> Result<f64, Refusal> {
        let _ = customer;
        Ok(amount)
    }

    let gate = gate();
    let customer = Customer { name: "Ada".into(), address: ("Main St".into(), 5) };
    let (_, request) = approved(&gate, refund_with_reason(customer, 1.5)).await;
    assert_eq!(request.reason(), Some("Refund   1.50 to Ada at {5}"));
}

#[tokio::test(start_paused = true)]
async fn auto_approve_lets_its_calls_run() {
    static STARTED: Started = Started::none();
    static ASKED: AtomicUsize = AtomicUsize::new(0);

    fn is_small(amount: &f64) -> bool {
        ASKED.fetch_add(1, Ordering::SeqCst);
        (0.0..10.0).contains(amount)
    }

    #[requires_approval(auto_approve = is_small(&amount) && to != "mallory")]
    async fn pay_small(to: &str, amount: f64) -> Result<f64, Refusal> {
        STARTED.once_more();
        let _ = to;
        Ok(amount)
    }

    let gate = gate();
    let mut events = gate.events();
    assert_eq!(gate.scope(pay_small("bob", 9.5)).await.unwrap(), 9.5);
    assert_eq!(ASKED.load(Ordering::SeqCst), 1, "the rule is evaluated once");
    let request = events.next().await.unwrap().request;
    assert_eq!(request.status(), ApprovalStatus::AutoApproved);
    assert_eq!(request.matched_rule(), Some("is_small(&amount) && to != \"mallory\""));

    let (paid, request) = approved(&gate, pay_small("bob", -1.0)).await;
    assert_eq!((paid.unwrap(), request.status()), (-1.0, ApprovalStatus::Approved));
    let (refused, _) = tokio::join!(gate.scope(pay_small("mallory", 1.0)), reject(&gate));
    assert_eq!(refused.unwrap_err().code(), "rejected");
    assert_eq!(STARTED.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn panicking_auto_approve_asks() {
    #[requires_approval(auto_approve = names[7].is_empty())]
    async fn greet_all(names: Vec<String>) -> Result<usize, Refusal> {
        Ok(names.len())
    }

    let (greeted, request) = approved(&gate(), greet_all(vec!["Ada".into()])).await;
    assert_eq!((greeted.unwrap(), request.status()), (1, ApprovalStatus::Approved));
}

#[tokio::test(start_paused = true)]
async fn auto_approve_reads_all_kinds() {
    struct Desk {
        limit: u64,
    }

    impl Desk {
        #[requires_approval(skip(extra), auto_approve = { let [a, b] = pair; a + b + tags.len() as u64 + extra.get() <= self.limit })]
        async fn book(&self, pair: [u64; 2], tags: &[String], extra: std::num::NonZero<u64>) -> Result<u64, Refusal> {
            Ok(pair[0] + pair[1] + tags.len() as u64 + extra.get())
        }
    }

    let (gate, desk) = (gate(), Desk { limit: 5 });
    let one = std::num::NonZero::<u64>::MIN;
    assert_eq!(gate.scope(desk.book([1, 2], &["x".into()], one)).await.unwrap(), 5);
    let (booked, _) = approved(&gate, desk.book([1, 3], &["x".into()], one)).await;
    assert_eq!(booked.unwrap(), 6);
}

#[tokio::test(start_paused = true)]
async fn facts_reach_the_tool() {
    #[requires_approval(effect = external, name = "mail.send", resumable, record)]
    async fn described(to: String, tags: Vec<Option<String>>) -> Result<usize, Refusal> {
        Ok(to.len() + tags.len())
    }

    #[requires_approval(name = concat!("mail.", "count"))]
    async fn plain() -> Result<(), Refusal> {
        Ok(())
    }

    let gate = gate();
    let _ = (described(String::new(), vec![]), plain());
    let tool = gate.tools().find(|tool| tool.name() == "mail.send").expect("annotated in this binary");
    assert_eq!(tool.stake(), Effect::External);
    assert_eq!((tool.required_quorum(), tool.is_resumable(), tool.records_result()), (1, true, true));
    let arguments: Vec<_> = tool.arguments().map(|argument| (argument.name(), argument.type_name())).collect();
    assert_eq!(arguments, [("to", "String"), ("tags", "Vec<Option<String>>")]);
    assert!(tool.location().is_some_and(|(file, line)| file.ends_with("options.rs") && line > 1));

    let tool = gate.tools().find(|tool| tool.name() == "mail.count").expect("annotated in this binary");
    assert_eq!((tool.stake(), tool.required_quorum(), tool.is_resumable()), (Effect::Irreversible, 1, false));
    assert_eq!((tool.reviewers_time(), tool.callers_wait()), (Duration::from_secs(300), None));
}

#[tokio::test(start_paused = true)]
async fn approvers_and_quorum_hold() {
    static STARTED: Started = Started::none();

    #[requires_approval(approvers("finance"), quorum = 2)]
    async fn wire_money(amount: u64) -> Result<u64, Refusal> {
        STARTED.once_more();
        Ok(amount)
    }

    let gate = gate();
    let reviewing = async {
        let request = pending(&gate).await;
        let approve = |reviewer| gate.decide(request.id(), Decision::approve(reviewer, request.digest()));
        let stranger = approve(Reviewer::new("eve")).await.unwrap_err();
        assert_eq!(stranger.code(), "not_allowed");
        let first = approve(Reviewer::new("bob").role("finance")).await.unwrap();
        assert_eq!((first.status(), STARTED.count()), (ApprovalStatus::Pending, 0));
        approve(Reviewer::new("carol").role("finance")).await.unwrap()
    };
    let (wired, request) = tokio::join!(gate.scope(wire_money(5)), reviewing);
    assert_eq!((wired.unwrap(), request.status(), STARTED.count()), (5, ApprovalStatus::Approved, 1));
    assert_eq!(request.tool().named_approvers().collect::<Vec<_>>(), ["finance"]);
    assert_eq!(request.tool().required_quorum(), 2);
}

struct Session {
    agent: &'static str,
    call: Option<&'static str>,
    gate: ApprovalGate,
    cancelled: CancellationToken,
}

impl Session {
    fn new() -> Self {
        Self { agent: "billing", call: Some("call-7"), gate: gate(), cancelled: CancellationToken::new() }
    }
}

/// Where task-locals do not reach, the arguments say who calls, and through which gate.
#[tokio::test(start_paused = true)]
async fn caller_is_named_by_expressions() {
    #[requires_approval(skip(session), gate = session.gate, agent = session.agent, call_id = session.call.map(str::to_owned))]
    async fn from_session(session: &Session, to: String) -> Result<String, Refusal> {
        let _ = session.agent;
        Ok(to)
    }

    let session = Session::new();
    let (sent, request) = tokio::join!(from_session(&session, "bob".into()), approve(&session.gate));
    assert_eq!(sent.unwrap(), "bob");
    assert_eq!((request.agent_name(), request.call_id()), (Some("billing"), Some("call-7")));
    assert_eq!(request.tool().not_reviewed().collect::<Vec<_>>(), ["session"]);
}

#[tokio::test(start_paused = true)]
async fn agent_may_depend_on_arguments() {
    #[requires_approval(agent = Agent::new("desk").run_id(&*run), call_id = format!("{run}/1"))]
    async fn of_run(run: String) -> Result<String, Refusal> {
        Ok(run)
    }

    let (returned, request) = approved(&gate(), of_run("r1".into())).await;
    assert_eq!(returned.unwrap(), "r1");
    assert_eq!((request.run_id(), request.call_id()), (Some("r1"), Some("r1/1")));
}

#[requires_approval(skip(session), cancel = session.cancelled)]
async fn cancellable(session: &Session, started: &mut u32) -> Result<(), Refusal> {
    let _ = session.call;
    *started += 1;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn cancelled_call_is_withdrawn() {
    let (gate, session, mut started) = (gate(), Session::new(), 0);
    let cancelling = async {
        let request = pending(&gate).await;
        session.cancelled.cancel();
        request
    };
    let (refused, request) = tokio::join!(gate.scope(cancellable(&session, &mut started)), cancelling);
    assert_eq!(refused.unwrap_err().code(), "cancelled");
    assert_eq!(gate.get_request(request.id()).await.unwrap().status(), ApprovalStatus::Cancelled);
    assert_eq!(started, 0);
}

/// A caller that goes away right after the approval: the body must not run for nobody.
#[tokio::test(start_paused = true)]
async fn cancelled_call_does_not_start() {
    let (gate, session, mut started) = (gate(), Session::new(), 0);
    let deciding = async {
        approve(&gate).await;
        session.cancelled.cancel();
    };
    let (refused, ()) = tokio::join!(gate.scope(cancellable(&session, &mut started)), deciding);
    assert_eq!(refused.unwrap_err().code(), "cancelled");
    assert_eq!(started, 0);
}

/// The record says `failed` of a `Result`, also where no trait of ours is asked about the return type.
#[tokio::test(start_paused = true)]
async fn on_refusal_leaves_failures_seen() {
    type Aliased<T> = Result<T, u8>;

    fn refused(_: Refusal) -> Aliased<()> {
        Err(1)
    }

    #[requires_approval(on_refusal = refused)]
    async fn fails_with_a_code(code: u8) -> Aliased<()> {
        if code == 0 { Ok(()) } else { Err(code) }
    }

    #[requires_approval]
    async fn fails_with_text(text: String) -> Result<(), String> {
        Err(text)
    }

    let gate = gate();
    for (given, state) in [(0, ExecutionState::Executed), (7, ExecutionState::Failed)] {
        let (_, request) = approved(&gate, fails_with_a_code(given)).await;
        assert_eq!(gate.get_request(request.id()).await.unwrap().execution().state, state);
    }
    let (returned, request) = approved(&gate, fails_with_text("full".into())).await;
    assert_eq!(returned.unwrap_err(), "full");
    assert_eq!(gate.get_request(request.id()).await.unwrap().execution().state, ExecutionState::Failed);
    let (returned, _) = tokio::join!(gate.scope(fails_with_text("full".into())), reject(&gate));
    assert_eq!(returned.unwrap_err(), "Action 'fails_with_text' was rejected by alice.");
}

#[tokio::test(start_paused = true)]
async fn on_refusal_converts() {
    fn none(refusal: Refusal) -> Option<u64> {
        Err(refusal).ok()
    }

    #[requires_approval(on_refusal = none)]
    async fn count_or_none(table: String) -> Option<u64> {
        Some(table.len() as u64)
    }

    let gate = gate();
    let (refused, _) = tokio::join!(gate.scope(count_or_none("users".into())), reject(&gate));
    assert_eq!(refused, None);
    let (counted, _) = approved(&gate, count_or_none("users".into())).await;
    assert_eq!(counted, Some(5));
}

#[derive(Serialize, Deserialize)]
struct Card {
    holder: String,
    number: String,
}

#[tokio::test(start_paused = true)]
async fn redacted_fields_reach_only_the_body() {
    #[requires_approval(redact(card.number, note), reason = "Charge {card.holder}")]
    async fn charge_card(card: Card, note: String) -> Result<String, Refusal> {
        Ok(format!("{} {note}", card.number))
    }

    let card = Card { holder: "Ada".into(), number: "no. 4111".into() };
    let (charged, request) = approved(&gate(), charge_card(card, "gift".into())).await;
    assert_eq!(charged.unwrap(), "no. 4111 gift");
    let shown = shown(&request);
    assert!(shown.contains("\"holder\":\"Ada\"") && shown.contains("$redacted"), "{shown}");
    assert!(!shown.contains("no. 4111") && !shown.contains("gift"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn flattened_fields_are_arguments() {
    #[requires_approval(
        flatten(card),
        live(rate),
        redact(card.number),
        auto_approve = card.holder == "Ada" && amount < 10,
        reason = "Charge {card.holder}"
    )]
    async fn charge_flat(card: Card, amount: u64, rate: &f64) -> Result<String, Refusal> {
        Ok(format!("{} {} {amount} {rate}", card.holder, card.number))
    }

    let gate = gate();
    let card = |holder: &str| Card { holder: holder.into(), number: "no. 4111".into() };
    assert_eq!(gate.scope(charge_flat(card("Ada"), 5, &1.5)).await.unwrap(), "Ada no. 4111 5 1.5");
    let (charged, request) = approved(&gate, charge_flat(card("Bob"), 5, &1.5)).await;
    assert_eq!(charged.unwrap(), "Bob no. 4111 5 1.5");
    let keys = request.arguments().to_value();
    let keys: Vec<_> = keys.as_object().unwrap().keys().cloned().collect();
    assert_eq!(keys, ["amount", "holder", "number", "rate"]);
    assert!(!shown(&request).contains("no. 4111"));
    assert_eq!(request.reason(), Some("Charge Bob"));
}

#[tokio::test(start_paused = true)]
async fn approve_of_alice_is_recorded() {
    #[requires_approval]
    async fn simplest(to: String) -> Result<String, Refusal> {
        Ok(to)
    }

    let (_, request) = approved(&gate(), simplest("bob".into())).await;
    assert_eq!((request.tool_name(), request.decided_by()), ("simplest", Some(alice().name())));
}

/// I23: a reason cannot tell what the gate redacts by name.
#[tokio::test(start_paused = true)]
async fn i23_reason_tells_no_secret() {
    #[requires_approval(reason = "log {user} in with {password}")]
    async fn log_in(user: String, password: String) -> Result<String, Refusal> {
        Ok(format!("{user}:{password}"))
    }

    let (returned, request) = approved(&gate(), log_in("bob".into(), "CANARY".into())).await;
    assert_eq!(request.reason(), Some("log bob in with [redacted]"));
    assert_eq!(returned.unwrap(), "bob:CANARY");
}

/// I28: a reason is short, and a secret does not survive in part where it is cut.
#[tokio::test(start_paused = true)]
async fn i28_reason_is_cut_after_its_secrets() {
    #[requires_approval(reason = "{text}{password}{text}")]
    async fn log_in_at_length(text: String, password: String) -> Result<usize, Refusal> {
        Ok(text.len() + password.len())
    }

    let (_, request) = approved(&gate(), log_in_at_length("a".repeat(490), "CANARY-of-some-length".into())).await;
    let reason = request.reason().unwrap();
    assert_eq!(reason.chars().count(), 500);
    assert!(reason.starts_with("aaa") && !reason.contains("CAN"), "{reason}");
}

/// I23: one secret inside another leaves nothing of either, however they are printed.
#[tokio::test(start_paused = true)]
async fn i23_reason_leaves_no_part_of_a_secret() {
    #[requires_approval(reason = "{token} then {password:?}")]
    async fn log_in_twice(token: String, password: String) -> Result<usize, Refusal> {
        Ok(token.len() + password.len())
    }

    let (_, request) = approved(&gate(), log_in_twice("AB".into(), "xAB\"yz".into())).await;
    assert_eq!(request.reason(), Some("[redacted] then \"[redacted]\""));
}
