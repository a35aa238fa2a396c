//! The path of one call: route, capture, judge, write, tell, wait, claim, run, record. Every body starts here and nowhere else.

mod capturing;
mod file;
mod json;
mod running;
mod start;
mod waiting;

use std::future::{Future, ready};
use std::pin::pin;
use std::sync::Arc;

use serde_json::Value;

pub use self::capturing::Capturing;
pub use self::file::NewRequest;
pub use self::json::{CallError, Returned};
pub use self::running::{Permit, Running, run};
use self::start::{Approved, What};
use self::waiting::{file, wait_for};
use crate::agent::Agent;
use crate::arguments::{Decoder, Hidden, Invalid};
use crate::boxed::BoxFuture;
use crate::gate::{ApprovalGate, Asking};
use crate::policy::{Judgement, Ruling};
use crate::refusal::{Refusal, ToolReturn};
use crate::request::Verdict;
use crate::scope::{self, ByName};
use crate::tool::{Tool, ToolRef};
use crate::wait::Check;

/// A call that the policy does not simply let pass.
#[derive(Debug)]
pub struct Call(Box<Routed>);

#[derive(Debug)]
struct Routed {
    gate: Option<ApprovalGate>,
    tool: ToolRef,
    agent: Option<Agent>,
    by_name: Option<Arc<ByName>>,
}

/// Finds the gate and asks whether the tool passes; allocates nothing when it does.
///
/// # Errors
/// The call, where the tool does not simply pass.
#[inline]
#[expect(clippy::needless_pass_by_value, reason = "generated code makes it for this call")]
pub fn route(tool: &'static Tool, gate: Option<&ApprovalGate>, agent: Option<Agent>) -> Result<Permit, Call> {
    scope::with(|scope| {
        let scope_agent = scope.and_then(|scope| scope.agent.as_ref());
        let gate = gate.or_else(|| scope.and_then(|scope| scope.gate.as_ref())).or_else(|| ApprovalGate::installed());
        let agent = agent.as_ref().or(scope_agent);
        let by_name = scope.and_then(|scope| scope.by_name.as_ref()).filter(|by_name| by_name.enters(tool));
        match gate {
            Some(gate) if matches!(gate.ruling(agent, tool.name()), Ruling::Pass) => Ok(Permit::ungated()),
            _ => Err(call(gate, ToolRef::Static(tool), agent, scope_agent, by_name)),
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
) -> Call {
    let agent = agent.map(|agent| agent.clone().inside(outer));
    Call(Box::new(Routed { gate: gate.cloned(), tool, agent, by_name: by_name.cloned() }))
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
    /// Dropping the future while it waits withdraws the request; while the body runs, the outcome is recorded as indeterminate.
    pub async fn call<T, F, B>(&self, tool: Tool, arguments: Value, body: F) -> T
    where
        T: ToolReturn,
        F: FnOnce(Value) -> B,
        B: Future<Output = T>,
    {
        let tool = self.known(tool);
        let agent = Agent::current();
        if matches!(self.ruling(agent.as_ref(), tool.name()), Ruling::Pass) {
            return body(arguments).await;
        }
        let call = call(Some(self), tool, agent.as_ref(), None, None);
        let asked = call.ask(move |call| call.whole(&arguments), Decoder::rest::<Value>);
        match asked.await {
            Ok((permit, arguments)) => {
                let (returned, recording) = run(permit, pin!(async move { body(arguments).await }), T::is_failure).await;
                recording.await;
                returned
            }
            Err(refusal) => T::refused(refusal),
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
    check: Option<Check>,
    annotated: bool,
}

impl Call {
    /// Captures and judges at once; then waits for approval, decodes what was approved, and claims the one start.
    ///
    /// Not an `async fn`: the future must not keep the originals that `capture` takes.
    pub fn ask<T, C, D>(self, capture: C, decode: D) -> impl Future<Output = Result<(Permit, T), Refusal>> + use<T, C, D>
    where
        C: FnOnce(&mut Capturing<'_>),
        D: FnOnce(&mut Decoder) -> Result<T, Invalid>,
    {
        let waiting = begin(self, capture);
        async move {
            let (permit, values) = waiting.await?.start(decode);
            Ok((permit.await?, values.expect("there is a permit only where there are values")))
        }
    }
}

fn begin(call: Call, capture: impl FnOnce(&mut Capturing<'_>)) -> BoxFuture<'static, Result<Box<Approved>, Refusal>> {
    let Routed { gate, tool, agent, by_name } = *call.0;
    let approved = approved(gate, &tool, agent.as_ref(), capture);
    match by_name {
        None => approved,
        Some(by_name) => Box::pin(async move {
            let approved = by_name.watch(approved).await?;
            Ok(Box::new(Approved { by_name: Some(by_name), ..*approved }))
        }),
    }
}

fn approved(
    gate: Option<ApprovalGate>,
    tool: &ToolRef,
    agent: Option<&Agent>,
    capture: impl FnOnce(&mut Capturing<'_>),
) -> BoxFuture<'static, Result<Box<Approved>, Refusal>> {
    let Some(gate) = gate else {
        return Box::pin(ready(Err(Refusal::NoGate { tool: tool.name().into() })));
    };
    let redact: Vec<_> = tool.redacted_paths().collect();
    let mut capturing = Capturing::new(&gate, tool, agent, &redact);
    capture(&mut capturing);
    match capturing.end() {
        Ok(asked) => asked.approved(),
        Err(refusal) => Box::pin(ready(Err(refusal))),
    }
}

impl Asked {
    /// Each way is a future of its own: one that waits for people keeps nothing of the others.
    fn approved(self) -> BoxFuture<'static, Result<Box<Approved>, Refusal>> {
        let Self { gate, asking, judgement, hidden, decoder, mut cancel, check, annotated } = self;
        match judgement {
            Judgement::Allow(rule) => {
                let what = What::ByRule { gate, asking, rule, decoder };
                Box::pin(ready(Ok(Box::new(Approved { what, hidden, cancel, annotated, by_name: None }))))
            }
            Judgement::Deny(rule) => Box::pin(async move {
                let request = gate.open(asking, Verdict::Deny { rule }).await?;
                Err(Refusal::of(&request))
            }),
            Judgement::Ask => {
                let (id, filing) = (asking.id, file(&gate, asking));
                Box::pin(async move {
                    let (waiting, request) = wait_for(gate, id, filing, check, cancel.as_mut()).await?;
                    let what = What::ByPeople { waiting, request };
                    Ok(Box::new(Approved { what, hidden, cancel, annotated, by_name: None }))
                })
            }
        }
    }
}
