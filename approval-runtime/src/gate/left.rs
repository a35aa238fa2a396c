//! [`Left`]: commits that nobody waits for any more. A store may end what it began, so each is seen to its end: what it changed
//! is told, and what its caller left behind is looked after behind it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use rustc_hash::FxHashMap;
use tokio::runtime::Handle;
use tokio::sync::watch;

use super::{ApprovalGate, RunningBody};
use crate::boxed::BoxFuture;
use crate::request::RequestId;

/// The commits of a gate that were left, on its own runtime: the caller's may be gone with the caller.
#[derive(Debug)]
pub(super) struct Left {
    runtime: Handle,
    /// By the request that each is about. One is closed when its commit has ended.
    commits: Mutex<FxHashMap<RequestId, Vec<watch::Receiver<()>>>>,
}

impl Left {
    pub(super) fn new(runtime: Handle) -> Self {
        Self { runtime, commits: Mutex::default() }
    }

    fn commits(&self) -> MutexGuard<'_, FxHashMap<RequestId, Vec<watch::Receiver<()>>>> {
        // Nothing under the lock can panic half-way.
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on with a commit.
    fn goes_on<T: Send + 'static>(
        self: &Arc<Self>,
        running: RunningBody,
        id: Option<RequestId>,
        commit: BoxFuture<'static, T>,
    ) {
        let (ends, ended) = watch::channel(());
        if let Some(id) = id {
            self.commits().entry(id).or_default().push(ended);
        }
        let left = Arc::clone(self);
        self.runtime.spawn(async move {
            drop(commit.await);
            drop(ends);
            if let Some(id) = id {
                left.forget(id);
            }
            drop(running);
        });
    }

    fn forget(&self, id: RequestId) {
        let mut commits = self.commits();
        let Some(of_request) = commits.get_mut(&id) else { return };
        of_request.retain(|commit| commit.has_changed().is_ok());
        if of_request.is_empty() {
            commits.remove(&id);
        }
    }

    /// Runs a write behind the commits to the same request that were left so far.
    fn then(&self, running: RunningBody, id: RequestId, write: impl Future<Output = ()> + Send + 'static) {
        let commits = self.commits().get(&id).cloned().unwrap_or_default();
        self.runtime.spawn(async move {
            for mut commit in commits {
                let _ = commit.wait_for(|()| false).await;
            }
            write.await;
            drop(running);
        });
    }
}

/// A commit, and what is told of it. Dropped before its end, it goes on without its caller.
pub(super) struct Lasting<'a, T: Send + 'static> {
    gate: &'a ApprovalGate,
    id: Option<RequestId>,
    commit: Option<BoxFuture<'static, T>>,
}

impl<'a, T: Send + 'static> Lasting<'a, T> {
    pub(super) const fn new(gate: &'a ApprovalGate, id: Option<RequestId>, commit: BoxFuture<'static, T>) -> Self {
        Self { gate, id, commit: Some(commit) }
    }
}

impl<T: Send + 'static> Future for Lasting<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let commit = self.commit.as_mut().expect("it is not polled behind its end");
        let output = ready!(commit.as_mut().poll(context));
        self.commit = None;
        Poll::Ready(output)
    }
}

impl<T: Send + 'static> Drop for Lasting<'_, T> {
    fn drop(&mut self) {
        if let Some(commit) = self.commit.take()
            && let Some(driver) = self.gate.inner.driver.get()
        {
            driver.left.goes_on(RunningBody::start(self.gate.clone()), self.id, commit);
        }
    }
}

impl ApprovalGate {
    /// Runs a write to a request that nobody waits for, for a caller that goes away.
    pub(crate) fn in_background(&self, id: RequestId, write: impl Future<Output = ()> + Send + 'static) {
        let running = RunningBody::start(self.clone());
        if let Some(driver) = self.inner.driver.get() {
            return driver.left.then(running, id, write);
        }
        // At once where the store does not suspend, else as a task.
        let mut write = Box::pin(async move {
            write.await;
            drop(running);
        });
        if write.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(write);
        }
    }
}
