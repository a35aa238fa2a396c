//! Who waits for what: one table a process, so that whoever commits a change wakes its waiters directly.

use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use rustc_hash::FxHashMap;
use tokio::sync::oneshot;

use crate::check::Check;
use crate::request::{ApprovalRequest, RequestId};
use crate::store::ApprovalStore;

/// A hint: the record as it was just committed, or only that something changed. A waiter acts on what the store says; a
/// record that was just committed in this process is what the store says.
pub(crate) type Hint = Option<ApprovalRequest>;

#[derive(Debug)]
struct Entry {
    waiters: Waiters,
    check: Check,
    known: Option<Box<Known>>,
}

/// A record, and the store that it is from.
#[derive(Debug)]
struct Known {
    store: usize,
    request: ApprovalRequest,
}

#[derive(Debug)]
enum Waiters {
    One(oneshot::Sender<Hint>),
    Many(Vec<oneshot::Sender<Hint>>),
}

impl Waiters {
    fn add(self, sender: oneshot::Sender<Hint>) -> Self {
        match self {
            Self::One(first) => Self::Many(vec![first, sender]),
            Self::Many(mut senders) => {
                senders.push(sender);
                Self::Many(senders)
            }
        }
    }

    /// Drops those that nobody listens to any more, and says whether nobody is left.
    fn leave(&mut self) -> bool {
        match self {
            Self::One(sender) => sender.is_closed(),
            Self::Many(senders) => {
                senders.retain(|sender| !sender.is_closed());
                senders.is_empty()
            }
        }
    }

    fn send(self, hint: &Hint) {
        // An error means that the waiter left meanwhile.
        match self {
            Self::One(sender) => drop(sender.send(hint.clone())),
            Self::Many(senders) => senders.into_iter().for_each(|sender| drop(sender.send(hint.clone()))),
        }
    }
}

/// More than the cores of most machines; ids are random, so the shards fill evenly.
const SHARDS: usize = 32;

type Shard = FxHashMap<RequestId, Entry>;

static TABLE: LazyLock<[Mutex<Shard>; SHARDS]> = LazyLock::new(Default::default);

fn shard(id: RequestId) -> MutexGuard<'static, Shard> {
    lock(&TABLE[id.low_bits() % SHARDS])
}

