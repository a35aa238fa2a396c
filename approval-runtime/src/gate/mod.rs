//! [`ApprovalGate`]: the requests, and who may change them when. The path of one call is in the private room `call`.

mod builder;
mod driver;
mod edit;
mod left;
#[cfg(feature = "testing")]
mod observer;
mod process;
mod reads;
mod upkeep;

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::OnceCell;
use uuid::Uuid;

pub use self::builder::{ApprovalGateBuilder, BuildError};
use self::driver::Driver;
use self::left::Lasting;
#[cfg(feature = "testing")]
pub(crate) use self::observer::Observer;
pub use self::reads::{MAX_PAGE, RequestPage, RequestQuery};
use crate::agent::Agent;
use crate::arguments::{Arguments, CaptureSettings, Digest, Invalid, RedactionKey, SecretNames};
use crate::boxed::BoxFuture;
use crate::decision::Decision;
use crate::events::{EventKind, Events, Hub};
use crate::notify::{Channel, Notice};
use crate::policy::{Compiled, Ruling};
use crate::refusal::Refusal;
use crate::request::{
    ApprovalRequest, ApprovalStatus, Ask, Change, Conflict, Event, Guard, Moment, RequestId, Transition, Verdict, apply, open,
    refuse,
};
use crate::review::{DecideError, Decider};
use crate::store::{ApprovalStore, StoreError, Write};
use crate::tool::{Tool, ToolRef};
use crate::wait;

/// How long [`ApprovalGate::shutdown`] waits for bodies that run.
pub const SHUTDOWN_TIME: Duration = Duration::from_secs(5);

/// How often a write is tried anew when somebody else wrote first. Each try means that somebody got somewhere.
const TRIES: usize = 64;

static INSTALLED: OnceLock<ApprovalGate> = OnceLock::new();

/// The place every gated call goes through: policy, store, notifiers, and the one start per approval.
///
/// A clone is the same gate. One is installed per process ([`ApprovalGateBuilder::install`]); another can be put around a
/// future ([`scope`](Self::scope)), so that tests run side by side.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use approval_runtime::{ApprovalGate, ApprovalPolicy, Decision, Reviewer};
///
/// let gate = ApprovalGate::builder()
///     .policy(ApprovalPolicy::new().pass_through("search_records"))
///     .install()?; // asks in the terminal
/// for request in gate.get_pending().await? {
///     let decision = Decision::approve(Reviewer::new("alice"), request.digest());
///     gate.decide(request.id(), decision).await?;
/// }
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct ApprovalGate {
    inner: Arc<Inner>,
}

struct Inner {
    store: Arc<dyn ApprovalStore>,
    namespace: Arc<str>,
    /// For agents that have no policy of their own.
    policy: Compiled,
    by_agent: HashMap<Box<str>, Compiled>,
    tools: BTreeMap<Box<str>, ToolRef>,
    channels: Vec<Channel>,
    /// Reviewers look for themselves, on a page or through the API.
    asks_nobody: bool,
    hub: Arc<Hub>,
    max_pending: usize,
    redaction_key: RedactionKey,
    secret_names: SecretNames,
    shutting_down: AtomicBool,
    /// It has said that it ended.
    ended: AtomicBool,
    running: Running,
    instance: Uuid,
    /// Made known to those who share the store.
    known: OnceCell<()>,
    /// Where the store is shared.
    driver: OnceLock<Driver>,
    #[cfg(feature = "testing")]
    observer: Option<Arc<dyn Observer>>,
}

impl fmt::Debug for ApprovalGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.inner;
        f.debug_struct("ApprovalGate")
            .field("namespace", &inner.namespace)
            .field("store", &inner.store)
            .field("channels", &inner.channels)
            .finish_non_exhaustive()
    }
}

/// Counts the bodies that run, and the writes that nobody waits for.
#[derive(Debug, Default)]
struct Running {
    count: AtomicUsize,
    idle: tokio::sync::Notify,
}

/// One body that runs, or a write that nobody waits for; dropped when the outcome is recorded.
#[derive(Debug)]
pub(crate) struct RunningBody(ApprovalGate);

impl RunningBody {
    pub(crate) fn start(gate: ApprovalGate) -> Self {
        gate.inner.running.count.fetch_add(1, Ordering::SeqCst);
        Self(gate)
    }

    pub(crate) const fn gate(&self) -> &ApprovalGate {
        &self.0
    }
}

