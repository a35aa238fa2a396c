//! A body that runs, and the record of how it ended.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use uuid::Uuid;

use super::waiting::in_background;
use crate::boxed::BoxFuture;
use crate::gate::{NotApplied, RunningBody};
use crate::request::{ApprovalRequest, Event, Outcome, RequestId};

/// The right to run a body once. Dropped while the body runs, it records that nobody knows how far it came.
#[derive(Debug)]
#[must_use = "a permit is for `run`"]
pub struct Permit(Option<Box<Claimed>>);

#[derive(Debug)]
struct Claimed {
    running: RunningBody,
    id: RequestId,
    /// As the claim left it, once that is known to be written.
    request: Option<ApprovalRequest>,
    claim_id: Uuid,
    recorded: bool,
}

impl Permit {
    /// The permit of a call that the policy lets pass: nothing is recorded.
    #[inline]
    pub const fn ungated() -> Self {
        Self(None)
    }

    /// The permit of a claim that is about to be written. Dropped before anybody knows whether it was, it records so.
    pub(super) fn claiming(running: RunningBody, id: RequestId, claim_id: Uuid) -> Self {
        Self(Some(Box::new(Claimed { running, id, request: None, claim_id, recorded: false })))
    }

    /// The claim is written.
    pub(super) fn claimed(mut self, request: ApprovalRequest) -> Self {
        if let Some(claimed) = &mut self.0 {
            claimed.request = Some(request);
        }
        self
    }

    /// The claim is not written, and will not be.
    pub(super) fn refused(mut self) {
        if let Some(claimed) = &mut self.0 {
            claimed.recorded = true;
        }
    }
}

impl Claimed {
    fn record(&self, outcome: Outcome) -> impl Future<Output = ()> + Send + 'static + use<> {
        let (gate, id, request, claim_id) = (self.running.gate().clone(), self.id, self.request.clone(), self.claim_id);
        async move {
            let event = Event::Finish { claim_id, outcome };
            match gate.advance(id, request, &event).await {
                // A conflict means that the outcome stands already, or that the claim was not written.
                Ok(_) | Err(NotApplied::Conflict(..) | NotApplied::NotFound(_)) => {}
                Err(error) => tracing::error!(request = %id, ?error, "the outcome of a call could not be recorded"),
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

/// Runs a body under its permit; when it has ended, what it returned and the record of that, still to be written.
///
/// Two steps, so that the caller's future has the body's state no longer when it holds the result. A panic of the body is
/// recorded as failed, and goes on.
#[inline]
pub fn run<F, I>(permit: Permit, body: Pin<&mut F>, is_failure: I) -> Running<'_, F, I>
where
    F: Future,
    I: FnOnce(&F::Output) -> bool,
{
    Running { is_failure: Some(is_failure), stage: Stage::Body { permit, body } }
}

/// A body that runs.
#[derive(Debug)]
pub struct Running<'a, F, I> {
    is_failure: Option<I>,
    stage: Stage<'a, F>,
}

enum Stage<'a, F> {
    Body { permit: Permit, body: Pin<&'a mut F> },
    Panicked(BoxFuture<'static, Infallible>),
}

impl<F, I> Unpin for Running<'_, F, I> {}

impl<F, I> Future for Running<'_, F, I>
where
    F: Future,
    I: FnOnce(&F::Output) -> bool,
{
    type Output = (F::Output, Recording);

    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        match &mut this.stage {
            Stage::Body { permit: Permit(None), body } => {
                body.as_mut().poll(context).map(|returned| (returned, Recording(None)))
            }
            Stage::Body { permit: Permit(claimed), body } => {
                let polled = catch_unwind(AssertUnwindSafe(|| body.as_mut().poll(context)));
                match polled {
                    Ok(Poll::Pending) => Poll::Pending,
                    Ok(Poll::Ready(returned)) => {
                        let failed = this.is_failure.take().is_some_and(|is_failure| is_failure(&returned));
                        let outcome = if failed { Outcome::Failed } else { Outcome::Executed };
                        Poll::Ready((returned, Recording(claimed.take().map(|claimed| claimed.finish(outcome)))))
                    }
                    Err(panic) => {
                        let recording = claimed.take().map(|claimed| claimed.finish(Outcome::Failed));
                        this.stage = Stage::Panicked(Box::pin(async move {
                            Recording(recording).await;
                            resume_unwind(panic)
                        }));
                        Pin::new(this).poll(context)
                    }
                }
            }
            Stage::Panicked(recording) => recording.as_mut().poll(context).map(|never| match never {}),
        }
    }
}

impl<F> fmt::Debug for Stage<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stage(..)")
    }
}

/// The record of how a body ended, to be awaited. Nothing to do for a call that was not gated.
#[must_use = "the outcome is recorded when this is awaited"]
pub struct Recording(Option<BoxFuture<'static, ()>>);

impl fmt::Debug for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recording(..)")
    }
}

impl Future for Recording {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().map_or(Poll::Ready(()), |recording| recording.as_mut().poll(context))
    }
}
