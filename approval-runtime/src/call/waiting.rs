//! Waiting for reviewers: woken by whoever commits the decision, by the deadline, or by the caller's own impatience.

use std::error::Error;
use std::future::{Future, poll_fn, ready};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep};

use crate::boxed::BoxFuture;
use crate::check::Check;
use crate::gate::{ApprovalGate, Asking, NotApplied, Opened};
use crate::refusal::{Refusal, Stop};
use crate::request::{ApprovalRequest, ApprovalStatus, Ask, Conflict, Event, RequestId, Verdict};
use crate::wait::{self, Waiter};

/// A request that a call waits for. Dropped, it withdraws the request.
pub(super) struct Waiting {
    pub(super) gate: ApprovalGate,
    pub(super) id: RequestId,
    pub(super) withdraws: bool,
    /// The same call may be made again, and wait for the same request.
    shares: bool,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // Where another call has the same request, it is still wanted.
        let is_last = (self.shares || self.withdraws) && self.goes();
        if self.withdraws && is_last && !self.gate.is_shutting_down() {
            let (gate, id) = (self.gate.clone(), self.id);
            self.gate.in_background(id, async move {
                // The same call may have been made again meanwhile: then it withdraws, when it goes.
                if wait::is_shared(id) {
                    return;
                }
                // Too late to withdraw is fine: somebody decided otherwise, or the request was never written.
                let _ = gate.advance(id, None, &Event::Withdraw { waiter: gate.instance() }).await;
            });
        }
    }
}

/// Why a call that waited may not start.
pub(super) enum NotApproved {
    Stopped(Stop),
    /// The same call, made before, went away and took the request with it, or its record is removed. This one is still wanted.
    Gone(Arc<Ask>),
}

impl<S: Into<Stop>> From<S> for NotApproved {
    fn from(stop: S) -> Self {
        Self::Stopped(stop.into())
    }
}

impl NotApproved {
    /// Says why a call does not start that nobody is asked about anew: a rule has let it through.
    fn into_stop(self) -> Stop {
        match self {
            Self::Stopped(stop) => stop,
            Self::Gone(ask) => Refusal::Cancelled { tool: ask.tool.name().into(), id: None, because: None }.into(),
        }
    }
}

enum Woken {
    Hint(wait::Hint),
    CancelledByCaller,
    Timer,
}

/// Files a request. Boxed, so that a call which waits does not keep the room that filing took.
pub(super) fn file(gate: &ApprovalGate, asking: Asking) -> BoxFuture<'static, Result<Opened, Refusal>> {
    let gate = gate.clone();
    Box::pin(async move { gate.open(asking, Verdict::Ask { waiter: Some(gate.instance()) }).await })
}

/// Waits until a request is approved that the same call made before.
pub(super) async fn wait_again(
    gate: ApprovalGate,
    there: Opened,
    check: Check,
    cancel: Option<&mut BoxFuture<'static, ()>>,
) -> Result<(Waiting, ApprovalRequest), Stop> {
    let id = match &there {
        Opened::New(request) => request.id(),
        Opened::Before { id, .. } => *id,
    };
    wait_for(Waiting::sharing(gate, id), Box::pin(ready(Ok(there))), check, cancel).await.map_err(NotApproved::into_stop)
}

/// Says why a call does not run that a rule forbids by now, and that was made before.
pub(super) async fn denied_again(gate: &ApprovalGate, tool: &str, id: RequestId, rule: Arc<str>) -> Stop {
    match gate.get_request(id).await {
        Ok(request) if request.has_ended() || request.status() == ApprovalStatus::AutoApproved => Stop::of(&request),
        // Whoever waits for it is refused when it is about to start.
        _ => Refusal::Rejected { tool: tool.into(), id, by: "policy".into(), rule: Some((*rule).into()), comment: None }.into(),
    }
}