fn lock(shard: &'static Mutex<Shard>) -> MutexGuard<'static, Shard> {
    // Nothing under the lock can panic half-way.
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An interest in one request. Register first, read the record then, so that no change falls between the two.
#[derive(Debug)]
pub(crate) struct Waiter {
    id: RequestId,
    receiver: Option<oneshot::Receiver<Hint>>,
}

impl Waiter {
    /// Registers a call, which knows how the request's arguments decode.
    pub(crate) fn register(id: RequestId, check: Check) -> Self {
        let (sender, receiver) = oneshot::channel();
        let mut shard = shard(id);
        let entry = match shard.remove(&id) {
            None => Entry { waiters: Waiters::One(sender), check, known: None },
            Some(entry) => Entry { waiters: entry.waiters.add(sender), check: entry.check.or(check), ..entry },
        };
        shard.insert(id, entry);
        Self { id, receiver: Some(receiver) }
    }

    /// Registers somebody who looks after the request's deadlines.
    pub(crate) fn register_watching(id: RequestId) -> Self {
        Self::register(id, Check::Unknown)
    }

    /// Polls for the next hint; after one, register anew.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Hint> {
        let Some(receiver) = &mut self.receiver else { return Poll::Ready(None) };
        let hint = ready!(Pin::new(receiver).poll(context)).unwrap_or_default();
        self.receiver = None; // the table has forgotten this waiter
        Poll::Ready(hint)
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let Some(receiver) = self.receiver.take() else { return };
        drop(receiver);
        let mut shard = shard(self.id);
        let Some(entry) = shard.get_mut(&self.id) else { return };
        if entry.waiters.leave() {
            shard.remove(&self.id);
        }
    }
}

/// Wakes whoever waits for this request.
pub(crate) fn wake(request: &ApprovalRequest) {
    let entry = shard(request.id()).remove(&request.id());
    if let Some(entry) = entry {
        entry.waiters.send(&Some(request.clone()));
    }
}

/// Makes every waiter of the process look again.
pub(crate) fn wake_all() {
    for shard in TABLE.iter() {
        let entries = std::mem::take(&mut *lock(shard));
        entries.into_values().for_each(|entry| entry.waiters.send(&None));
    }
}

/// How many calls of this process have a request in common: the same call was made again. Each counts from before it is filed
/// until it starts or goes, also while it is awake and the table above has forgotten it.
static SHARED: LazyLock<Mutex<FxHashMap<RequestId, u32>>> = LazyLock::new(Mutex::default);

/// Counts a call that may have its request in common with others.
pub(crate) fn share(id: RequestId) {
    *shared().entry(id).or_default() += 1;
}

/// Takes a call back out, and says whether it was the last one.
pub(crate) fn unshare(id: RequestId) -> bool {
    let mut shared = shared();
    match shared.get_mut(&id) {
        Some(calls) if *calls > 1 => {
            *calls -= 1;
            false
        }
        _ => {
            shared.remove(&id);
            true
        }
    }
}

/// Says whether there is a call that has this request in common with others.
pub(crate) fn is_shared(id: RequestId) -> bool {
    shared().contains_key(&id)
}

fn shared() -> MutexGuard<'static, FxHashMap<RequestId, u32>> {
    // Nothing under the lock can panic half-way.
    SHARED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says whether anybody of this process waits for the request.
pub(crate) fn is_watched(id: RequestId) -> bool {
    shard(id).contains_key(&id)
}

/// Makes whoever waits for this request look again.
pub(crate) fn look(id: RequestId) {
    let entry = shard(id).remove(&id);
    if let Some(entry) = entry {
        entry.waiters.send(&None);
    }
}

/// Keeps a record for as long as somebody waits for it, so that whoever changes it here need not read it first.
pub(crate) fn remember(store: &Arc<dyn ApprovalStore>, request: &ApprovalRequest) {
    if let Some(entry) = shard(request.id()).get_mut(&request.id()) {
        entry.known = Some(Box::new(Known { store: place_of(store), request: request.clone() }));
    }
}

/// Returns the record that is waited for here, as it was once: whoever changes it from there finds out whether it still is so.
/// The table is the process's: a request of another store, or of another tenant, is none here.
pub(crate) fn recall(store: &Arc<dyn ApprovalStore>, namespace: &str, id: RequestId) -> Option<ApprovalRequest> {
    let shard = shard(id);
    let known = shard.get(&id)?.known.as_deref()?;
    (known.store == place_of(store) && known.request.namespace() == namespace).then(|| known.request.clone())
}

/// Tells stores apart: whoever waits keeps its own alive.
fn place_of(store: &Arc<dyn ApprovalStore>) -> usize {
    Arc::as_ptr(store).cast::<()>() as usize
}

/// Returns how a call that waits here would decode the request's arguments.
pub(crate) fn check_of(id: RequestId) -> Check {
    shard(id).get(&id).map(|entry| entry.check.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting_for(id: RequestId) -> bool {
        shard(id).contains_key(&id)
    }

    /// I25, L4: nobody who stopped waiting is remembered.
    #[test]
    fn i25_left_waiter_leaves_nothing() {
        let id = RequestId::random();
        let (one, two) = (Waiter::register(id, Check::Unknown), Waiter::register(id, Check::Unknown));
        drop(one);
        assert!(waiting_for(id));
        drop(two);
        assert!(!waiting_for(id));
    }

    /// I17: a wake-up without a record reaches everybody, once.
    #[tokio::test]
    async fn i17_everybody_looks_again() {
        let ids = [RequestId::random(), RequestId::random()];
        let mut waiters = ids.map(|id| Waiter::register(id, Check::Unknown));
        wake_all();
        for waiter in &mut waiters {
            assert!(std::future::poll_fn(|context| waiter.poll(context)).await.is_none());
        }
        assert!(!ids.into_iter().any(waiting_for));
    }
}