impl Drop for RunningBody {
    fn drop(&mut self) {
        let running = &self.0.inner.running;
        if running.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            running.idle.notify_waiters();
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
fn written(event: &Event, request: ApprovalRequest, guard: Guard) -> Write {
    match event {
        Event::Remove => Write::Remove { request, guard },
        _ => Write::Update { request, guard },
    }
}

fn unavailable(error: StoreError) -> DecideError {
    DecideError::Unavailable(Arc::new(error))
}

impl ApprovalGate {
    /// Starts a gate: everything waits for approval, is kept in memory, and is asked for in the terminal.
    pub fn builder() -> ApprovalGateBuilder {
        ApprovalGateBuilder::new()
    }

    /// Returns the process's gate.
    #[must_use]
    pub fn installed() -> Option<&'static Self> {
        INSTALLED.get()
    }

    /// Takes a reviewer's decision.
    ///
    /// The same decision of the same reviewer again returns the request as it is. With a quorum, the request stays pending
    /// until enough reviewers approved the same arguments; one rejection ends it.
    ///
    /// # Errors
    /// Every variant of [`DecideError`]; nothing changed then.
    ///
    /// # Cancel safety
    /// A dropped future has taken the decision or not; giving it again is safe.
    pub async fn decide(&self, id: RequestId, decision: Decision) -> Result<ApprovalRequest, DecideError> {
        let Decision { reviewer, answer, digest, comment, edited_arguments, door } = decision;
        let (from, edited) = match edited_arguments {
            None => (None, None),
            Some(edit) => {
                let request = self.get_request(id).await?;
                let edited = self.check_edit(&request, &edit).map_err(DecideError::InvalidEdit)?;
                (Some(request), Some(Arc::new(edited)))
            }
        };
        let event = Event::Vote { reviewer, answer, digest, edited, comment, door };
        let error = match self.advance(id, from, &event).await {
            Ok(request) => return Ok(request),
            Err(error) => error,
        };
        let Event::Vote { reviewer, .. } = event else { return Err(DecideError::NotFound { id }) };
        let reviewer = || reviewer.name().into();
        Err(match error {
            NotApplied::Conflict(Conflict::Repeated, request) => {
                // Whoever said it first may not have heard that it was written, and so not have told.
                wait::look(id);
                return Ok(request);
            }
            NotApplied::Conflict(Conflict::AlreadyVoted, request) => {
                DecideError::AlreadyVoted { reviewer: reviewer(), request: Box::new(request) }
            }
            NotApplied::Conflict(Conflict::DigestMismatch, request) => {
                DecideError::DigestMismatch { expected: request.digest() }
            }
            NotApplied::Conflict(Conflict::NotAllowed, request) => DecideError::NotAllowed {
                reviewer: reviewer(),
                approvers: request.tool().named_approvers().map(Into::into).collect(),
            },
            NotApplied::Conflict(Conflict::SelfReview, _) => DecideError::SelfReview { reviewer: reviewer() },
            NotApplied::Conflict(_, request) => DecideError::AlreadyDecided { request: Box::new(request) },
            NotApplied::NotFound(id) => DecideError::NotFound { id },
            NotApplied::Store(error) => unavailable(error),
        })
    }

    /// Withdraws a request that is pending, or approved and not started.
    ///
    /// # Errors
    /// [`DecideError::NotFound`], [`DecideError::AlreadyDecided`] when it ended or started before, [`DecideError::Unavailable`].
    ///
    /// # Cancel safety
    /// A dropped future has withdrawn the request or not.
    pub async fn cancel(&self, id: RequestId, by: &str) -> Result<ApprovalRequest, DecideError> {
        self.advance(id, None, &Event::Cancel { by: by.into() }).await.map_err(|error| match error {
            NotApplied::Conflict(_, request) => DecideError::AlreadyDecided { request: Box::new(request) },
            NotApplied::NotFound(id) => DecideError::NotFound { id },
            NotApplied::Store(error) => unavailable(error),
        })
    }

    /// Reads what happens at this gate from now on.
    #[must_use]
    pub fn events(&self) -> Events {
        self.inner.hub.events()
    }

    /// Returns the tools that this gate knows: the annotated functions of the binary, and those declared on the builder.
    pub fn tools(&self) -> impl Iterator<Item = &Tool> {
        self.inner.tools.values().map(|tool| &**tool)
    }

    /// Checks that each of these names is an annotated function of this binary.
    ///
    /// An attribute macro that stands above `#[requires_approval]` may drop it without a word; then the tool runs ungated. A
    /// program that names its tools here does not start when that happened.
    ///
    /// # Errors
    /// [`BuildError::NotGated`] for the first name that is none, with the nearest one that is.
    pub fn require_gated<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<(), BuildError> {
        builder::require_gated(names)
    }

    /// Stops asking: new calls are refused, waiting ones return [`Refusal::ShuttingDown`] while their requests stay, and bodies
    /// that run, and writes for callers that went away, get up to 5 seconds. Then readers of events end. Calls that the policy lets pass are not gated and still run.
    ///
    /// # Cancel safety
    /// Dropping the future stops waiting for the bodies, and readers of events end then; the gate stays shut.
    pub async fn shutdown(&self) {
        struct Closing<'a>(&'a Hub);

        impl Drop for Closing<'_> {
            fn drop(&mut self) {
                self.0.close();
            }
        }

