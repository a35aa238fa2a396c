//! From approved to started: decode what was approved, claim the one start.

use std::sync::Arc;
use std::task::{Context, Waker};

use uuid::Uuid;

use super::permit::Permit;
use super::waiting::{BY_CALLER, Gone, Waiting};
use crate::arguments::{Decoder, Hidden, Invalid};
use crate::boxed::BoxFuture;
use crate::gate::{ApprovalGate, Asking, NotApplied, RunningBody};
use crate::policy::Ruling;
use crate::refusal::Refusal;
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

pub(super) enum What {
    ByRule { gate: ApprovalGate, asking: Asking, rule: Arc<str>, decoder: Option<Decoder> },
    ByPeople { waiting: Waiting, request: ApprovalRequest },
}

impl Approved {
    /// Decodes the values and claims the one start, or ends the request. The values are apart from the permit, so that the
    /// caller's future holds them once.
    pub(super) fn start<T>(
        mut self: Box<Self>,
        decode: impl FnOnce(&mut Decoder) -> Result<T, Invalid>,
    ) -> (BoxFuture<'static, Result<Permit, Refusal>>, Option<T>) {
        let by_name = self.by_name.take();
        let (permit, values): (BoxFuture<'_, _>, _) = match self.decode(decode) {
            Ok(values) => (self.claim(), Some(values)),
            Err(error) => (Box::pin(async { Err(self.unrunnable(error).await) }), None),
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
    fn claim(mut self: Box<Self>) -> BoxFuture<'static, Result<Permit, Refusal>> {
        Box::pin(async move {
            let withdrawn = self.cancel.as_mut().is_some_and(is_ready);
            match self.what {
                What::ByRule { gate, asking, rule, .. } => {
                    if withdrawn {
                        return Err(Refusal::Cancelled { tool: asking.tool.name().into(), id: None, because: None });
                    }
                    let claim_id = Uuid::new_v4();
                    let permit = Permit::claiming(RunningBody::start(gate.clone()), asking.id, claim_id);
                    match gate.open(asking, Verdict::AutoApprove { rule, claim_id }).await {
                        Ok(request) => Ok(permit.claimed(request)),
                        // Whether it was written is not known: the body does not run.
                        Err(refusal @ Refusal::Unavailable { .. }) => Err(refusal),
                        Err(refusal) => {
                            permit.refused();
                            Err(refusal)
                        }
                    }
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
            return Err(Refusal::of(&request));
        }
        let digest = request.digest();
        let denied = denied(&gate, &request);
        let claim_id = Uuid::new_v4();
        // Counted first, looked at then: a shutdown that does not wait for this body is seen here.
        let running = RunningBody::start(gate.clone());
        if gate.is_shutting_down() {
            self.withdraws = false;
            return Err(Refusal::ShuttingDown { tool: tool(), id: Some(id) });
        }
        let permit = Permit::claiming(running, id, claim_id);
        let claimed = gate.advance(id, Some(request.clone()), &Event::Claim { claim_id, digest, denied }).await;
        match claimed {
            Ok(request) if request.execution().claim_id == Some(claim_id) => {
                self.withdraws = false;
                Ok(permit.claimed(request))
            }
            Err(NotApplied::Conflict(Conflict::DigestMismatch, _)) => {
                permit.refused();
                Err(Refusal::DigestMismatch { tool: tool(), id })
            }
            Ok(request) | Err(NotApplied::Conflict(_, request)) => {
                permit.refused();
                self.withdraws = false;
                Err(Refusal::of(&request))
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
