//! From approved to started: decode what was approved, claim the one start.

use std::sync::Arc;
use std::task::{Context, Waker};

use uuid::Uuid;

use super::permit::Permit;
use super::waiting::{Gone, Waiting, wait_again};
use crate::arguments::{Decoder, Digest, Hidden, Invalid};
use crate::boxed::BoxFuture;
use crate::check::Check;
use crate::gate::{ApprovalGate, Asking, NotApplied, Opened, RunningBody};
use crate::policy::Ruling;
use crate::refusal::{Refusal, Stop};
use crate::request::{ApprovalRequest, Conflict, EndedBecause, Event, Verdict};
use crate::scope::ByName;

/// A call that may run once its start is claimed.
pub(super) struct Approved {
    pub(super) what: What,
    pub(super) hidden: Option<Box<Hidden>>,
    pub(super) cancel: Option<BoxFuture<'static, ()>>,
    /// The body is an annotated function's, which has its live arguments at hand.
    pub(super) annotated: bool,
    /// Who learns of a refusal, where the call came by name.
    pub(super) by_name: Option<Arc<ByName>>,
}

#[allow(clippy::large_enum_variant, reason = "it lives in a box of its own, for a moment")]
pub(super) enum What {
    ByRule { gate: ApprovalGate, asking: Asking, rule: Arc<str>, decoder: Option<Decoder>, check: Check },
    ByPeople { waiting: Waiting, request: ApprovalRequest },
}

impl Approved {
    /// Makes an approved call of a request that was approved in an earlier call.
    pub(super) fn resumed(gate: ApprovalGate, request: ApprovalRequest) -> Self {
        let mut waiting = Waiting::alone(gate, request.id());
        waiting.withdraws = false;
        Self { what: What::ByPeople { waiting, request }, hidden: None, cancel: None, annotated: true, by_name: None }
    }

    /// Decodes the values and claims the one start, or ends the request. The values are apart from the permit, so that the
    /// caller's future holds them once.
    pub(super) fn start<T>(
        mut self: Box<Self>,
        decode: impl FnOnce(&mut Decoder) -> Result<T, Invalid>,
    ) -> (BoxFuture<'static, Result<Permit, Stop>>, Option<T>) {
        let by_name = self.by_name.take();
        let (permit, values): (BoxFuture<'_, _>, _) = match self.decode(decode) {
            Ok(values) => (self.claim(), Some(values)),
            Err(error) => (Box::pin(async { Err(self.unrunnable(error).await.into()) }), None),
        };
        match by_name {
            None => (permit, values),
            Some(by_name) => (Box::pin(async move { by_name.watch(permit).await.inspect(|_| by_name.start()) }), values),
        }
    }

    /// Decodes what was approved into what the body takes.
    fn decode<T>(&mut self, decode: impl FnOnce(&mut Decoder) -> Result<T, Invalid>) -> Result<T, Invalid> {
        let hidden = self.hidden.as_deref();
        let (tool, mut decoder) = match &mut self.what {
            What::ByRule { asking, decoder, .. } => {
                let decoder = match decoder.take() {
                    Some(decoder) => decoder,
                    None => Decoder::new(&asking.arguments, hidden)?,
                };
                (&*asking.tool, decoder)
            }
            What::ByPeople { request, .. } => (request.tool(), Decoder::new(request.effective_arguments(), hidden)?),
        };
        if self.annotated {
            // Shown, and run as they are.
            tool.live_arguments().for_each(|name| decoder.discard(name));
        }
        let values = decode(&mut decoder)?;
        decoder.finish()?;
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
    fn claim(mut self: Box<Self>) -> BoxFuture<'static, Result<Permit, Stop>> {
        Box::pin(async move {
            let withdrawn = self.cancel.as_mut().is_some_and(is_ready);
            match self.what {
                What::ByRule { gate, asking, rule, check, .. } => {
                    if withdrawn {
                        let tool = asking.tool.name().into();
                        return Err(Refusal::Cancelled { tool, id: None, because: None }.into());
                    }
                    let (claim_id, digest) = (Uuid::new_v4(), asking.arguments.digest());
                    let permit = Permit::claiming(RunningBody::start(gate.clone()), asking.id, claim_id);
                    let holder = gate.instance();
                    match gate.open(asking, Verdict::AutoApprove { rule, claim_id, holder }).await {
                        Ok(Opened::New(request)) => Ok(permit.claimed(request)),
                        Ok(there @ Opened::Before { .. }) => {
                            permit.refused();
                            Box::pin(again(gate, there, digest, check, self.cancel)).await
                        }
                        // Whether it was written is not known: the body does not run.
                        Err(refusal @ Refusal::Unavailable { .. }) => Err(refusal.into()),
                        Err(refusal) => {
                            permit.refused();
                            Err(refusal.into())
                        }
                    }
                }
                What::ByPeople { waiting, request } => waiting.claim(request, withdrawn).await,
            }
        })
    }
}

