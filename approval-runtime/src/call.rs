//! The path of one call: route, capture, judge, write, tell, wait, claim, run, record. Every body starts here and nowhere else.

use std::any::Any;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use crate::BoxFuture;
use crate::agent::Agent;
use crate::arguments::{Arguments, Capture, Captured, Decoder, Hidden, Invalid};
use crate::gate::{ApprovalGate, Asking, NotApplied, RunningBody};
use crate::policy::{Judgement, Ruling};
use crate::refusal::{Refusal, ToolReturn};
use crate::request::{
    ApprovalRequest, ApprovalStatus, Conflict, EndedBecause, Event, ExecutionState, Outcome, RequestId, Verdict,
};
use crate::scope;
use crate::tool::{Tool, ToolRef};
use crate::wait::{self, Check, Waiter};

/// Who withdrew a request whose caller went away.
const BY_CALLER: &str = "caller";

/// A call that the policy does not simply let pass.
#[derive(Debug)]
pub struct Call(Box<Routed>);

#[derive(Debug)]
struct Routed {
    gate: Option<ApprovalGate>,
    tool: ToolRef,
    agent: Option<Agent>,
}

/// Finds the gate and asks whether the tool passes; `None` when it does. Allocates nothing then.
#[inline]
pub fn route(tool: &'static Tool, gate: Option<&ApprovalGate>, agent: Option<Agent>) -> Option<Call> {
    scope::with(|scope| {
        let scope_agent = scope.and_then(|scope| scope.agent.as_ref());
        let gate = gate.or_else(|| scope.and_then(|scope| scope.gate.as_ref())).or_else(|| ApprovalGate::installed());
        let agent = agent.as_ref().or(scope_agent);
        match gate {
            Some(gate) if matches!(gate.ruling(agent, tool.name()), Ruling::Pass) => None,
            _ => Some(call(gate, ToolRef::Static(tool), agent, scope_agent)),
        }
    })
}

#[cold]
fn call(gate: Option<&ApprovalGate>, tool: ToolRef, agent: Option<&Agent>, outer: Option<&Agent>) -> Call {
    let agent = agent.map(|agent| agent.clone().inside(outer));
    Call(Box::new(Routed { gate: gate.cloned(), tool, agent }))
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
        let asked = ask(
            call(Some(self), tool, agent.as_ref(), None),
            move |call| call.whole(&arguments),
            |decoder| decoder.rest::<Value>(),
        );
        match asked.await {
            Ok((permit, arguments)) => run(permit, pin!(body(arguments)), T::is_failure).await,
            Err(refusal) => T::refused(refusal),
        }
    }
}

/// A call whose arguments are being captured.
pub struct Capturing<'a> {
    gate: &'a ApprovalGate,
    tool: &'a ToolRef,
    agent: Option<&'a Agent>,
    capture: Option<Capture<'a>>,
    captured: Option<Result<Captured, Invalid>>,
    judged: Option<(Judgement, u32)>,
    decoder: Option<Decoder>,
    reason: Option<Box<str>>,
    call_id: Option<Box<str>>,
    cancel: Option<BoxFuture<'static, ()>>,
    check: Option<Check>,
}

impl fmt::Debug for Capturing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capturing").field("tool", &self.tool.name()).finish_non_exhaustive()
    }
}

