//! The path of one call: route, capture, judge, write, tell, wait, claim, run, record. Every body starts here and nowhere else.

mod capturing;
mod execution;
mod file;
mod json;
mod permit;
mod resume;
mod running;
mod start;
mod waiting;

use std::fmt;
use std::future::{Future, ready};
use std::sync::Arc;

use serde_json::Value;

pub use self::capturing::{Capturing, IntoCallId};
pub use self::execution::Execution;
pub use self::file::NewRequest;
pub use self::json::{CallError, Returned};
pub use self::resume::{Recovery, ResumeError};
use self::running::Approving;
pub use self::running::{Captured, Gated, Keep, Kept, NotKept, Recorded, Returns, Running};
use self::start::{Approved, What};
use self::waiting::{NotApproved, Waiting, file, wait_for};
use crate::agent::Agent;
use crate::arguments::{Decoder, Hidden};
use crate::boxed::BoxFuture;
use crate::check::Check;
use crate::gate::{ApprovalGate, Asking, Opened};
use crate::policy::{Judgement, Ruling};
use crate::refusal::{Refusal, ToolReturn};
use crate::request::{ApprovalRequest, Verdict};
use crate::scope::{self, ByName};
use crate::tool::{Tool, ToolRef};

/// A call whose way is known: it passes, or it is to be asked about.
#[derive(Debug)]
#[must_use = "a call that is routed is asked about, and then run"]
pub struct Route(Option<Box<Routed>>);

/// A call that the policy does not simply let pass.
#[derive(Debug)]
struct Routed {
    gate: Option<ApprovalGate>,
    tool: ToolRef,
    agent: Option<Agent>,
    by_name: Option<Arc<ByName>>,
    /// It was approved already.
    approved: Option<ApprovalRequest>,
}

/// Finds the gate and asks whether the tool passes; allocates nothing when it does.
#[inline]
#[expect(clippy::needless_pass_by_value, reason = "generated code makes it for this call")]
pub fn route(tool: &'static Tool, gate: Option<&ApprovalGate>, agent: Option<Agent>) -> Route {
    scope::with(|scope| {
        let scope_agent = scope.and_then(|scope| scope.agent.as_ref());
        let gate = gate.or_else(|| scope.and_then(|scope| scope.gate.as_ref())).or_else(|| ApprovalGate::installed());
        let agent = agent.as_ref().or(scope_agent);
        let by_name = scope.and_then(|scope| scope.by_name.as_ref()).filter(|by_name| by_name.is_call_of(tool));
        let approved = scope.and_then(|scope| scope.resuming.as_ref()).and_then(|resuming| resuming.take_for(tool));
        match gate {
            // Whatever the policy says by now: there is one start, and it has to be claimed.
            _ if approved.is_some() => call(gate, ToolRef::Static(tool), agent, scope_agent, by_name, approved),
            Some(gate) if matches!(gate.ruling(agent, tool.name()), Ruling::Pass) => {
                by_name.into_iter().for_each(|by_name| by_name.start());
                Route(None)
            }
            _ => call(gate, ToolRef::Static(tool), agent, scope_agent, by_name, None),
        }
    })
}

#[cold]
fn call(
    gate: Option<&ApprovalGate>,
    tool: ToolRef,
    agent: Option<&Agent>,
    outer: Option<&Agent>,
    by_name: Option<&Arc<ByName>>,
    approved: Option<ApprovalRequest>,
) -> Route {
    let agent = agent.map(|agent| agent.clone().inside(outer));
    Route(Some(Box::new(Routed { gate: gate.cloned(), tool, agent, by_name: by_name.cloned(), approved })))
}

impl ApprovalGate {
    /// Runs a tool that has no annotated function: the same path, with the body as a closure over the approved arguments.
    ///
    /// `arguments` is a JSON object. A tool that is annotated in this binary, or declared on the builder, is taken as it is
    /// there; for one that nobody declared, people are asked.
    ///
    /// ```
    /// # use approval_runtime::{ApprovalGate, ApprovalPolicy, Refusal, Tool};
    /// # use serde_json::{Value, json};
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let policy = ApprovalPolicy::new().add_auto_approve_rule("add", "both are small", |args: &Value| {
    ///     ["a", "b"].iter().all(|name| args[name].as_u64().is_some_and(|n| n < 100))
    /// });
    /// let gate = ApprovalGate::builder().tool(Tool::named("add")).policy(policy).without_notifier().build()?;
    /// let sum: Result<u64, Refusal> = gate
    ///     .call(Tool::named("add"), json!({"a": 1, "b": 2}), |args| async move {
    ///         Ok(args["a"].as_u64().unwrap_or(0) + args["b"].as_u64().unwrap_or(0))
    ///     })
    ///     .await;
    /// assert_eq!(sum?, 3);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// A [`Refusal`], as the return type carries it.
    ///
    /// # Cancel safety
    /// Dropping the future while it waits withdraws the request; while the body runs, or its start is being written, the outcome
    /// is recorded as indeterminate.
    pub async fn call<T, F, B>(&self, tool: Tool, arguments: Value, body: F) -> T
    where
        T: ToolReturn,
        F: FnOnce(Value) -> B,
        B: Future<Output = T>,
    {
        let tool = self.known(tool);
        let agent = Agent::current();
        let route = match self.ruling(agent.as_ref(), tool.name()) {
            Ruling::Pass => Route(None),
            Ruling::Judge(_) => call(Some(self), tool, agent.as_ref(), None, None, None),
        };
        route
            .with(arguments)
            .capture(|call, arguments| call.whole(&arguments))
            .decode(Decoder::rest::<Value>)
            .run(T::refused, T::is_failure, |arguments, _| async move { body(arguments).await })
            .await
    }
}

impl Route {
    /// Adds the caller's values.
    #[inline]
    pub const fn with<V>(self, values: V) -> Called<V> {
        Called { route: self, values }
    }
}

/// A call with the caller's values.
#[must_use = "nothing runs until `run` is awaited"]
pub struct Called<V> {
    route: Route,
    values: V,
}

impl<V> fmt::Debug for Called<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Called(..)")
    }
}

