//! [`Hub`]: the side that tells. It never waits for a reader.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use rustc_hash::FxHashMap;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};

use super::progress::Progress;
use super::{CAPACITY, Event, EventKind, Events, RUN_CAPACITY};
use crate::request::ApprovalRequest;

#[derive(Debug)]
pub(crate) struct Hub {
    all: broadcast::Sender<Event>,
    runs: Mutex<FxHashMap<Box<str>, Run>>,
    /// Counted here because the senders' own counts take their locks.
    readers: AtomicUsize,
    closed: watch::Sender<bool>,
}

/// Those who read one run's events.
#[derive(Debug)]
struct Run {
    sender: broadcast::Sender<Progress>,
    readers: usize,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self {
            all: broadcast::Sender::new(CAPACITY),
            runs: Mutex::default(),
            readers: AtomicUsize::new(0),
            closed: watch::Sender::new(false),
        }
    }

    pub(crate) fn events(self: &Arc<Self>) -> Events {
        self.readers.fetch_add(1, Ordering::Relaxed);
        Events::new(self.reader(self.all.subscribe()), Arc::downgrade(self))
    }

    pub(super) fn run(&self, run_id: &str) -> Reader<Progress> {
        self.readers.fetch_add(1, Ordering::Relaxed);
        let mut runs = self.runs();
        let run = runs.entry(run_id.into()).or_insert_with(|| Run { sender: broadcast::Sender::new(RUN_CAPACITY), readers: 0 });
        run.readers += 1;
        self.reader(run.sender.subscribe())
    }

    fn reader<T>(&self, receiver: broadcast::Receiver<T>) -> Reader<T> {
        Reader { receiver, closed: self.closed.subscribe() }
    }

    pub(super) fn leave(&self) {
        self.readers.fetch_sub(1, Ordering::Relaxed);
    }

    pub(super) fn leave_run(&self, run_id: &str) {
        self.leave();
        let mut runs = self.runs();
        if let Some(run) = runs.get_mut(run_id) {
            run.readers -= 1;
            if run.readers == 0 {
                runs.remove(run_id);
            }
        }
    }

    fn runs(&self) -> MutexGuard<'_, FxHashMap<Box<str>, Run>> {
        // Nothing below panics half-way.
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn has_readers(&self) -> bool {
        self.readers.load(Ordering::Relaxed) != 0
    }

    /// Tells the readers; costs one load when there are none.
    pub(crate) fn tell(&self, kind: impl FnOnce() -> EventKind, request: &ApprovalRequest) {
        if !self.has_readers() {
            return;
        }
        let kind = kind();
        // An error means that the last reader just left.
        if let Some(sender) = request.run_id().and_then(|run| self.runs().get(run).map(|run| run.sender.clone()))
            && let Some(progress) = Progress::of(&kind, request)
        {
            let _ = sender.send(progress);
        }
        let _ = self.all.send(Event { kind, request: request.clone() });
    }

    /// Lets the readers end, after what they were told so far.
    pub(crate) fn close(&self) {
        self.closed.send_replace(true);
    }
}

/// What each reader has: a place in a queue that goes on without it.
#[derive(Debug)]
pub(super) struct Reader<T> {
    receiver: broadcast::Receiver<T>,
    closed: watch::Receiver<bool>,
}

impl<T: Clone> Reader<T> {
    /// Returns a reader of nothing.
    pub(super) fn ended() -> Self {
        Self { receiver: broadcast::Sender::new(1).subscribe(), closed: watch::Sender::new(true).subscribe() }
    }

    /// Waits for what is next, or gives how many were missed; `None` when there will be nothing more.
    pub(super) async fn next(&mut self) -> Option<Result<T, u64>> {
        let mut next = pin!(self.receiver.recv());
        // An error means that the hub is gone, which closes it too.
        let mut closed = pin!(self.closed.wait_for(|closed| *closed));
        poll_fn(|context| match next.as_mut().poll(context) {
            Poll::Ready(Ok(told)) => Poll::Ready(Some(Ok(told))),
            Poll::Ready(Err(RecvError::Lagged(missed))) => Poll::Ready(Some(Err(missed))),
            Poll::Ready(Err(RecvError::Closed)) => Poll::Ready(None),
            Poll::Pending => closed.as_mut().poll(context).map(|_| None),
        })
        .await
    }
}
