//! A body that runs, and the record of how it ended.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::Poll;

use uuid::Uuid;

use super::waiting::in_background;
use crate::boxed::BoxFuture;
use crate::gate::{NotApplied, RunningBody};
use crate::request::{ApprovalRequest, Event, Outcome};

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

    pub(super) fn new(running: RunningBody, request: ApprovalRequest, claim_id: Uuid) -> Self {
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