/// A rule lets the call through that people were asked about before: theirs is the one start.
async fn again(
    gate: ApprovalGate,
    there: Opened,
    digest: Digest,
    check: Check,
    mut cancel: Option<BoxFuture<'static, ()>>,
) -> Result<Permit, Stop> {
    let (mut waiting, request) = wait_again(gate, there, check, cancel.as_mut()).await?;
    if request.digest() != digest {
        // The values at hand are not those that a reviewer put in their place. Another call may have them.
        waiting.withdraws = false;
        return Err(Refusal::DigestMismatch { tool: request.tool_name().into(), id: request.id() }.into());
    }
    let withdrawn = cancel.as_mut().is_some_and(is_ready);
    waiting.claim(request, withdrawn).await
}

impl Waiting {
    async fn claim(mut self, request: ApprovalRequest, withdrawn: bool) -> Result<Permit, Stop> {
        let (gate, id) = (self.gate.clone(), self.id);
        let tool = || request.tool_name().into();
        if withdrawn {
            let request = self.settle(&request, Event::Withdraw { waiter: gate.instance() }).await?;
            self.withdraws = false;
            return Err(Refusal::of(&request).into());
        }
        let (digest, fingerprint) = (request.digest(), gate.fingerprint(request.tool()));
        let denied = denied(&gate, &request);
        let (claim_id, holder) = (Uuid::new_v4(), gate.instance());
        // A process that resumes has opened nothing so far.
        if let Err(error) = gate.make_known().await {
            return Err(self.unavailable(&request, Arc::new(error)).into());
        }
        // Counted first, looked at then: a shutdown that does not wait for this body is seen here.
        let running = RunningBody::start(gate.clone());
        if gate.is_shutting_down() {
            self.withdraws = false;
            return Err(Refusal::ShuttingDown { tool: tool(), id: Some(id) }.into());
        }
        let permit = Permit::claiming(running, id, claim_id);
        let event = Event::Claim { claim_id, holder, digest, fingerprint, denied };
        let stop: Stop = match gate.advance(id, Some(request.clone()), &event).await {
            Ok(request) if request.execution().claim_id == Some(claim_id) => {
                self.withdraws = false;
                return Ok(permit.claimed(request));
            }
            Err(NotApplied::Conflict(Conflict::DigestMismatch, _)) => Refusal::DigestMismatch { tool: tool(), id }.into(),
            Err(NotApplied::Conflict(Conflict::Unrunnable, _)) => {
                self.withdraws = false;
                Refusal::Unrunnable { tool: tool(), id }.into()
            }
            Ok(request) | Err(NotApplied::Conflict(_, request)) => {
                self.withdraws = false;
                Stop::of(&request)
            }
            Err(NotApplied::NotFound(_)) => return Err(self.unavailable(&request, Arc::new(Gone)).into()),
            // Whether the claim was written is not known: the body does not run.
            Err(NotApplied::Store(error)) => return Err(self.unavailable(&request, Arc::new(error)).into()),
        };
        permit.refused();
        Err(stop)
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
