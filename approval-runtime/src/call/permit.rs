//! The right to run a body once, and the record of how the body ended.

use std::future::Future;
use std::sync::Arc;

use uuid::Uuid;

use crate::boxed::BoxFuture;
use crate::gate::{NotApplied, RunningBody};
use crate::request::{ApprovalRequest, Event, Outcome, RequestId};

/// The right to run a body once. Dropped while the body runs, it records that nobody knows how far it came.
#[derive(Debug)]
pub(super) struct Permit(pub(super) Option<Box<Claimed>>);

#[derive(Debug)]
pub(super) struct Claimed {
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
    pub(super) const fn ungated() -> Self {
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
    /// Returns the request whose body may run.
    pub(super) const fn id(&self) -> RequestId {
        self.id
    }

    fn record(&self, outcome: Outcome, result: Option<Arc<str>>) -> impl Future<Output = ()> + Send + 'static + use<> {
        let (gate, id, request, claim_id) = (self.running.gate().clone(), self.id, self.request.clone(), self.claim_id);
        async move {
            let event = Event::Finish { claim_id, outcome, result };
            match gate.advance(id, request, &event).await {
                // A conflict means that the outcome stands already, or that the claim was not written.
                Ok(_) | Err(NotApplied::Conflict(..) | NotApplied::NotFound(_)) => {}
                Err(error) => tracing::error!(request = %id, ?error, "the outcome of a call could not be recorded"),
            }
        }
    }

    /// Writes how the body ended.
    pub(super) fn finish(mut self: Box<Self>, outcome: Outcome, result: Option<Arc<str>>) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            // Until this is written, dropping the future records the outcome as indeterminate.
            self.record(outcome, result).await;
            self.recorded = true;
        })
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        if !self.recorded {
            self.running.gate().in_background(self.id, self.record(Outcome::Indeterminate, None));
        }
    }
}
