//! [`Left`]: commits that nobody waits for any more. A store may end what it began, so each is seen to its end: what it changed
//! is told, and what its caller left behind is looked after behind it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use tokio::runtime::Handle;
use tokio::sync::watch;

use super::ApprovalGate;
use crate::boxed::BoxFuture;

/// The commits of a gate that were left, on its own runtime: the caller's may be gone with the caller.
#[derive(Debug)]
pub(super) struct Left {
    runtime: Handle,
    /// Each is closed when its commit has ended.
    commits: Mutex<Vec<watch::Receiver<()>>>,
}

impl Left {
    pub(super) const fn new(runtime: Handle) -> Self {
        Self { runtime, commits: Mutex::new(Vec::new()) }
    }

    fn commits(&self) -> MutexGuard<'_, Vec<watch::Receiver<()>>> {
        // Nothing under the lock can panic half-way.
        self.commits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on with a commit.
    fn goes_on<T: Send + 'static>(&self, commit: BoxFuture<'static, T>) {
        let (ends, ended) = watch::channel(());
        let mut commits = self.commits();
        commits.retain(|commit| commit.has_changed().is_ok());
        commits.push(ended);
        drop(commits);
        self.runtime.spawn(async move {
            drop(commit.await);
            drop(ends);
        });
    }

    /// Runs a write behind the commits that were left so far.
    fn then(&self, write: impl Future<Output = ()> + Send + 'static) {
        let commits = self.commits().clone();
        self.runtime.spawn(async move {
            for mut commit in commits {
                let _ = commit.wait_for(|()| false).await;
            }
            write.await;
        });
    }
}

/// A commit, and what is told of it. Dropped before its end, it goes on without its caller.
pub(super) struct Lasting<T: Send + 'static> {
    left: Arc<Left>,
    commit: Option<BoxFuture<'static, T>>,
}

impl<T: Send + 'static> Lasting<T> {
    pub(super) fn new(left: Arc<Left>, commit: BoxFuture<'static, T>) -> Self {
        Self { left, commit: Some(commit) }
    }
}

impl<T: Send + 'static> Future for Lasting<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let commit = self.commit.as_mut().expect("it is not polled behind its end");
        let output = ready!(commit.as_mut().poll(context));
        self.commit = None;
        Poll::Ready(output)
    }
}

impl<T: Send + 'static> Drop for Lasting<T> {
    fn drop(&mut self) {
        if let Some(commit) = self.commit.take() {
            self.left.goes_on(commit);
        }
    }
}

impl ApprovalGate {
    /// Runs a write that nobody waits for, for a caller that goes away.
    pub(crate) fn in_background(&self, write: impl Future<Output = ()> + Send + 'static) {
        if let Some(driver) = self.inner.driver.get() {
            return driver.left.then(write);
        }
        // At once where the store does not suspend, else as a task.
        let mut write = Box::pin(write);
        if write.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(write);
        }
    }
}
