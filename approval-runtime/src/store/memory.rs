//! [`MemoryStore`]: everything in this process, gone with it.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, TimeDelta, Utc};
use rustc_hash::FxHashMap;
use tokio::time::Instant;

use super::{ApprovalStore, Query, StoreError, Write};
use crate::boxed::BoxFuture;
use crate::request::{ApprovalRequest, ApprovalStatus, ExecutionState, RequestId};

/// How many ended requests are kept unless the program says otherwise.
pub(super) const DEFAULT_KEPT: usize = 1_000;

/// How long after its deadline a request counts as abandoned: its caller writes the time-out within moments.
const ABANDONED: TimeDelta = TimeDelta::seconds(60);

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

#[derive(Debug)]
struct Rows {
    by_id: FxHashMap<RequestId, ApprovalRequest>,
    /// By namespace, in the order in which they are shown.
    pending: FxHashMap<Arc<str>, BTreeSet<(DateTime<Utc>, RequestId)>>,
    /// Nothing more can happen to these: the oldest first.
    ended: VecDeque<RequestId>,
    /// When abandoned requests were last looked for.
    swept: DateTime<Utc>,
}

/// Counts in microseconds since 1970: it is read twice for each change, and a date is made of the result only.
#[derive(Debug)]
struct Clock {
    started: (i64, Instant),
    last: AtomicI64,
}

impl Clock {
    fn start() -> Self {
        let now = wall();
        Self { started: (now, Instant::now()), last: AtomicI64::new(now) }
    }