impl<V> Called<V> {
    /// Shows the values to the policy and drops them, where the call does not pass.
    #[inline]
    pub fn capture(self, capture: impl FnOnce(&mut Capturing<'_>, V)) -> Captured<V> {
        let Self { route, values } = self;
        let Some(mut call) = route.0 else { return Captured::passes(values) };
        if let (Some(request), Some(gate)) = (call.approved.take(), call.gate.clone()) {
            // What was approved is on the record; these values were only made to get here.
            return Captured::waits(call.watched(Box::pin(ready(Ok(Box::new(Approved::resumed(gate, request)))))));
        }
        let redact: Vec<_> = call.tool.redacted_paths().collect();
        let asked = match call.capturing(&redact) {
            Ok(mut capturing) => {
                capture(&mut capturing, values);
                capturing.end()
            }
            Err(refusal) => Err(refusal),
        };
        Captured::waits(call.approving(asked))
    }
}

impl Routed {
    fn capturing<'a>(&'a self, redact: &'a [&'a str]) -> Result<Capturing<'a>, Refusal> {
        match &self.gate {
            Some(gate) => Ok(Capturing::new(gate, &self.tool, self.agent.as_ref(), redact)),
            None => Err(Refusal::NoGate { tool: self.tool.name().into() }),
        }
    }

    fn approving(self, asked: Result<Asked, Refusal>) -> Approving {
        let approving = match asked {
            Ok(asked) => asked.approved(),
            Err(refusal) => Box::pin(ready(Err(refusal.into()))),
        };
        self.watched(approving)
    }

    fn watched(self, approving: Approving) -> Approving {
        match self.by_name {
            None => approving,
            Some(by_name) => Box::pin(async move {
                let approved = by_name.watch(approving).await?;
                Ok(Box::new(Approved { by_name: Some(by_name), ..*approved }))
            }),
        }
    }
}

/// A captured and judged call.
struct Asked {
    gate: ApprovalGate,
    asking: Asking,
    judgement: Judgement,
    hidden: Option<Box<Hidden>>,
    decoder: Option<Decoder>,
    cancel: Option<BoxFuture<'static, ()>>,
    check: Check,
    annotated: bool,
}

impl Asked {
    /// Each way is a future of its own: one that waits for people keeps nothing of the others.
    fn approved(self) -> Approving {
        let Self { gate, asking, judgement, hidden, decoder, mut cancel, check, annotated } = self;
        match judgement {
            Judgement::Allow(rule) => {
                let what = What::ByRule { gate, asking, rule, decoder, check };
                Box::pin(ready(Ok(Box::new(Approved { what, hidden, cancel, annotated, by_name: None }))))
            }
            Judgement::Deny(rule) => Box::pin(async move {
                match gate.open(asking, Verdict::Deny { rule: Arc::clone(&rule) }).await? {
                    Opened::New(request) => Err(Refusal::of(&request).into()),
                    Opened::Before { id, ask } => Err(waiting::denied_again(&gate, ask.tool.name(), id, rule).await),
                }
            }),
            Judgement::Ask => {
                let waits = if asking.key.is_some() { Waiting::sharing } else { Waiting::alone };
                let (mut id, mut filing) = (asking.id, file(&gate, asking));
                Box::pin(async move {
                    let (waiting, request) = loop {
                        match wait_for(waits(gate.clone(), id), filing, check.clone(), cancel.as_mut()).await {
                            Ok(approved) => break approved,
                            Err(NotApproved::Stopped(stop)) => return Err(stop),
                            Err(NotApproved::Gone(ask)) => {
                                let asking = Asking::anew(&ask);
                                (id, filing) = (asking.id, file(&gate, asking));
                            }
                        }
                    };
                    let what = What::ByPeople { waiting, request };
                    Ok(Box::new(Approved { what, hidden, cancel, annotated, by_name: None }))
                })
            }
        }
    }
}