/// Files the request and waits until it is approved. What is seldom needed meanwhile is boxed: many calls wait at once.
pub(super) async fn wait_for(
    mut waiting: Waiting,
    filing: BoxFuture<'static, Result<Opened, Refusal>>,
    check: Check,
    mut cancel: Option<&mut BoxFuture<'static, ()>>,
) -> Result<(Waiting, ApprovalRequest), NotApproved> {
    let mut wanted = waiting.shares;
    let mut waiter = Waiter::register(waiting.id, check.clone());
    let mut request = match filing.await {
        Ok(Opened::New(request)) => request,
        Ok(Opened::Before { id, ask }) => {
            waiting.turns_to(id);
            waiter = Waiter::register(id, check.clone());
            let request = Box::pin(waiting.attach(ask)).await?;
            if request.status() == ApprovalStatus::Approved {
                return Ok((waiting, request));
            }
            request
        }
        Err(refusal) => {
            // Where the store failed it may have been written all the same.
            waiting.withdraws = matches!(refusal, Refusal::Unavailable { .. });
            return Err(refusal.into());
        }
    };
    let id = waiting.id;
    if waiting.gate.has_driver() {
        wait::remember(waiting.gate.store(), &request);
    }
    let left = until(request.created_at(), request.expires_at());
    let patience = request.tool().callers_wait().filter(|patience| *patience < left);
    let impatient = patience.is_some();
    let mut timer = pin!(sleep(patience.unwrap_or(left)));
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
                waiter = Waiter::register(id, check.clone());
                let read = waiting.gate.read(id).await;
                match read {
                    Ok(Some(request)) => request,
                    Ok(None) => return Err(waiting.unavailable(&request, Arc::new(Gone)).into()),
                    Err(error) => return Err(waiting.unavailable(&request, Arc::new(error)).into()),
                }
            }
            Woken::CancelledByCaller => {
                (cancel, wanted) = (None, false);
                let event = Event::Withdraw { waiter: waiting.gate.instance() };
                Box::pin(waiting.settle(&request, event)).await?
            }
            Woken::Timer if impatient => {
                drop(waiter);
                Box::pin(waiting.leave(&request)).await;
                return Err(Refusal::Pending { tool: request.tool_name().into(), id }.into());
            }
            Woken::Timer => {
                let request = Box::pin(waiting.settle(&request, Event::TimeOut)).await?;
                if request.status() == ApprovalStatus::Pending {
                    // The store's clock is behind tokio's: it decides.
                    let now = waiting.gate.now().await.map_or(request.created_at(), |now| now.time);
                    timer.as_mut().reset(Instant::now() + until(now, request.expires_at()).max(Duration::from_millis(1)));
                }
                request
            }
        };
        match request.status() {
            ApprovalStatus::Pending if waiting.gate.is_shutting_down() => {
                waiting.withdraws = false;
                return Err(Refusal::ShuttingDown { tool: request.tool_name().into(), id: Some(id) }.into());
            }
            ApprovalStatus::Pending => {}
            ApprovalStatus::Approved => return Ok((waiting, request)),
            _ => {
                waiting.withdraws = false;
                let withdrawn = wanted && request.is_withdrawn();
                return Err(if withdrawn { NotApproved::Gone(request.shared_ask()) } else { Stop::of(&request).into() });
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the store no longer has the request")]
pub(super) struct Gone;

fn until(now: DateTime<Utc>, then: DateTime<Utc>) -> Duration {
    (then - now).to_std().unwrap_or_default()
}

impl Waiting {
    /// Begins to wait for a request that this call makes and no other can have.
    pub(super) const fn alone(gate: ApprovalGate, id: RequestId) -> Self {
        Self { gate, id, withdraws: true, shares: false }
    }

    /// Begins to wait for a request that the same call may have, made again.
    pub(super) fn sharing(gate: ApprovalGate, id: RequestId) -> Self {
        wait::share(id);
        Self { gate, id, withdraws: true, shares: true }
    }

    /// Turns to the request that the same call made before.
    fn turns_to(&mut self, id: RequestId) {
        wait::share(id);
        self.goes();
        (self.id, self.shares) = (id, true);
    }

    /// No longer wants the request, and says whether no other call of this process does.
    fn goes(&mut self) -> bool {
        if std::mem::take(&mut self.shares) { wait::unshare(self.id) } else { !wait::is_shared(self.id) }
    }

    /// Waits for a request that was there before the call: it is pending then, or approved and not started.
    async fn attach(&self, ask: Arc<Ask>) -> Result<ApprovalRequest, NotApproved> {
        let (gate, id) = (&self.gate, self.id);
        match gate.advance(id, None, &Event::Attach { waiter: gate.instance() }).await {
            Ok(request) | Err(NotApplied::Conflict(Conflict::Repeated, request)) => Ok(request),
            Err(NotApplied::Conflict(_, request)) if !request.is_withdrawn() => Err(Stop::of(&request).into()),
            Err(NotApplied::Conflict(..) | NotApplied::NotFound(_)) => Err(NotApproved::Gone(ask)),
            Err(NotApplied::Store(error)) => {
                Err(Refusal::Unavailable { tool: ask.tool.name().into(), id: Some(id), source: Arc::new(error) }.into())
            }
        }
    }

    /// Stops waiting; the request lives on, and the record says that nobody waits.
    async fn leave(&mut self, request: &ApprovalRequest) {
        if self.goes() {
            // Until it is written, dropping the call withdraws the request. If it cannot be, the gate is found to be gone one day.
            let leave = Event::Leave { waiter: self.gate.instance() };
            let _ = self.gate.advance(self.id, Some(request.clone()), &leave).await;
        }
        self.withdraws = false;
        watch(&self.gate, self.id);
    }

    /// Applies an event; where somebody else was faster, theirs is the answer.
    pub(super) async fn settle(&self, request: &ApprovalRequest, event: Event) -> Result<ApprovalRequest, Refusal> {
        match self.gate.advance(self.id, Some(request.clone()), &event).await {
            Ok(request) | Err(NotApplied::Conflict(_, request)) => Ok(request),
            Err(NotApplied::NotFound(_)) => Err(self.unavailable(request, Arc::new(Gone))),
            Err(NotApplied::Store(error)) => Err(self.unavailable(request, Arc::new(error))),
        }
    }

    pub(super) fn unavailable(&self, request: &ApprovalRequest, source: Arc<dyn Error + Send + Sync>) -> Refusal {
        Refusal::Unavailable { tool: request.tool_name().into(), id: Some(self.id), source }
    }
}

/// Writes the deadlines of a request that no call waits for, when they come. Where it cannot, readers see them all the same.
pub(super) fn watch(gate: &ApprovalGate, id: RequestId) {
    if gate.has_driver() {
        return; // which looks after all of them
    }
    let Ok(runtime) = Handle::try_current() else { return };
    let weak = gate.downgrade();
    runtime.spawn(async move {
        loop {
            // Interested first, read then: no change falls between the two.
            let mut waiter = Waiter::register_watching(id);
            let Some(gate) = weak.upgrade() else { return };
            let Ok(Some((request, now))) = gate.look_at(id).await else { return };
            let Some(deadline) = request.next_deadline() else { return };
            if let Some(event) = request.due_event(now) {
                match gate.advance(id, Some(request), &event).await {
                    Ok(_) | Err(NotApplied::Conflict(..)) => continue,
                    Err(_) => return,
                }
            }
            drop(gate);
            let mut timer = pin!(sleep(until(now.time, deadline).max(Duration::from_millis(1))));
            let changed_or_due = poll_fn(|context| match waiter.poll(context) {
                Poll::Ready(_) => Poll::Ready(()),
                Poll::Pending => timer.as_mut().poll(context),
            });
            changed_or_due.await;
        }
    });
}