    fn now(&self) -> DateTime<Utc> {
        let (started, instant) = self.started;
        let now = wall().max(started.saturating_add(micros(instant.elapsed())));
        let now = self.last.fetch_max(now, Ordering::AcqRel).max(now);
        DateTime::from_timestamp_micros(now).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

fn wall() -> i64 {
    micros(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
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
        let rows = Rows {
            by_id: FxHashMap::default(),
            pending: FxHashMap::default(),
            ended: VecDeque::new(),
            swept: DateTime::UNIX_EPOCH,
        };
        Self { rows: Mutex::new(rows), clock: Clock::start(), kept: DEFAULT_KEPT }
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

fn has_ended(request: &ApprovalRequest) -> bool {
    match request.status() {
        ApprovalStatus::Pending => false,
        ApprovalStatus::Approved | ApprovalStatus::AutoApproved => {
            !matches!(request.execution().state, ExecutionState::NotStarted | ExecutionState::Executing)
        }
        _ => true,
    }
}

impl Rows {
    fn check(&self, write: &Write, now: DateTime<Utc>) -> Result<(), StoreError> {
        match write {
            Write::Insert { request, max_pending } => {
                let id = request.id();
                if self.by_id.contains_key(&id) {
                    return Err(StoreError::AlreadyExists { id });
                }
                if request.status() == ApprovalStatus::Pending && self.pending_in(request.namespace()) >= *max_pending {
                    return Err(StoreError::TooManyPending { limit: *max_pending });
                }
            }
            Write::Update { id, guard, .. } => {
                let Some(request) = self.by_id.get(id) else {
                    return Err(StoreError::NotFound { id: *id });
                };
                let early = guard.not_before.is_some_and(|time| now < time);
                let late = guard.not_after.is_some_and(|time| now >= time);
                if request.version() != guard.version || early || late {
                    return Err(StoreError::Stale { id: *id, version: guard.version });
                }
            }
        }
        Ok(())
    }

    fn pending_in(&self, namespace: &str) -> usize {
        self.pending.get(namespace).map_or(0, BTreeSet::len)
    }

    /// Makes room in a namespace that is full: ends requests whose deadline is long past, since whoever should have written
    /// that is gone. Looks at each pending request, so at most once a second.
    fn sweep(&mut self, write: &Write, now: DateTime<Utc>, kept: usize, gone: &mut Vec<ApprovalRequest>) {
        let Write::Insert { request, max_pending } = write else { return };
        if self.pending_in(request.namespace()) < *max_pending || now - self.swept < TimeDelta::seconds(1) {
            return;
        }
        self.swept = now;
        let pending = self.pending.get(request.namespace()).into_iter().flatten().filter_map(|(_, id)| self.by_id.get(id));
        let abandoned: Vec<_> = pending.filter(|request| now - request.expires_at() > ABANDONED).cloned().collect();
        abandoned.into_iter().for_each(|request| self.put(request.at(now), kept, gone));
    }

    /// Moves to `gone` what is no longer kept, to be freed when the lock is.
    fn put(&mut self, request: ApprovalRequest, kept: usize, gone: &mut Vec<ApprovalRequest>) {
        let id = request.id();
        let key = (request.created_at(), id);
        let namespace = Arc::clone(&request.ask().namespace);
        let is_pending = |request: &ApprovalRequest| request.status() == ApprovalStatus::Pending;
        let (pending, ended) = (is_pending(&request), has_ended(&request));
        let before = self.by_id.insert(id, request);
        let (was_pending, had_ended) = before.as_ref().map_or((false, false), |before| (is_pending(before), has_ended(before)));
        if pending && !was_pending {
            self.pending.entry(namespace).or_default().insert(key);
        } else if was_pending
            && !pending
            && let Some(waiting) = self.pending.get_mut(&namespace)
        {
            waiting.remove(&key);
        }
        if ended && !had_ended {
            self.ended.push_back(id);
            while self.ended.len() > kept {
                let oldest = self.ended.pop_front();
                gone.extend(oldest.and_then(|oldest| self.by_id.remove(&oldest)));
            }
        }
        gone.extend(before);
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
                let request = match write {
                    Write::Insert { request, .. } => request.clone(),
                    Write::Update { id, state, .. } => match rows.by_id.get(id) {
                        Some(request) => request.with(state.clone()),
                        None => continue, // checked above, under the same lock
                    },
                };
                rows.put(request, self.kept, &mut gone);
            }
            drop(rows);
            Ok(())
        })
    }

    fn get<'a>(&'a self, namespace: &'a str, id: RequestId) -> BoxFuture<'a, Result<Option<ApprovalRequest>, StoreError>> {
        Box::pin(async move {
            let request = self.rows().by_id.get(&id).cloned();
            Ok(request.filter(|request| request.namespace() == namespace))
        })
    }

    fn query<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<ApprovalRequest>, StoreError>> {
        Box::pin(async move {
            let limit = query.limit.unwrap_or(usize::MAX);
            let behind =
                |request: &ApprovalRequest| query.after.is_none_or(|after| (request.created_at(), request.id()) > after);
            let here = |request: &ApprovalRequest| {
                request.namespace() == query.namespace && query.status.is_none_or(|status| request.status() == status)
            };
            let rows = self.rows();
            if query.status == Some(ApprovalStatus::Pending) {
                let from = query.after.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
                let pending = rows.pending.get(query.namespace.as_str());
                let keys = pending.into_iter().flat_map(|pending| pending.range((from, std::ops::Bound::Unbounded)));
                return Ok(keys.filter_map(|(_, id)| rows.by_id.get(id)).take(limit).cloned().collect());
            }
            let mut found: Vec<_> = rows.by_id.values().filter(|request| here(request) && behind(request)).cloned().collect();
            drop(rows);
            found.sort_by_key(|request| (request.created_at(), request.id()));
            found.truncate(limit);
            Ok(found)
        })
    }

    fn now(&self) -> BoxFuture<'_, Result<DateTime<Utc>, StoreError>> {
        Box::pin(async move { Ok(self.clock.now()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::NewRequest;
    use crate::decision::{Decision, Reviewer};
    use crate::gate::ApprovalGate;
    use crate::request::{Event, apply};
    use crate::tool::Tool;

    /// I30: what the clock said once, it says at least from then on.
    #[test]
    fn i30_clock_does_not_go_back() {
        let store = MemoryStore::new();
        let ahead = wall() + 3_600_000_000;
        store.clock.last.store(ahead, Ordering::SeqCst);
        assert_eq!(store.clock.now().timestamp_micros(), ahead);
    }

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
        store.clock.last.store(request.expires_at().timestamp_micros(), Ordering::SeqCst);
        let late = store.commit(&write(&vote, made)).await;
        assert!(matches!(late, Err(StoreError::Stale { .. })), "{late:?}");
        store.commit(&write(&Event::TimeOut, request.expires_at())).await.unwrap();
    }
}