impl<'a> Capturing<'a> {
    fn new(gate: &'a ApprovalGate, tool: &'a ToolRef, agent: Option<&'a Agent>, redact: &'a [&'a str]) -> Self {
        Self {
            gate,
            tool,
            agent,
            capture: Some(Capture::new(gate.capture_settings(redact))),
            captured: None,
            judged: None,
            decoder: None,
            reason: None,
            call_id: None,
            cancel: None,
            check: None,
        }
    }

    /// Captures one argument.
    pub fn argument<T: serde::Serialize + ?Sized>(&mut self, name: &'static str, value: &T) {
        if let Some(capture) = &mut self.capture {
            capture.argument(name, value);
        }
    }

    /// Captures a value whose fields are arguments.
    pub fn flatten<T: serde::Serialize + ?Sized>(&mut self, value: &T) {
        if let Some(capture) = &mut self.capture {
            capture.flatten(value);
        }
    }

    fn whole(&mut self, arguments: &Value) {
        if let Some(capture) = &mut self.capture {
            capture.whole(arguments);
        }
    }

    /// Sets what reviewers read as the reason.
    pub fn reason(&mut self, reason: fmt::Arguments<'_>) {
        self.reason = Some(fmt::format(reason).into());
    }

    /// Sets the model's id of the call.
    pub fn call_id(&mut self, id: impl IntoCallId) {
        self.call_id = id.into_call_id();
    }

    /// Sets a future that is ready when the caller no longer wants the call.
    pub fn cancel(&mut self, cancelled: BoxFuture<'static, ()>) {
        self.cancel = Some(cancelled);
    }

    /// Sets how an edit is checked while the call waits.
    pub fn check(&mut self, check: Check) {
        self.check = Some(check);
    }

    /// Asks the policy, with the attribute's typed rule behind its allow rules.
    pub fn decide(&mut self, rule: impl FnOnce(&mut Decoder) -> Result<bool, Invalid>) {
        self.judge(Some(rule));
    }

    fn judge(&mut self, rule: Option<impl FnOnce(&mut Decoder) -> Result<bool, Invalid>>) {
        let Some(capture) = self.capture.take() else { return };
        let captured = self.captured.insert(capture.finish());
        let (Ok(captured), Ruling::Judge(rules)) = (captured, self.gate.ruling(self.agent, self.tool.name())) else { return };
        let json = if rules.read_json() { captured.arguments.to_value() } else { Value::Null };
        let mut rule = rule;
        let decoder = &mut self.decoder;
        let mut typed = || {
            let rule = rule.take().ok_or("it was asked twice")?;
            let decoder = decoder.insert(decoder_of(&captured.arguments, captured.hidden.as_deref()).map_err(describe)?);
            rule(decoder).map_err(describe)
        };
        let judgement = rules.judge(self.tool, &json, Some(&mut typed));
        self.judged = Some((judgement, rules.version()));
    }

    fn end(mut self) -> Result<Asked, Refusal> {
        self.judge(None::<fn(&mut Decoder) -> Result<bool, Invalid>>);
        let tool = || self.tool.name().into();
        let captured = match self.captured {
            Some(Ok(captured)) => captured,
            Some(Err(error)) => return Err(Refusal::Unrepresentable { tool: tool(), error }),
            None => return Err(Refusal::NoGate { tool: tool() }),
        };
        // A policy that lets the tool pass would not have led here; if it did, people are asked.
        let (judgement, policy_version) = self.judged.unwrap_or((Judgement::Ask, 0));
        let Captured { arguments, hidden } = captured;
        let call_id = self.call_id.or_else(|| self.agent.and_then(Agent::call).map(Into::into));
        Ok(Asked {
            gate: self.gate.clone(),
            asking: Asking {
                id: RequestId::random(),
                tool: self.tool.clone(),
                arguments,
                agent: self.agent.cloned(),
                call_id,
                reason: self.reason,
                policy_version,
            },
            judgement,
            hidden,
            decoder: self.decoder,
            cancel: self.cancel,
            check: self.check,
        })
    }
}

fn describe(error: Invalid) -> Box<str> {
    error.to_string().into()
}

fn decoder_of(arguments: &Arguments, hidden: Option<&Hidden>) -> Result<Decoder, Invalid> {
    Decoder::new(arguments, hidden)
}

/// What `call_id = …` may give.
pub trait IntoCallId {
    /// Returns the id, if there is one.
    fn into_call_id(self) -> Option<Box<str>>;
}

impl IntoCallId for &str {
    fn into_call_id(self) -> Option<Box<str>> {
        Some(self.into())
    }
}

impl IntoCallId for String {
    fn into_call_id(self) -> Option<Box<str>> {
        Some(self.into())
    }
}

impl<I: IntoCallId> IntoCallId for Option<I> {
    fn into_call_id(self) -> Option<Box<str>> {
        self.and_then(I::into_call_id)
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
}

/// Captures and judges at once; then waits for approval, decodes what was approved, and claims the one start.
///
/// Not an `async fn`: the future must not keep the originals that `capture` takes.
pub fn ask<T, C, D>(call: Call, capture: C, decode: D) -> impl Future<Output = Result<(Permit, T), Refusal>> + use<T, C, D>
where
    C: FnOnce(&mut Capturing<'_>),
    D: FnOnce(&mut Decoder) -> Result<T, Invalid>,
{
    let waiting = begin(call, capture);
    async move {
        let mut approved = waiting.await?;
        match approved.decode(decode) {
            Ok(values) => Ok((approved.claim().await?, values)),
            Err(error) => Err(approved.unrunnable(error).await),
        }
    }
}

fn begin(call: Call, capture: impl FnOnce(&mut Capturing<'_>)) -> BoxFuture<'static, Result<Box<Approved>, Refusal>> {
    let Routed { gate, tool, agent } = *call.0;
    let Some(gate) = gate else {
        return Box::pin(std::future::ready(Err(Refusal::NoGate { tool: tool.name().into() })));
    };
    let redact: Vec<_> = tool.redacted_paths().collect();
    let mut capturing = Capturing::new(&gate, &tool, agent.as_ref(), &redact);
    capture(&mut capturing);
    match capturing.end() {
        Ok(asked) => Box::pin(asked.approved()),
        Err(refusal) => Box::pin(std::future::ready(Err(refusal))),
    }
}

impl Asked {
    async fn approved(self) -> Result<Box<Approved>, Refusal> {
        let Self { gate, asking, judgement, hidden, decoder, mut cancel, check } = self;
        match judgement {
            Judgement::Allow(rule) => {
                let what = What::ByRule { gate, asking, rule, decoder };
                Ok(Box::new(Approved { what, hidden, cancel }))
            }
            Judgement::Deny(rule) => {
                let request = gate.open(asking, Verdict::Deny { rule }).await?;
                Err(refusal_of(&request))
            }
            Judgement::Ask => {
                drop(decoder);
                let (waiting, request) = wait_for(gate, asking, check, cancel.as_mut()).await?;
                Ok(Box::new(Approved { what: What::ByPeople { waiting, request }, hidden, cancel }))
            }
        }
    }
}

/// A request that a call waits for. Dropped, it withdraws the request.
struct Waiting {
    gate: ApprovalGate,
    id: RequestId,
    withdraws: bool,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.withdraws && !self.gate.is_shutting_down() {
            let (gate, id) = (self.gate.clone(), self.id);
            in_background(async move {
                // Too late to withdraw is fine: somebody decided otherwise, or the request was never written.
                let _ = gate.advance(id, None, &Event::Cancel { by: BY_CALLER.into() }).await;
            });
        }
    }
}

/// Runs a write that nobody waits for: at once where the store does not suspend, else as a task.
fn in_background(write: impl Future<Output = ()> + Send + 'static) {
    let mut write = Box::pin(write);
    if write.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
        && let Ok(runtime) = Handle::try_current()
    {
        runtime.spawn(write);
    }
}

enum Woken {
    Hint(wait::Hint),
    CancelledByCaller,
    Timer,
}

/// Files the request and waits until it is approved.
async fn wait_for(
    gate: ApprovalGate,
    asking: Asking,
    check: Option<Check>,
    mut cancel: Option<&mut BoxFuture<'static, ()>>,
) -> Result<(Waiting, ApprovalRequest), Refusal> {
    let id = asking.id;
    let mut waiter = Waiter::register(id, check);
    let mut waiting = Waiting { gate, id, withdraws: true };
    let mut request = match waiting.gate.open(asking, Verdict::Ask).await {
        Ok(request) => request,
        Err(refusal) => {
            waiting.withdraws = false;
            return Err(refusal);
        }
    };
    let filed = Instant::now();
    let deadline = filed + until(request.created_at(), request.expires_at());
    let patience = request.tool().callers_wait().map(|wait| filed + wait);
    let mut timer = pin!(sleep_until(patience.map_or(deadline, |patience| patience.min(deadline))));
    loop {
        let woken = poll_fn(|context| {
            if let Poll::Ready(hint) = waiter.poll(context) {
                return Poll::Ready(Woken::Hint(hint));
            }
            if let Some(cancel) = &mut cancel
                && cancel.as_mut().poll(context).is_ready()
            {
                return Poll::Ready(Woken::CancelledByCaller);
            }
            timer.as_mut().poll(context).map(|()| Woken::Timer)
        });
        request = match woken.await {
            Woken::Hint(Some(request)) if request.status() != ApprovalStatus::Pending => request,
            Woken::Hint(_) => {
                waiter = Waiter::register(id, check);
                let read = waiting.gate.read(id).await;
                match read {
                    Ok(Some(request)) => request,
                    Ok(None) => return Err(waiting.unavailable(&request, Arc::new(Gone))),
                    Err(error) => return Err(waiting.unavailable(&request, Arc::new(error))),
                }
            }
            Woken::CancelledByCaller => {
                cancel = None;
                let event = Event::Cancel { by: BY_CALLER.into() };
                waiting.settle(&request, event).await?
            }
            Woken::Timer if patience.is_some_and(|patience| patience < deadline) => {
                waiting.withdraws = false;
                watch(&waiting.gate, request.clone());
                return Err(Refusal::Pending { tool: request.tool_name().into(), id });
            }
            Woken::Timer => {
                let request = waiting.settle(&request, Event::TimeOut).await?;
                if request.status() == ApprovalStatus::Pending {
                    // The store's clock is behind tokio's: it decides.
                    let now = waiting.gate.now().await.unwrap_or(request.created_at());
                    timer.as_mut().reset(Instant::now() + until(now, request.expires_at()).max(Duration::from_millis(1)));
                }
                request
            }
        };
        match request.status() {
            ApprovalStatus::Pending if waiting.gate.is_shutting_down() => {
                waiting.withdraws = false;
                return Err(Refusal::ShuttingDown { tool: request.tool_name().into(), id: Some(id) });
            }
            ApprovalStatus::Pending => {}
            ApprovalStatus::Approved => return Ok((waiting, request)),
            _ => {
                waiting.withdraws = false;
                return Err(refusal_of(&request));
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the store no longer has the request")]
struct Gone;

fn until(now: DateTime<Utc>, then: DateTime<Utc>) -> Duration {
    (then - now).to_std().unwrap_or_default()
}

impl Waiting {
    /// Applies an event; where somebody else was faster, theirs is the answer.
    async fn settle(&mut self, request: &ApprovalRequest, event: Event) -> Result<ApprovalRequest, Refusal> {
        match self.gate.advance(self.id, Some(request.clone()), &event).await {
            Ok(request) | Err(NotApplied::Conflict(_, request)) => Ok(request),
            Err(NotApplied::NotFound(_)) => Err(self.unavailable(request, Arc::new(Gone))),
            Err(NotApplied::Store(error)) => Err(self.unavailable(request, Arc::new(error))),
        }
    }

    fn unavailable(&self, request: &ApprovalRequest, source: Arc<dyn std::error::Error + Send + Sync>) -> Refusal {
        Refusal::Unavailable { tool: request.tool_name().into(), id: Some(self.id), source }
    }
}

/// Writes the deadlines of a request that no call waits for, when they come.
pub(crate) fn watch(gate: &ApprovalGate, request: ApprovalRequest) {
    let Ok(runtime) = Handle::try_current() else { return };
    let gate = gate.downgrade();
    runtime.spawn(async move {
        let id = request.id();
        let mut current = Some(request);
        while let Some(deadline) = current.as_ref().and_then(ApprovalRequest::next_deadline) {
            let mut waiter = Waiter::register(id, None);
            let Some(now) = (match gate.upgrade() {
                Some(gate) => gate.now().await.ok(),
                None => None,
            }) else {
                return;
            };
            let mut timer = pin!(sleep(until(now, deadline)));
            let due = poll_fn(|context| match waiter.poll(context) {
                Poll::Ready(_) => Poll::Ready(false),
                Poll::Pending => timer.as_mut().poll(context).map(|()| true),
            });
            let due = due.await;
            let Some(gate) = gate.upgrade() else { return };
            let pending = current.as_ref().is_some_and(|request| request.status() == ApprovalStatus::Pending);
            if due {
                let event = if pending { Event::TimeOut } else { Event::Expire(EndedBecause::Grant) };
                let _ = gate.advance(id, None, &event).await;
            }
            current = gate.read(id).await.ok().flatten();
        }
    });
}

/// Says why a request that ended does not run.
pub(crate) fn refusal_of(request: &ApprovalRequest) -> Refusal {
    let (tool, id) = (request.tool_name().into(), request.id());
    let because = request.ended_because();
    match (request.status(), request.execution().state) {
        (ApprovalStatus::Rejected, _) => Refusal::Rejected {
            tool,
            id,
            by: request.decided_by().unwrap_or("nobody").into(),
            rule: request.matched_rule().map(Into::into),
            comment: request.comment().map(Into::into),
        },
        (ApprovalStatus::TimedOut, _) => Refusal::TimedOut { tool, id },
        (ApprovalStatus::Cancelled, _) => Refusal::Cancelled { tool, id, because },
        (ApprovalStatus::Expired, _) => Refusal::Expired { tool, id, because },
        (_, ExecutionState::Executing) => Refusal::InProgress { tool, id },
        (_, ExecutionState::Indeterminate) => Refusal::Indeterminate { tool, id },
        (_, ExecutionState::Executed | ExecutionState::Failed) => Refusal::AlreadyExecuted { tool, id },
        (_, ExecutionState::NotStarted) => Refusal::Pending { tool, id },
    }
}

/// Checks what a reviewer put in place of the arguments: live ones must stay, and the tool must be able to take it, where a
/// call that waits here or the tool itself knows how. Secrets are not at hand here, so calls with any are checked at the claim.
pub(crate) fn check_edit(request: &ApprovalRequest, edited: &Arguments) -> Result<(), Invalid> {
    let tool = request.tool();
    let (before, after) = (request.effective_arguments().to_value(), edited.to_value());
    for name in tool.not_reviewed() {
        if before.get(name) != after.get(name) {
            return Err(Invalid::live_changed(name));
        }
    }
    let Ok(mut decoder) = decoder_of(edited, None) else { return Ok(()) };
    let checked = match wait::check_of(request.id()) {
        Some(check) => Some(check(&mut decoder)),
        None => tool.check(&mut decoder),
    };
    match checked {
        Some(checked) => checked.and_then(|()| finish_decoding(tool, &mut decoder)),
        None => Ok(()),
    }
}

/// Refuses fields that nothing took. Live arguments are shown, and run as they are.
fn finish_decoding(tool: &Tool, decoder: &mut Decoder) -> Result<(), Invalid> {
    tool.not_reviewed().iter().for_each(|name| decoder.discard(name));
    decoder.finish()
}

/// A call that may run once its start is claimed.
struct Approved {
    what: What,
    hidden: Option<Box<Hidden>>,
    cancel: Option<BoxFuture<'static, ()>>,
}

enum What {
    ByRule { gate: ApprovalGate, asking: Asking, rule: Arc<str>, decoder: Option<Decoder> },
    ByPeople { waiting: Waiting, request: ApprovalRequest },
}

impl Approved {
    /// Decodes what was approved into what the body takes.
    fn decode<T>(&mut self, decode: impl FnOnce(&mut Decoder) -> Result<T, Invalid>) -> Result<T, Invalid> {
        let hidden = self.hidden.as_deref();
        let (tool, mut decoder) = match &mut self.what {
            What::ByRule { asking, decoder, .. } => {
                let decoder = match decoder.take() {
                    Some(decoder) => decoder,
                    None => decoder_of(&asking.arguments, hidden)?,
                };
                (&*asking.tool, decoder)
            }
            What::ByPeople { request, .. } => (request.tool(), decoder_of(request.effective_arguments(), hidden)?),
        };
        let values = decode(&mut decoder)?;
        finish_decoding(tool, &mut decoder)?;
        Ok(values)
    }

    /// Ends a request whose approved arguments the tool cannot take.
    fn unrunnable(self: Box<Self>, error: Invalid) -> BoxFuture<'static, Refusal> {
        Box::pin(async move {
            match self.what {
                What::ByRule { asking, .. } => Refusal::Unrepresentable { tool: asking.tool.name().into(), error },
                What::ByPeople { mut waiting, request } => {
                    let id = request.id();
                    let ended = waiting.gate.advance(id, Some(request.clone()), &Event::Expire(EndedBecause::Unrunnable)).await;
                    // If that could not be written, dropping the guard withdraws the request.
                    waiting.withdraws = ended.is_err();
                    Refusal::Invalid { tool: request.tool_name().into(), id: Some(id), error }
                }
            }
        })
    }

    /// Claims the one start; when this returns a permit, the claim is written.
    fn claim(mut self: Box<Self>) -> BoxFuture<'static, Result<Permit, Refusal>> {
        Box::pin(async move {
            let withdrawn = self.cancel.as_mut().is_some_and(|cancel| is_ready(cancel));
            match self.what {
                What::ByRule { gate, asking, rule, .. } => {
                    if withdrawn {
                        return Err(Refusal::Cancelled { tool: asking.tool.name().into(), id: asking.id, because: None });
                    }
                    let claim_id = Uuid::new_v4();
                    let running = RunningBody::start(gate);
                    let request = running.gate().open(asking, Verdict::AutoApprove { rule, claim_id }).await?;
                    Ok(Permit::new(running, request, claim_id))
                }
                What::ByPeople { waiting, request } => waiting.claim(request, withdrawn).await,
            }
        })
    }
}

impl Waiting {
    async fn claim(mut self, request: ApprovalRequest, withdrawn: bool) -> Result<Permit, Refusal> {
        let (gate, id) = (self.gate.clone(), self.id);
        let tool = || request.tool_name().into();
        if withdrawn {
            let request = self.settle(&request, Event::Cancel { by: BY_CALLER.into() }).await?;
            self.withdraws = false;
            return Err(refusal_of(&request));
        }
        if gate.is_shutting_down() {
            self.withdraws = false;
            return Err(Refusal::ShuttingDown { tool: tool(), id: Some(id) });
        }
        let digest = request.digest();
        let denied = denied(&gate, &request);
        let claim_id = Uuid::new_v4();
        let running = RunningBody::start(gate);
        let claimed = running.gate().advance(id, Some(request.clone()), &Event::Claim { claim_id, digest, denied }).await;
        match claimed {
            Ok(request) if request.execution().claim_id == Some(claim_id) => {
                self.withdraws = false;
                Ok(Permit::new(running, request, claim_id))
            }
            Ok(request) => {
                self.withdraws = false;
                Err(refusal_of(&request))
            }
            Err(NotApplied::Conflict(Conflict::DigestMismatch, _)) => Err(Refusal::DigestMismatch { tool: tool(), id }),
            Err(NotApplied::Conflict(_, request)) => {
                self.withdraws = false;
                Err(refusal_of(&request))
            }
            Err(NotApplied::NotFound(_)) => Err(self.unavailable(&request, Arc::new(Gone))),
            // Whether the claim was written is not known: the body does not run.
            Err(NotApplied::Store(error)) => Err(self.unavailable(&request, Arc::new(error))),
        }
    }
}

/// Asks the deny rules again, right before the start.
fn denied(gate: &ApprovalGate, request: &ApprovalRequest) -> Option<Arc<str>> {
    match gate.ruling(request.agent(), request.tool_name()) {
        Ruling::Judge(rules) if rules.has_denies() => rules.denies(request.tool(), &request.effective_arguments().to_value()),
        _ => None,
    }
}

fn is_ready(future: &mut BoxFuture<'static, ()>) -> bool {
    future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

/// The right to run a body once. Dropped while the body runs, it records that nobody knows how far it came.
#[derive(Debug)]
#[must_use = "a permit is for `run`"]
pub struct Permit(Option<Box<Claimed>>);

#[derive(Debug)]
struct Claimed {
    running: RunningBody,
    request: ApprovalRequest,
    claim_id: Uuid,
    recorded: bool,
}

impl Permit {
    /// The permit of a call that the policy lets pass: nothing is recorded.
    #[inline]
    pub const fn ungated() -> Self {
        Self(None)
    }

    fn new(running: RunningBody, request: ApprovalRequest, claim_id: Uuid) -> Self {
        Self(Some(Box::new(Claimed { running, request, claim_id, recorded: false })))
    }
}

impl Claimed {
    fn record(&self, outcome: Outcome) -> impl Future<Output = ()> + Send + 'static + use<> {
        let (gate, request, claim_id) = (self.running.gate().clone(), self.request.clone(), self.claim_id);
        async move {
            let event = Event::Finish { claim_id, outcome };
            match gate.advance(request.id(), Some(request.clone()), &event).await {
                // A conflict means that the outcome stands already.
                Ok(_) | Err(NotApplied::Conflict(..)) => {}
                Err(error) => tracing::error!(request = %request.id(), ?error, "the outcome of a call could not be recorded"),
            }
        }
    }

    fn finish(mut self: Box<Self>, outcome: Outcome) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // Until this is written, dropping the future records the outcome as indeterminate.
            self.record(outcome).await;
            self.recorded = true;
        })
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        if !self.recorded {
            in_background(self.record(Outcome::Indeterminate));
        }
    }
}

/// Runs a body under its permit and records how it ended. A panic of the body is recorded as failed, and goes on.
pub async fn run<T, F>(permit: Permit, mut body: Pin<&mut F>, is_failure: impl FnOnce(&T) -> bool) -> T
where
    F: Future<Output = T>,
{
    let Some(claimed) = permit.0 else { return body.await };
    let caught: Result<T, Box<dyn Any + Send>> =
        poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(context))) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        })
        .await;
    match caught {
        Ok(returned) => {
            let outcome = if is_failure(&returned) { Outcome::Failed } else { Outcome::Executed };
            claimed.finish(outcome).await;
            returned
        }
        Err(panic) => {
            claimed.finish(Outcome::Failed).await;
            resume_unwind(panic)
        }
    }
}
