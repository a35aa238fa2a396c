//! What a gate writes: new requests, and what becomes of them; and whom it tells of each change.

use std::sync::Arc;

use super::left::Lasting;
use super::{ApprovalGate, WeakGate};
use crate::agent::Agent;
use crate::arguments::{Arguments, Digest};
use crate::events::EventKind;
use crate::notify::{Channel, Notice};
use crate::refusal::Refusal;
use crate::request::{
    ApprovalRequest, ApprovalStatus, Ask, Change, Conflict, Event, Guard, Moment, RequestId, Transition, Verdict, apply, open,
    refuse,
};
use crate::review::Decider;
use crate::store::{StoreError, Write};
use crate::tool::ToolRef;
use crate::wait;

/// How often a write is tried anew when somebody else wrote first. Each try means that somebody got somewhere.
const TRIES: usize = 64;

/// A request that was made just now, or that is there from before.
pub(crate) enum Opened {
    New(ApprovalRequest),
    Before {
        id: RequestId,
        /// What was to be asked now.
        ask: Arc<Ask>,
    },
}

/// What a request is opened from.
pub(crate) struct Asking {
    pub(crate) id: RequestId,
    pub(crate) tool: ToolRef,
    pub(crate) arguments: Arguments,
    pub(crate) agent: Option<Agent>,
    pub(crate) call_id: Option<Box<str>>,
    pub(crate) reason: Option<Box<str>>,
    pub(crate) policy_version: u32,
    pub(crate) key: Option<Box<Digest>>,
}

impl Asking {
    /// Asks anew what was asked, or was to be.
    pub(crate) fn anew(ask: &Ask) -> Self {
        let Ask { tool, arguments, agent, call_id, reason, policy_version, key, .. } = ask;
        Self {
            id: RequestId::random(),
            tool: tool.clone(),
            arguments: arguments.clone(),
            agent: agent.clone(),
            call_id: call_id.clone(),
            reason: reason.clone(),
            policy_version: *policy_version,
            key: key.clone(),
        }
    }
}

/// Why an event was not applied.
#[derive(Debug)]
pub(crate) enum NotApplied {
    /// The lifecycle says no; the request as it is.
    Conflict(Conflict, ApprovalRequest),
    /// The store does not have it.
    NotFound(RequestId),
    /// The store failed.
    Store(StoreError),
}

impl From<StoreError> for NotApplied {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { id } => Self::NotFound(id),
            error => Self::Store(error),
        }
    }
}

/// Returns the write that an event comes to.
pub(super) fn written(event: &Event, request: ApprovalRequest, guard: Guard) -> Write {
    match event {
        Event::Remove => Write::Remove { request, guard },
        _ => Write::Update { request, guard },
    }
}

impl ApprovalGate {
    /// Writes a new request, then tells people; or finds the one that the same call made before.
    pub(crate) async fn open(&self, asking: Asking, verdict: Verdict) -> Result<Opened, Refusal> {
        let Asking { id, tool, arguments, agent, call_id, reason, policy_version, key } = asking;
        let name = || tool.name().into();
        if self.is_shutting_down() {
            return Err(Refusal::ShuttingDown { tool: name(), id: None });
        }
        if matches!(verdict, Verdict::Ask { .. }) && !self.reaches_somebody() {
            return Err(Refusal::NowhereToAsk { tool: name() });
        }
        let unavailable = |source| Refusal::Unavailable { tool: name(), id: None, source: Arc::new(source) };
        self.make_known().await.map_err(unavailable)?;
        let mut now = self.now().await.map_err(unavailable)?;
        let mut ask = Arc::new(Ask {
            id,
            namespace: Arc::clone(&self.inner.namespace),
            tool: tool.clone(),
            arguments,
            agent,
            call_id,
            reason,
            created_at: now.time,
            policy_version,
            incarnation: now.incarnation,
            key,
        });
        let mut tries = TRIES;
        loop {
            let Change { state, guard, transition } = open(&ask, verdict.clone(), now);
            let request = ApprovalRequest::new(Arc::clone(&ask), state);
            let write = [Write::Insert { request: request.clone(), guard, max_pending: self.inner.max_pending }];
            failpoint!(before transition.map_or("", Transition::as_str));
            let error = match self.commit(write, [transition]).await {
                Ok(_) => {
                    failpoint!(after transition.map_or("", Transition::as_str));
                    return Ok(Opened::New(request));
                }
                Err(StoreError::AlreadyExists { id }) => return Ok(Opened::Before { id, ask }),
                Err(StoreError::TooManyPending { limit }) => return Err(Refusal::TooManyPending { tool: name(), limit }),
                Err(error) => error,
            };
            drop(request);
            tries -= 1;
            // Another life of the store began meanwhile: the request is made in that one.
            match Arc::get_mut(&mut ask) {
                Some(ask) if tries > 0 && matches!(error, StoreError::Stale { .. }) => {
                    now = self.now().await.map_err(unavailable)?;
                    (ask.created_at, ask.incarnation) = (now.time, now.incarnation);
                }
                _ => return Err(unavailable(error)),
            }
        }
    }

