//! [`Notifier`]: how reviewers learn that a call waits. Each notifier has its own thread, so that one that hangs, blocks or
//! panics delays nothing and nobody else.

mod log;
mod terminal;

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

pub use self::log::Log;
pub use self::terminal::Terminal;
#[cfg(feature = "testing")]
pub(crate) use self::terminal::card;
use crate::boxed::BoxFuture;
use crate::request::ApprovalRequest;
use crate::review::Decider;

/// How many notices may wait for one notifier. One more is not delivered, and said so.
pub const QUEUE: usize = 1_024;

/// How long one delivery may take.
pub const DELIVERY_TIME: Duration = Duration::from_secs(10);

/// How many deliveries of one notifier run at once.
const AT_ONCE: usize = 16;

/// What a notifier is told: the request, and a way to decide for channels through which people can answer.
#[derive(Clone)]
pub struct Notice {
    /// The request that waits.
    pub request: ApprovalRequest,
    /// Takes decisions. It does not keep the gate alive.
    pub decider: Arc<dyn Decider>,
}

impl fmt::Debug for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notice").field("request", &self.request.id()).finish_non_exhaustive()
    }
}

/// A notice was not delivered.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct NotifyError {
    reason: Box<str>,
    #[source]
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl NotifyError {
    /// Says why, in words that hold no argument's value.
    #[must_use]
    pub fn new(reason: impl Into<Box<str>>) -> Self {
        Self { reason: reason.into(), source: None }
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// Tells reviewers that a call waits.
///
/// A notifier runs on a thread of its own with a current-thread tokio runtime. It may block; what it does never delays the
/// request, other notifiers, or a decision. It cannot approve except by giving a reviewer's decision to the notice's decider.
pub trait Notifier: Send + Sync + 'static {
    /// Returns the channel's name, as events and logs show it.
    fn name(&self) -> &str;

    /// Says whether the channel can reach anybody now. Must not block: it is asked for each request.
    fn can_reach(&self) -> bool;

    /// Delivers one notice. After [`DELIVERY_TIME`] it is dropped and counts as not delivered.
    ///
    /// # Errors
    /// [`NotifyError`] when the channel did not take it.
    fn notify(&self, notice: Notice) -> BoxFuture<'_, Result<(), NotifyError>>;
}

/// Told what became of a delivery.
pub(crate) type Report = Arc<dyn Fn(&ApprovalRequest, &Arc<str>, Result<(), Arc<str>>) + Send + Sync>;

/// A notifier with its thread and its queue.
pub(crate) struct Channel {
    name: Arc<str>,
    notifier: Arc<dyn Notifier>,
    queue: mpsc::Sender<Notice>,
    report: Report,
}

impl fmt::Debug for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channel").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Channel {
    /// Starts the notifier's thread. It ends when the channel is dropped and its queue is empty.
    pub(crate) fn open(notifier: Arc<dyn Notifier>, report: Report) -> std::io::Result<Self> {
        let name: Arc<str> = notifier.name().into();
        let (queue, notices) = mpsc::channel(QUEUE);
        let deliveries = Deliveries { name: Arc::clone(&name), notifier: Arc::clone(&notifier), report: Arc::clone(&report) };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        std::thread::Builder::new()
            .name(format!("approval-{name}"))
            .spawn(move || runtime.block_on(deliveries.run(notices)))?;
        Ok(Self { name, notifier, queue, report })
    }

    pub(crate) fn can_reach(&self) -> bool {
        catch_unwind(AssertUnwindSafe(|| self.notifier.can_reach())).unwrap_or(false)
    }

    /// Puts a notice into the queue; never waits.
    pub(crate) fn tell(&self, notice: Notice) {
        if let Err(error) = self.queue.try_send(notice) {
            let (notice, why) = match error {
                mpsc::error::TrySendError::Full(notice) => (notice, "its queue is full"),
                mpsc::error::TrySendError::Closed(notice) => (notice, "its thread is gone"),
            };
            (self.report)(&notice.request, &self.name, Err(why.into()));
        }
    }
}

struct Deliveries {
    name: Arc<str>,
    notifier: Arc<dyn Notifier>,
    report: Report,
}

impl Deliveries {
    async fn run(self, mut notices: mpsc::Receiver<Notice>) {
        let this = Arc::new(self);
        let mut running = JoinSet::new();
        while let Some(notice) = notices.recv().await {
            while running.len() >= AT_ONCE {
                running.join_next().await;
            }
            running.spawn(Arc::clone(&this).deliver(notice));
            while running.try_join_next().is_some() {}
        }
        while running.join_next().await.is_some() {}
    }

    async fn deliver(self: Arc<Self>, notice: Notice) {
        let request = notice.request.clone();
        let notifier = Arc::clone(&self.notifier);
        // A task of its own: a panic ends that one and nothing else.
        let delivery = tokio::spawn(async move { tokio::time::timeout(DELIVERY_TIME, notifier.notify(notice)).await });
        let result = match delivery.await {
            Ok(Ok(Ok(()))) => Ok(()),
            Ok(Ok(Err(error))) => Err(error.reason.into()),
            Ok(Err(_elapsed)) => Err("it took longer than 10 seconds".into()),
            Err(_panicked) => Err("it panicked".into()),
        };
        (self.report)(&request, &self.name, result);
    }
}
