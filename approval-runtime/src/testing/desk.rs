//! Where a test gate's requests arrive: what was asked, what is replied, and what went wrong with that.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;

use super::Reply;
use crate::arguments::display;
use crate::gate::{ApprovalGate, Observer};
use crate::request::{ApprovalRequest, ApprovalStatus, Transition};

type Closure = Box<dyn FnMut(&ApprovalRequest) -> Reply + Send>;

/// Where the replies come from.
pub(super) enum Replies {
    Reviewer(Closure),
    Script(VecDeque<Reply>),
}

impl Replies {
    fn next(&mut self, request: &ApprovalRequest) -> Result<Reply, String> {
        let tool = || display::name(request.tool_name());
        match self {
            Self::Script(replies) => replies.pop_front().ok_or_else(|| format!("the script was over when {} asked", tool())),
            Self::Reviewer(reviewer) => catch_unwind(AssertUnwindSafe(|| reviewer(request)))
                .map_err(|panic| format!("the reviewer's closure panicked when {} asked: {}", tool(), message(&*panic))),
        }
    }
}

fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("not with a text")
}

/// How a request began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Asked,
    AutoApproved,
    Denied,
}

/// A request as the first change showed it, and as the last one left it.
struct Entry {
    filed: ApprovalRequest,
    last: ApprovalRequest,
}

impl Entry {
    fn kind(&self) -> Kind {
        match self.filed.status() {
            ApprovalStatus::AutoApproved => Kind::AutoApproved,
            ApprovalStatus::Rejected if self.filed.votes().is_empty() => Kind::Denied,
            _ => Kind::Asked,
        }
    }
}

#[derive(Default)]
struct Book {
    entries: Vec<Entry>,
    problems: Vec<String>,
}

impl Book {
    fn note(&mut self, request: &ApprovalRequest) {
        match self.entries.iter_mut().rev().find(|entry| entry.last.id() == request.id()) {
            None => self.entries.push(Entry { filed: request.clone(), last: request.clone() }),
            // Threads that change one request at once may come here in another order than they wrote.
            Some(entry) if request.version() > entry.last.version() => entry.last = request.clone(),
            Some(entry) if request.version() < entry.filed.version() => entry.filed = request.clone(),
            Some(_) => {}
        }
    }
}

pub(super) struct Desk {
    replies: Mutex<Replies>,
    book: Arc<Mutex<Book>>,
}

/// A panic under a lock is caught under it, so what is behind a poisoned one is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    pub(super) fn new(replies: Replies) -> Self {
        Self { replies: Mutex::new(replies), book: Arc::default() }
    }

    pub(super) fn requests(&self, kind: Kind) -> Vec<ApprovalRequest> {
        self.all(kind, |entry| &entry.last)
    }

    /// Returns the requests as they were made.
    pub(super) fn filed(&self, kind: Kind) -> Vec<ApprovalRequest> {
        self.all(kind, |entry| &entry.filed)
    }

    fn all(&self, kind: Kind, which: impl Fn(&Entry) -> &ApprovalRequest) -> Vec<ApprovalRequest> {
        lock(&self.book).entries.iter().filter(|entry| entry.kind() == kind).map(|entry| which(entry).clone()).collect()
    }

    /// Returns all requests, however they began.
    pub(super) fn everything(&self) -> Vec<ApprovalRequest> {
        lock(&self.book).entries.iter().map(|entry| entry.last.clone()).collect()
    }

    /// Returns what went wrong since the last time.
    pub(super) fn take_problems(&self) -> Option<String> {
        let problems = std::mem::take(&mut lock(&self.book).problems);
        (!problems.is_empty()).then(|| problems.join("; "))
    }

    /// Returns the replies that nobody asked for.
    pub(super) fn take_left(&self) -> Option<String> {
        match &mut *lock(&self.replies) {
            Replies::Script(replies) if !replies.is_empty() => {
                let left: Vec<_> = replies.drain(..).map(|reply| reply.to_string()).collect();
                Some(format!("nobody asked for the rest of the script: {}", left.join(", then ")))
            }
            _ => None,
        }
    }

    /// Takes the next reply, and has it given by a task of the runtime that the call is on.
    fn reply(&self, replies: &mut Replies, gate: &ApprovalGate, request: &ApprovalRequest) {
        let reply = replies.next(request).unwrap_or_else(|problem| {
            lock(&self.book).problems.push(problem.clone());
            Reply::reject(problem)
        });
        tracing::warn!(tool = request.tool_name(), request = %request.id(), "a test gate replies: no person decides this");
        let Ok(runtime) = Handle::try_current() else { return };
        if reply.is_silence() {
            return;
        }
        let (gate, request, book) = (gate.downgrade(), request.clone(), Arc::clone(&self.book));
        runtime.spawn(async move {
            if !reply.delay().is_zero() {
                tokio::time::sleep(reply.delay()).await;
            }
            let Some(gate) = gate.upgrade() else { return };
            if let Err(error) = reply.give(&gate, &request).await {
                let tool = display::name(request.tool_name());
                lock(&book).problems.push(format!("a reply to {tool} was not taken: {reply}: {error}"));
                // Nobody else would decide: the call ends here and now.
                let _ = gate.cancel(request.id(), "test gate").await;
            }
        });
    }
}

impl Observer for Desk {
    fn saw(&self, gate: &ApprovalGate, transition: Transition, request: &ApprovalRequest) {
        if transition == Transition::Requested {
            // Held over both, so that replies are given in the order of the book.
            let mut replies = lock(&self.replies);
            lock(&self.book).note(request);
            self.reply(&mut replies, gate, request);
        } else {
            lock(&self.book).note(request);
        }
    }
}
