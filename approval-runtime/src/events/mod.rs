//! [`Events`]: what happens at a gate, as it happens. A slow reader holds nothing up; it is told how much it missed.
//!
//! [`Events`] is for the program and its reviewers: each event carries the request, with all its arguments. What the end user
//! of one run may know about it are [`RunEvents`].

mod hub;
mod progress;
mod run;

use std::sync::{Arc, Weak};

pub(crate) use self::hub::Hub;
use self::hub::Reader;
pub use self::progress::{Progress, ProgressKind, RUN_CAPACITY};
pub use self::run::RunEvents;
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
    /// The request changed.
    Changed(Transition),
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

impl EventKind {
    /// Returns the kind's name in snake case, as the API's live events carry it: a change has the name that histories give it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Changed(transition) => transition.as_str(),
            Self::Delivered { .. } => "delivered",
            Self::NotDelivered { .. } => "not_delivered",
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

/// A reader of a gate's events, from the moment it was made. It does not keep the gate alive.
#[derive(Debug)]
pub struct Events {
    reader: Reader<Event>,
    hub: Weak<Hub>,
}

impl Events {
    fn new(reader: Reader<Event>, hub: Weak<Hub>) -> Self {
        Self { reader, hub }
    }

    /// Waits for the next event, passing over what was missed; `None` when the gate has shut down or is gone.
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

    /// Waits for the next event, or says how many were missed; `None` when the gate has shut down or is gone.
    ///
    /// # Cancel safety
    /// Dropping the future loses no event.
    pub async fn next_or_missed(&mut self) -> Option<Next> {
        self.reader.next().await.map(|next| match next {
            Ok(event) => Next::Event(Box::new(event)),
            Err(missed) => Next::Missed(missed),
        })
    }

    /// Reads what happens to the calls of one run from now on, in words for its end user.
    ///
    /// Runs do not share a queue: a busy one makes no other one's reader miss anything.
    ///
    /// ```
    /// # async fn example(gate: approval_runtime::ApprovalGate) {
    /// let mut progress = gate.events().run("run-7");
    /// while let Some(step) = progress.next().await {
    ///     println!("{step}"); // send_email: Waiting for approval from finance, 1:42 left
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn run(self, run_id: &str) -> RunEvents {
        RunEvents::open(self.hub.clone(), run_id)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        if let Some(hub) = self.hub.upgrade() {
            hub.leave();
        }
    }
}
