//! [`MemoryStore`]: everything in this process, gone with it.

mod clock;
mod index;
mod log;
mod rows;

use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use self::clock::Clock;
use self::rows::Rows;
use super::{ApprovalStore, AuditQuery, Changes, Found, Logged, Query, Row, RowQuery, StoreError, Write};
use crate::boxed::BoxFuture;
use crate::request::{ApprovalRequest, Moment, RequestId};

/// How many ended requests are kept unless the program says otherwise.
const DEFAULT_KEPT: usize = 1_000;

/// Keeps requests in memory: for tests, demonstrations, and programs whose approvals may end with the process.
///
/// Not durable: when the process ends, pending requests are gone and links to them lead nowhere. Requests that ended are
/// kept up to a bound, the oldest leaving first.
///
/// Its clock is the greatest of the wall clock, its start plus tokio's elapsed time, and what it said last: it never steps
/// back, and it moves under tokio's paused clock.
#[derive(Debug)]
pub struct MemoryStore {
    rows: Mutex<Rows>,
    clock: Clock,
    kept: usize,
    changed: Notify,
    /// How many wait for changes.
    waiting: AtomicUsize,
    incarnation: AtomicU64,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// Makes an empty store that keeps the last 1,000 ended requests.
    #[must_use]
    pub fn new() -> Self {
        Self {
            rows: Mutex::default(),
            clock: Clock::start(),
            kept: DEFAULT_KEPT,
            changed: Notify::new(),
            waiting: AtomicUsize::new(0),
            incarnation: AtomicU64::new(0),
        }
    }

    /// Sets how many ended requests are kept.
    #[must_use]
    pub const fn keep_ended(mut self, kept: usize) -> Self {
        self.kept = kept;
        self
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        // Every write below is checked first and cannot panic half-way, so a poisoned table is a whole one.
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who waits for changes.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn of(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl ApprovalStore for MemoryStore {
    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            // Room for what one commit drops, made before the lock is taken.
            let mut gone = Vec::with_capacity(8);
            Write::check_distinct(writes)?;
            let mut rows = self.rows();
            let moment = rows.moment(self.clock.now());
            for (nth, write) in writes.iter().enumerate() {
                rows.sweep(write, moment, self.kept, &mut gone);
                rows.check(write, &writes[..nth], moment)?;
            }
            for write in writes {
                rows.apply(write, self.kept, &mut gone);
            }
            self.incarnation.store(rows.moment(moment.time).incarnation, Ordering::Release);
            drop(rows);
            if self.waiting.load(Ordering::SeqCst) > 0 {
                self.changed.notify_waiters();
            }
            Ok(())
        })
    }

    fn get<'a>(&'a self, namespace: &'a str, id: RequestId) -> BoxFuture<'a, Result<Option<ApprovalRequest>, StoreError>> {
        Box::pin(async move {
            let request = self.rows().get(id).cloned();
            Ok(request.filter(|request| request.namespace() == namespace))
        })
    }

    fn query<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Found, StoreError>> {
        Box::pin(async move { Ok(Found { requests: self.rows().find(query), corrupt: Vec::new() }) })
    }

    fn rows<'a>(&'a self, query: &'a RowQuery) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        Box::pin(async move { Ok(self.rows().rows(query)) })
    }

    fn audit<'a>(&'a self, query: &'a AuditQuery) -> BoxFuture<'a, Result<Vec<Logged>, StoreError>> {
        Box::pin(async move { Ok(self.rows().log().read(query)) })
    }

    fn changes<'a>(&'a self, namespace: &'a str, after: Option<u64>) -> BoxFuture<'a, Result<Changes, StoreError>> {
        Box::pin(async move {
            let _waiting = Waiting::of(&self.waiting);
            let mut changed = pin!(self.changed.notified());
            loop {
                // Interested first, looked then: no change falls between the two.
                changed.as_mut().enable();
                if let Some(changes) = self.rows().log().changes(namespace, after) {
                    return Ok(changes);
                }
                changed.as_mut().await;
                changed.set(self.changed.notified());
            }
        })
    }

    fn now(&self) -> BoxFuture<'_, Result<Moment, StoreError>> {
        Box::pin(async move { Ok(Moment::at(self.clock.now()).of_incarnation(self.incarnation.load(Ordering::Acquire))) })
    }

    fn is_shared(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::call::NewRequest;
    use crate::decision::{Decision, Reviewer};
    use crate::gate::ApprovalGate;
    use crate::request::{Event, apply};
    use crate::tool::Tool;

    /// I6: the store checks the guard's times on its own clock, whatever the writer believed.
    #[tokio::test(start_paused = true)]
    async fn i06_store_refuses_writes_out_of_time() {
        let store = Arc::new(MemoryStore::new());
        let gate = ApprovalGate::builder().shared_store(Arc::<MemoryStore>::clone(&store)).without_notifier().build().unwrap();
        let new = NewRequest::new(Tool::named("pay").timeout(Duration::from_secs(60)), serde_json::json!({}));
        let request = gate.create_request(new).await.unwrap();
        let made = request.created_at();
        let write = |event: &Event, believed: chrono::DateTime<chrono::Utc>| {
            let change = apply(&request, event, Moment::at(believed)).unwrap();
            [Write::Update { request: request.with(change.state), guard: change.guard }]
        };
        let Decision { reviewer, answer, digest, .. } = Decision::approve(Reviewer::new("alice"), request.digest());
        let vote = Event::Vote { reviewer, answer, digest, edited: None, comment: None, door: "test" };
        let early = store.commit(&write(&Event::TimeOut, request.expires_at())).await;
        assert!(matches!(early, Err(StoreError::Stale { .. })), "{early:?}");
        store.clock.set(request.expires_at());
        let late = store.commit(&write(&vote, made)).await;
        assert!(matches!(late, Err(StoreError::Stale { .. })), "{late:?}");
        store.commit(&write(&Event::TimeOut, request.expires_at())).await.unwrap();
    }

    /// What is no longer kept leaves every index, or they would grow for as long as the process lives.
    #[tokio::test(start_paused = true)]
    async fn forgotten_requests_take_no_room() {
        let store = Arc::new(MemoryStore::new().keep_ended(2));
        let gate = ApprovalGate::builder().shared_store(Arc::<MemoryStore>::clone(&store)).without_notifier().build().unwrap();
        for nth in 0..20 {
            let request = gate.create_request(NewRequest::new(Tool::named("pay"), serde_json::json!({}))).await.unwrap();
            let decision = Decision::approve(Reviewer::new("alice"), request.digest());
            match nth % 4 {
                0 => gate.decide(request.id(), decision).await.map(drop).unwrap(),
                1 => gate.decide(request.id(), Decision::reject(Reviewer::new("alice"))).await.map(drop).unwrap(),
                2 => gate.cancel(request.id(), "operator").await.map(drop).unwrap(),
                _ => {}
            }
        }
        assert_eq!(store.rows().indexed(), (12, 10), "five are pending, five approved, and two are kept");
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert_eq!(store.rows().indexed(), (2, 0));
    }
}