    /// Applies an event, from a record at hand or from the stored one, until it is written or the lifecycle says no. Reading a
    /// store that others share takes a while: there the record that a call waits for is at hand too.
    pub(crate) async fn advance(
        &self,
        id: RequestId,
        mut from: Option<ApprovalRequest>,
        event: &Event,
    ) -> Result<ApprovalRequest, NotApplied> {
        let mut last = None;
        if from.is_none() && self.has_driver() {
            from = wait::recall(&self.inner.store, &self.inner.namespace, id);
        }
        for _ in 0..TRIES {
            let at_hand = from.is_some();
            let (request, now) = match from.take() {
                Some(request) => (request, self.now().await?),
                None => self.look_at(id).await?.ok_or(NotApplied::NotFound(id))?,
            };
            let Change { state, guard, transition } = match apply(&request, event, now) {
                Ok(change) => change,
                // The record at hand may be old: only the stored one may say no.
                Err(_) if at_hand => continue,
                Err(conflict) => {
                    if self.refused(&request, event, conflict, now).await {
                        return Err(NotApplied::Conflict(conflict, request.at(now)));
                    }
                    continue;
                }
            };
            let request = request.with(state);
            let write = [written(event, request, guard)];
            failpoint!(before crate::failpoint::name(event));
            match self.commit(write, [transition]).await {
                Ok([Write::Update { request, .. } | Write::Remove { request, .. }]) => {
                    failpoint!(after crate::failpoint::name(event));
                    return Ok(request);
                }
                Ok(_) => return Err(NotApplied::NotFound(id)),
                Err(error @ StoreError::Stale { .. }) => last = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        Err(last.map_or(NotApplied::NotFound(id), NotApplied::Store))
    }

    /// Writes down that an attempt was refused, and says whether that stands: where somebody wrote first, it may no longer.
    async fn refused(&self, request: &ApprovalRequest, event: &Event, conflict: Conflict, now: Moment) -> bool {
        let Some(Change { state, guard, .. }) = refuse(request, event, conflict, now) else { return true };
        let write = [Write::Update { request: request.with(state), guard }];
        failpoint!("before_refused");
        match self.inner.store.commit(&write).await {
            Ok(()) => {
                failpoint!("after_refused");
                true
            }
            Err(StoreError::Stale { .. }) => false,
            Err(error) => {
                tracing::error!(request = %request.id(), %error, "a refused attempt could not be written down");
                true
            }
        }
    }

    /// Commits writes, and tells of what each one changes. Where the store is shared, both happen also when the caller goes away
    /// meanwhile: such a store may end what it began.
    pub(super) async fn commit<W, T>(&self, writes: W, transitions: T) -> Result<W, StoreError>
    where
        W: AsRef<[Write]> + Send + Sync + 'static,
        T: AsRef<[Option<Transition>]> + Send + Sync + 'static,
    {
        match self.inner.driver.get() {
            None => self.commit_and_tell(writes, transitions).await,
            Some(_) => {
                let id = writes.as_ref().first().and_then(Write::request).map(ApprovalRequest::id);
                let gate = self.clone();
                let commit = Box::pin(async move { gate.commit_and_tell(writes, transitions).await });
                Lasting::new(self, id, commit).await
            }
        }
    }

    async fn commit_and_tell<W, T>(&self, writes: W, transitions: T) -> Result<W, StoreError>
    where
        W: AsRef<[Write]> + Send + Sync,
        T: AsRef<[Option<Transition>]> + Send + Sync,
    {
        self.inner.store.commit(writes.as_ref()).await?;
        for (write, transition) in writes.as_ref().iter().zip(transitions.as_ref()) {
            if let (Some(request), Some(transition)) = (write.request(), *transition) {
                self.announce(transition, request);
            }
        }
        Ok(writes)
    }

    /// Tells whoever waits, reads events, or reviews. Called after the commit.
    fn announce(&self, transition: Transition, request: &ApprovalRequest) {
        // Readers first: a call that is woken goes on at once, on another thread, and its effects come after their cause.
        self.inner.hub.tell(|| EventKind::Changed(transition), request);
        #[cfg(feature = "testing")]
        if let Some(observer) = &self.inner.observer {
            observer.saw(self, transition, request);
        }
        match transition {
            Transition::Voted
            | Transition::Approved
            | Transition::Rejected
            | Transition::TimedOut
            | Transition::Cancelled
            | Transition::Expired => wait::wake(request),
            Transition::Requested => self.notify(request),
            // Those who were told first may be gone with the process that told them.
            Transition::Attached if request.status() == ApprovalStatus::Pending => self.notify(request),
            _ => {}
        }
    }

    fn notify(&self, request: &ApprovalRequest) {
        if self.inner.channels.is_empty() {
            return;
        }
        let decider: Arc<dyn Decider> = Arc::new(WeakGate(Arc::downgrade(&self.inner)));
        for channel in &self.inner.channels {
            channel.tell(Notice { request: request.clone(), decider: Arc::clone(&decider) });
        }
    }

    fn reaches_somebody(&self) -> bool {
        self.inner.asks_nobody || self.inner.channels.iter().any(Channel::can_reach)
    }
}