        let _closing = Closing(&self.inner.hub);
        self.inner.shutting_down.store(true, Ordering::SeqCst);
        wait::wake_all();
        let running = &self.inner.running;
        let idle = async {
            loop {
                let idle = running.idle.notified();
                if running.count.load(Ordering::SeqCst) == 0 {
                    return;
                }
                idle.await;
            }
        };
        // What runs longer goes on; if it is dropped, its outcome is recorded as indeterminate.
        if tokio::time::timeout(SHUTDOWN_TIME, idle).await.is_ok() {
            self.say_ended().await;
        }
    }
}

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

/// What the path of a call needs.
impl ApprovalGate {
    pub(crate) fn is_shutting_down(&self) -> bool {
        self.inner.shutting_down.load(Ordering::SeqCst)
    }

    pub(crate) fn tool(&self, name: &str) -> Option<&ToolRef> {
        self.inner.tools.get(name)
    }

    /// Returns the name most like this one among the tools that can be called by name.
    pub(crate) fn nearest_callable(&self, name: &str) -> Option<Box<str>> {
        builder::nearest_of(name, self.tools().filter(|tool| tool.is_callable()).map(Tool::name))
    }

    /// Returns the declared tool of this name, so that its facts count and not the caller's.
    pub(crate) fn known(&self, tool: Tool) -> ToolRef {
        self.inner.tools.get(tool.name()).cloned().unwrap_or_else(|| ToolRef::Shared(Arc::new(tool)))
    }

    #[inline]
    pub(crate) fn ruling(&self, agent: Option<&Agent>, tool: &str) -> Ruling<'_> {
        let inner = &*self.inner;
        let own = agent.filter(|_| !inner.by_agent.is_empty()).and_then(|agent| inner.by_agent.get(agent.name()));
        own.unwrap_or(&inner.policy).rules(tool)
    }

    /// Says what is redacted: secret-looking names, and the tool's own paths.
    pub(crate) fn capture_settings<'a>(&'a self, paths: &'a [&'a str]) -> CaptureSettings<'a> {
        CaptureSettings { secret_names: &self.inner.secret_names, redact: paths, key: &self.inner.redaction_key }
    }

    pub(crate) async fn now(&self) -> Result<Moment, StoreError> {
        self.inner.store.now().await
    }

    pub(crate) async fn read(&self, id: RequestId) -> Result<Option<ApprovalRequest>, StoreError> {
        self.inner.store.get(&self.inner.namespace, id).await
    }

    /// Reads a request, and the moment that it has to be judged at. The moment comes first: one that is due by then, and still
    /// stands as it did, was not decided in time.
    pub(crate) async fn look_at(&self, id: RequestId) -> Result<Option<(ApprovalRequest, Moment)>, StoreError> {
        let now = self.now().await?;
        let Some(request) = self.read(id).await? else { return Ok(None) };
        // A clock may be a moment behind a new life of the store, and the request of it.
        let now = if request.incarnation() > now.incarnation { self.now().await? } else { now };
        Ok(Some((request, now)))
    }

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
    async fn commit<W, T>(&self, writes: W, transitions: T) -> Result<W, StoreError>
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
                Lasting::new(self.clone(), id, commit).await
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

    /// Brings a reviewer's edit into canonical form and checks that the tool can take it, where that can be known here.
    fn check_edit(&self, request: &ApprovalRequest, edit: &Value) -> Result<Arguments, Invalid> {
        let tool = request.tool();
        let paths: Vec<_> = tool.redacted_paths().collect();
        let edited = request.effective_arguments().edited(edit, self.capture_settings(&paths))?;
        edit::check(request, &edited)?;
        Ok(edited)
    }

    pub(crate) fn downgrade(&self) -> WeakGate {
        WeakGate(Arc::downgrade(&self.inner))
    }
}

/// A gate that may be gone.
#[derive(Clone)]
pub(crate) struct WeakGate(Weak<Inner>);

impl WeakGate {
    pub(crate) fn upgrade(&self) -> Option<ApprovalGate> {
        self.0.upgrade().map(|inner| ApprovalGate { inner })
    }
}

impl Decider for WeakGate {
    fn request(&self, id: RequestId) -> BoxFuture<'_, Result<ApprovalRequest, DecideError>> {
        Box::pin(async move {
            let gate = self.upgrade().ok_or(DecideError::NotFound { id })?;
            gate.get_request(id).await
        })
    }

    fn decide(&self, id: RequestId, decision: Decision) -> BoxFuture<'_, Result<ApprovalRequest, DecideError>> {
        Box::pin(async move {
            let gate = self.upgrade().ok_or(DecideError::NotFound { id })?;
            gate.decide(id, decision).await
        })
    }
}

impl Decider for ApprovalGate {
    fn request(&self, id: RequestId) -> BoxFuture<'_, Result<ApprovalRequest, DecideError>> {
        Box::pin(self.get_request(id))
    }

    fn decide(&self, id: RequestId, decision: Decision) -> BoxFuture<'_, Result<ApprovalRequest, DecideError>> {
        Box::pin(Self::decide(self, id, decision))
    }
}
