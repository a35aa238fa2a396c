//! Every way that a call can go, so that whatever is said on it can be looked through.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use approval_runtime::notify::Log;
use approval_runtime::request::{GRANT_TTL, Guard};
use approval_runtime::store::Write;
use approval_runtime::{
    ApprovalGate, ApprovalGateBuilder, ApprovalPolicy, ApprovalStore, BoxFuture, CallError, Decision, EventKind, Events,
    MemoryStore, NewRequest, Notice, Notifier, NotifyError, Refusal, Reviewer, Tool, Transition,
};
use serde_json::{Value, json};

use super::heard::EXPECTED;
use super::said::Said;
use crate::faults::Faulty;
use crate::tools::{alice, approve, pending, reject};

/// A call that is to be made in every way.
pub(super) struct Subject {
    pub(super) tool: &'static str,
    /// What the tool takes, by name.
    pub(super) arguments: Value,
}

/// A notifier that fails, or panics with all that it was told.
struct Broken(&'static str);

impl Notifier for Broken {
    fn name(&self) -> &str {
        self.0
    }

    fn can_reach(&self) -> bool {
        self.0 != "nowhere"
    }

    fn notify(&self, notice: Notice) -> BoxFuture<'_, Result<(), NotifyError>> {
        if self.0 == "panics" {
            panic!("{EXPECTED}: {}", notice.request.arguments().canonical());
        }
        Box::pin(std::future::ready(Err(NotifyError::new("no network").because("the cable was cut"))))
    }
}

const CHANNELS: usize = 3;

fn builder() -> ApprovalGateBuilder {
    ApprovalGate::builder().tool(Tool::named(BARE))
}

fn gate(builder: ApprovalGateBuilder) -> ApprovalGate {
    builder.without_notifier().build().expect("the tools are in order")
}

/// A tool without an annotated function.
const BARE: &str = "bare.act";

impl Subject {
    /// Makes the call on every way, and returns what was said.
    pub(super) async fn on_every_way(&self) -> Said {
        let mut said = Said::default();
        self.reviewed(&mut said).await;
        self.not_decided(&mut said).await;
        self.ended_otherwise(&mut said).await;
        self.by_broken_rules(&mut said).await;
        self.on_a_broken_store(&mut said).await;
        self.at_a_closed_gate(&mut said).await;
        said
    }

    async fn call(&self, gate: &ApprovalGate) -> Result<Value, CallError> {
        gate.call_json(self.tool, self.arguments.to_string()).await
    }

    /// Makes a request of it that no call waits for, with a reason that repeats the arguments.
    pub(super) fn new_request(&self) -> NewRequest {
        NewRequest::new(Tool::named(BARE), self.arguments.clone()).reason(format!("because {}", self.arguments))
    }

    /// Approved, rejected, timed out, withdrawn, given up; the body returns, fails, panics. Everybody is told.
    async fn reviewed(&self, said: &mut Said) {
        let gate = builder().notifier(Log::new()).notifier(Broken("fails")).notifier(Broken("panics")).build().expect("a gate");
        let mut events = gate.events();
        let (returned, request) = tokio::join!(self.call(&gate), approve(&gate));
        returned.expect("it was approved");
        said.debug("a request", &request);
        said.debug("its arguments", request.arguments());
        said.debug("a vote", &request.votes());
        said.debug("the gate", &gate);

        let (returned, _) = tokio::join!(self.call(&gate), reject(&gate));
        said.call("a rejection", &returned.expect_err("it was rejected")).await;
        said.call("a time-out", &self.call(&gate).await.expect_err("nobody decides")).await;
        let cancel = async { gate.cancel(pending(&gate).await.id(), "operator").await.expect("it is pending") };
        let (returned, _) = tokio::join!(self.call(&gate), cancel);
        said.call("a withdrawal", &returned.expect_err("it was withdrawn")).await;
        tokio::select! {
            returned = self.call(&gate) => panic!("nobody decided: {returned:?}"),
            request = pending(&gate) => said.debug("a request whose caller leaves", &request),
        }

        let fails = gate.call(Tool::named(BARE), self.arguments.clone(), |_| async {
            Err::<(), _>(Refusal::NoGate { tool: "inner".into() })
        });
        let (returned, _) = tokio::join!(fails, approve(&gate));
        said.refusal("a body that fails", &returned.expect_err("the body failed")).await;
        let (panicking, arguments) = (gate.clone(), self.arguments.clone());
        let panics = tokio::spawn(async move {
            let body = |arguments: Value| async move { panic!("{EXPECTED}: {arguments}") };
            panicking.call::<Result<(), Refusal>, _, _>(Tool::named(BARE), arguments, body).await
        });
        let (returned, _) = tokio::join!(panics, approve(&gate));
        assert!(returned.is_err_and(|error| error.is_panic()));
        all_told(&mut events, said).await;
    }

