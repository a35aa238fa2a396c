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
mod writes;

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
#[cfg(feature = "testing")]
pub(crate) use self::observer::Observer;
pub use self::reads::{MAX_PAGE, RequestPage, RequestQuery};
pub(crate) use self::writes::{Asking, NotApplied, Opened};
use crate::agent::Agent;
use crate::arguments::{Arguments, CaptureSettings, Invalid, RedactionKey, SecretNames};
use crate::boxed::BoxFuture;
use crate::decision::Decision;
use crate::events::{Events, Hub};
use crate::notify::Channel;
use crate::policy::{Compiled, Ruling};
use crate::request::{ApprovalRequest, Conflict, Event, Moment, RequestId};
use crate::review::{DecideError, Decider};
use crate::store::{ApprovalStore, StoreError};
use crate::tool::{Tool, ToolRef};
use crate::wait;

/// How long [`ApprovalGate::shutdown`] waits for bodies that run.
pub const SHUTDOWN_TIME: Duration = Duration::from_secs(5);

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

    /// Stops asking: new calls are refused, waiting ones return [`Refusal::ShuttingDown`](crate::Refusal::ShuttingDown) while their
    /// requests stay, and bodies that run, and writes for callers that went away, get up to 5 seconds. Then readers of events end.
    /// Calls that the policy lets pass are not gated and still run.
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
