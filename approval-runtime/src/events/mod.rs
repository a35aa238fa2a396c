//! [`Events`]: what happens at a gate, as it happens. A slow reader holds nothing up; it is told how much it missed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::broadcast;

use crate::request::{ApprovalRequest, Transition};

/// How many events a reader may be behind before it misses some.
pub const CAPACITY: usize = 1_024;

/// Something that happened to a request.
///
/// Events of one request may come out of order when several threads change it at once: its
/// [`version`](ApprovalRequest::version) tells what came first.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// What happened.
    pub kind: EventKind,
    /// The request right after.
    pub request: ApprovalRequest,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventKind {
    /// A call waits for reviewers.
    Requested,
    /// One of several needed approvals was given.
    Voted,
    /// The last needed approval was given.
    Approved,
    /// A rule let the call through, and it started.
    AutoApproved,
    /// A reviewer or a deny rule refused.
    Rejected,
    /// Nobody decided in time.
    TimedOut,
    /// The request was withdrawn.
    Cancelled,
    /// An approval ended unused.
    Expired,
    /// The body starts.
    Started,
    /// The body returned.
    Executed,
    /// The body failed.
    Failed,
    /// The body was dropped while it ran.
    Indeterminate,
    /// A channel took the notification.
    Delivered {
        /// The channel's name.
        channel: Arc<str>,
    },
    /// A channel could not take the notification.
    NotDelivered {
        /// The channel's name.
        channel: Arc<str>,
        /// Why, without any argument's value.
        error: Arc<str>,
    },
}

impl From<Transition> for EventKind {
    fn from(transition: Transition) -> Self {
        match transition {
            Transition::Requested => Self::Requested,
            Transition::Voted => Self::Voted,
            Transition::Approved => Self::Approved,
            Transition::AutoApproved => Self::AutoApproved,
            Transition::Rejected => Self::Rejected,
            Transition::TimedOut => Self::TimedOut,
            Transition::Cancelled => Self::Cancelled,
            Transition::Expired => Self::Expired,
            Transition::Started => Self::Started,
            Transition::Executed => Self::Executed,
            Transition::Failed => Self::Failed,
            Transition::Indeterminate => Self::Indeterminate,
        }
    }
}

/// What a reader of [`ApprovalGate::events`](crate::ApprovalGate::events) gets.
#[derive(Clone, Debug)]
pub enum Next {
    /// Something happened.
    Event(Box<Event>),
    /// The reader was too slow for this many events; what comes next is newer.
    Missed(u64),
}

/// A reader of a gate's events, from the moment it was made.
#[derive(Debug)]
pub struct Events {
    receiver: broadcast::Receiver<Event>,
    readers: Arc<AtomicUsize>,
}

impl Events {
    /// Waits for the next event, passing over what was missed; `None` when the gate is gone.
    ///
    /// # Cancel safety
    /// Dropping the future loses no event.
    pub async fn next(&mut self) -> Option<Event> {
        loop {
            match self.next_or_missed().await? {
                Next::Event(event) => return Some(*event),
                Next::Missed(_) => {}
            }
        }
    }

    /// Waits for the next event, or says how many were missed; `None` when the gate is gone.
    ///
    /// # Cancel safety
    /// Dropping the future loses no event.
    pub async fn next_or_missed(&mut self) -> Option<Next> {
        match self.receiver.recv().await {
            Ok(event) => Some(Next::Event(Box::new(event))),
            Err(broadcast::error::RecvError::Lagged(missed)) => Some(Next::Missed(missed)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.readers.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The sending side.
#[derive(Debug)]
pub(crate) struct Hub {
    sender: broadcast::Sender<Event>,
    /// Counted here because the sender's own count takes its lock.
    readers: Arc<AtomicUsize>,
}

impl Hub {
    pub(crate) fn new() -> Self {
        Self { sender: broadcast::Sender::new(CAPACITY), readers: Arc::default() }
    }

    pub(crate) fn events(&self) -> Events {
        self.readers.fetch_add(1, Ordering::Relaxed);
        Events { receiver: self.sender.subscribe(), readers: Arc::clone(&self.readers) }
    }

    /// Tells the readers; costs one load when there are none.
    pub(crate) fn tell(&self, kind: impl FnOnce() -> EventKind, request: &ApprovalRequest) {
        if self.readers.load(Ordering::Relaxed) > 0 {
            // An error means that the last reader just left.
            let _ = self.sender.send(Event { kind: kind(), request: request.clone() });
        }
    }
}