    /// Decisions that are not taken.
    async fn not_decided(&self, said: &mut Said) {
        let tool = Tool::named("bare.finance").approvers(["finance"]).quorum(2);
        let gate = gate(builder().tool(tool.clone()));
        let agent = approval_runtime::Agent::new("billing").on_behalf_of("carol");
        let new = NewRequest::new(tool, self.arguments.clone()).agent(agent);
        said.debug("what a request is made from", &new);
        let request = gate.create_request(new).await.expect("it can be filed");
        let finance = |name: &str| Reviewer::new(name).role("finance");
        let approval = || Decision::approve(finance("bob"), request.digest());
        let other = approval_runtime::Digest::of(b"another call");
        gate.decide(request.id(), approval()).await.expect("the first of two");
        let mut decisions = vec![
            ("a vote of somebody else's", Decision::approve(alice(), request.digest())),
            ("a vote on one's own call", Decision::approve(finance("carol"), request.digest())),
            ("a second vote", Decision::reject(finance("bob"))),
            ("a vote about another call", Decision::approve(finance("dora"), other)),
        ];
        let mut edit = self.arguments.clone();
        edit["$redacted"] = json!("0");
        for (from, edit) in [("an edit of a slot", edit), ("an edit that is no object", json!([self.arguments]))] {
            decisions.push((from, Decision::approve(finance("erin"), request.digest()).edited_arguments(edit)));
        }
        for (from, decision) in decisions {
            said.debug(from, &decision);
            said.decision(from, &gate.decide(request.id(), decision).await.expect_err(from));
        }
        gate.decide(request.id(), Decision::reject(finance("dora")).comment("no")).await.expect("one no is enough");
        said.decision("a late vote", &gate.decide(request.id(), Decision::reject(finance("fred"))).await.expect_err("late"));
        said.decision("a late withdrawal", &gate.cancel(request.id(), "operator").await.expect_err("late"));

        // An annotated function knows its fields, and says which one an edit got wrong.
        let edits = async {
            let request = pending(&gate).await;
            let mut unknown = request.arguments().to_value();
            unknown["unknown"] = self.arguments.clone();
            let fields = self.arguments.as_object().expect("arguments are an object").keys();
            let mistyped = fields.map(|name| {
                let mut mistyped = request.arguments().to_value();
                mistyped[name] = json!([[[self.arguments]]]);
                mistyped
            });
            for edit in mistyped.chain([unknown]) {
                let decision = Decision::approve(alice(), request.digest()).edited_arguments(edit);
                said.decision("an edit", &gate.decide(request.id(), decision).await.expect_err("the function cannot take it"));
            }
            reject(&gate).await
        };
        let (returned, _) = tokio::join!(self.call(&gate), edits);
        returned.expect_err("it was rejected");
    }

    /// An approval that nobody uses, a request that is there twice, a caller that does not wait.
    async fn ended_otherwise(&self, said: &mut Said) {
        let store = Arc::new(MemoryStore::new());
        let impatient = || Tool::named("bare.impatient").max_wait(Duration::from_secs(1));
        let gate = gate(builder().tool(impatient()).shared_store(Arc::<MemoryStore>::clone(&store)));
        let request = gate.create_request(self.new_request()).await.expect("it can be filed");
        gate.decide(request.id(), Decision::approve(alice(), request.digest())).await.expect("it is pending");
        tokio::time::advance(GRANT_TTL + Duration::from_secs(1)).await;
        let request = gate.get_request(request.id()).await.expect("it is kept");
        said.debug("an unused approval", &request);
        let late = Decision::approve(Reviewer::new("bob"), request.digest());
        said.decision("a vote on an unused approval", &gate.decide(request.id(), late).await.expect_err("it expired"));

        let guard = Guard { version: 0, not_before: None, not_after: None, incarnation: 0, freeze_epoch: 0 };
        let write = [Write::Insert { request, guard, max_pending: 10 }];
        said.debug("a write", &write);
        said.error("a write of what is there", &store.commit(&write).await.expect_err("it is there"));
        said.debug("the store", &store);

        let body = |arguments| async { Ok::<Value, Refusal>(arguments) };
        let refusal = gate.call(impatient(), self.arguments.clone(), body).await.expect_err("it does not wait");
        assert_eq!(refusal.code(), "pending");
        said.refusal("a caller that does not wait", &refusal).await;
    }

