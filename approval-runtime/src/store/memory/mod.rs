//! [`MemoryStore`]: everything in this process, gone with it.

mod clock;
mod index;
mod rows;

use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use self::clock::Clock;
use self::rows::Rows;
use super::{ApprovalStore, Query, StoreError, Write};
use crate::boxed::BoxFuture;
use crate::request::{ApprovalRequest, RequestId};

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
        Self { rows: Mutex::default(), clock: Clock::start(), kept: DEFAULT_KEPT }
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

impl ApprovalStore for MemoryStore {
    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let mut gone = Vec::new();
            let mut rows = self.rows();
            let now = self.clock.now();
            for write in writes {
                rows.sweep(write, now, self.kept, &mut gone);
                rows.check(write, now)?;
            }
            for write in writes {
                rows.apply(write, self.kept, &mut gone);
            }
            drop(rows);
            Ok(())
        })
    }

    fn get<'a>(&'a self, namespace: &'a str, id: RequestId) -> BoxFuture<'a, Result<Option<ApprovalRequest>, StoreError>> {
        Box::pin(async move {
            let request = self.rows().get(id).cloned();
            Ok(request.filter(|request| request.namespace() == namespace))
        })
    }

    fn query<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<ApprovalRequest>, StoreError>> {
        Box::pin(async move { Ok(self.rows().find(query)) })
    }

    fn now(&self) -> BoxFuture<'_, Result<DateTime<Utc>, StoreError>> {
        Box::pin(async move { Ok(self.clock.now()) })
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
        let write = |event: &Event, believed: DateTime<Utc>| {
            let change = apply(&request, event, believed).unwrap();
            [Write::Update { id: request.id(), state: Arc::new(change.state), guard: change.guard }]
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
        assert_eq!(store.rows().indexed(), (12, 5), "five are pending, five approved, and two are kept");
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert_eq!(store.rows().indexed(), (2, 0));
    }
}