    /// Rules that err or panic with all that they saw, and a rule that denies.
    async fn by_broken_rules(&self, said: &mut Said) {
        let errs = |arguments: &Value| Err::<bool, _>(format!("no rule for {arguments}"));
        let panics = |arguments: &Value| -> bool { panic!("{EXPECTED}: {arguments}") };
        let policies = [
            ApprovalPolicy::new().add_auto_approve_rule(self.tool, "it errs", errs),
            ApprovalPolicy::new().add_auto_approve_rule(self.tool, "it panics", panics),
            ApprovalPolicy::new().add_ask_rule(self.tool, "it panics", panics),
            ApprovalPolicy::new().add_deny_rule(self.tool, "it errs", errs),
            ApprovalPolicy::new().add_deny_rule(self.tool, "it denies", |_: &Value| true),
        ];
        for policy in policies {
            let gate = gate(builder().policy(policy));
            said.call("a call under a rule", &self.call(&gate).await.expect_err("no rule lets it through")).await;
        }
    }

    /// Whatever operation of the store fails, before it is done or after.
    async fn on_a_broken_store(&self, said: &mut Said) {
        for (nth, after) in (0..14).flat_map(|nth| [(nth, false), (nth, true)]) {
            let gate = gate(builder().store(Faulty::new(nth, after)));
            let mut decision = None;
            let decide = async {
                loop {
                    let request = gate.get_pending().await.ok().and_then(|mut pending| pending.pop());
                    if let Some(request) = request {
                        let approval = Decision::approve(alice(), request.digest());
                        decision = gate.decide(request.id(), approval).await.err();
                        return std::future::pending::<()>().await;
                    }
                    tokio::task::yield_now().await;
                }
            };
            let mut call = pin!(self.call(&gate));
            let returned = tokio::select! {
                biased;
                returned = &mut call => returned,
                () = decide => unreachable!("it decides and then is pending"),
                () = tokio::time::sleep(Duration::from_secs(1_000)) => panic!("operation {nth}: the call hangs"),
            };
            if let Err(error) = returned {
                said.call("a call on a broken store", &error).await;
            }
            if let Some(error) = decision {
                said.decision("a vote on a broken store", &error);
            }
        }
    }

    /// A gate that takes no more, reaches nobody, or shuts down.
    async fn at_a_closed_gate(&self, said: &mut Said) {
        let full = gate(builder().max_pending(0));
        said.call("a full gate", &self.call(&full).await.expect_err("it is full")).await;
        let nowhere = builder().notifier(Broken("nowhere")).build().expect("a gate");
        said.call("a gate that reaches nobody", &self.call(&nowhere).await.expect_err("it reaches nobody")).await;
        let shut = gate(builder());
        let (returned, ()) = tokio::join!(self.call(&shut), async {
            pending(&shut).await;
            shut.shutdown().await;
        });
        said.call("a gate that shuts down", &returned.expect_err("it shuts down")).await;
        said.call("a gate that is shut", &self.call(&shut).await.expect_err("it is shut")).await;
    }
}

/// Reads the events up to the last delivery.
async fn all_told(events: &mut Events, said: &mut Said) {
    let (mut asked, mut told, mut ended) = (0, 0, false);
    while !ended || told < asked * CHANNELS {
        let event = events.next().await.expect("the gate is there");
        match event.kind {
            EventKind::Changed(Transition::Requested) => asked += 1,
            EventKind::Delivered { .. } | EventKind::NotDelivered { .. } => told += 1,
            // The last call of `reviewed` panics.
            EventKind::Changed(Transition::Failed) => ended = asked == 7,
            _ => {}
        }
        said.debug("an event", &event);
    }
}
