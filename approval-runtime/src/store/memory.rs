//! [`MemoryStore`]: everything in this process, gone with it.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use super::{ApprovalStore, Query, StoreError, Write};
use crate::boxed::BoxFuture;
use crate::request::{ApprovalRequest, ApprovalStatus, ExecutionState, RequestId};

/// How many ended requests are kept unless the program says otherwise.
pub(super) const DEFAULT_KEPT: usize = 10_000;

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
    kept: usize,
}

#[derive(Debug)]
struct Rows {
    by_id: HashMap<RequestId, ApprovalRequest>,
    /// In the order in which they are shown.
    pending: BTreeSet<(DateTime<Utc>, RequestId)>,
    /// Nothing more can happen to these: the oldest first.
    ended: VecDeque<RequestId>,
    clock: Clock,
}

#[derive(Debug)]
struct Clock {
    started: (DateTime<Utc>, Instant),
    last: DateTime<Utc>,
}

impl Clock {
    fn now(&mut self) -> DateTime<Utc> {
        let (wall, instant) = self.started;
        let elapsed = TimeDelta::from_std(instant.elapsed()).unwrap_or(TimeDelta::MAX);
        let monotonic = wall.checked_add_signed(elapsed).unwrap_or(wall);
        self.last = self.last.max(micros(Utc::now())).max(micros(monotonic));
        self.last
    }
}

fn micros(time: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(time.timestamp_micros()).unwrap_or(time)
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// Makes an empty store that keeps the last 10,000 ended requests.
    #[must_use]
    pub fn new() -> Self {
        let now = micros(Utc::now());
        let rows = Rows {
            by_id: HashMap::new(),
            pending: BTreeSet::new(),
            ended: VecDeque::new(),
            clock: Clock { started: (now, Instant::now()), last: now },
        };
        Self { rows: Mutex::new(rows), kept: DEFAULT_KEPT }
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
                // One table, every namespace: the bound guards this process's memory.
                if request.status() == ApprovalStatus::Pending && self.pending.len() >= *max_pending {
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

    /// Ends the oldest request if its deadline is long past: whoever should have written that is gone.
    fn sweep(&mut self, now: DateTime<Utc>, kept: usize) {
        let Some((_, id)) = self.pending.first() else { return };
        let Some(request) = self.by_id.get(id) else { return };
        if now - request.expires_at() > ABANDONED {
            self.put(request.clone().at(now), kept);
        }
    }

    fn put(&mut self, request: ApprovalRequest, kept: usize) {
        let id = request.id();
        let key = (request.created_at(), id);
        if request.status() == ApprovalStatus::Pending {
            self.pending.insert(key);
        } else {
            self.pending.remove(&key);
        }
        let ended = has_ended(&request);
        let before = self.by_id.insert(id, request);
        if ended && !before.as_ref().is_some_and(has_ended) {
            self.ended.push_back(id);
            while self.ended.len() > kept {
                if let Some(oldest) = self.ended.pop_front() {
                    self.by_id.remove(&oldest);
                }
            }
        }
    }
}

impl ApprovalStore for MemoryStore {
    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let mut rows = self.rows();
            let now = rows.clock.now();
            rows.sweep(now, self.kept);
            for write in writes {
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
                rows.put(request, self.kept);
            }
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
                let keys = rows.pending.range((from, std::ops::Bound::Unbounded));
                return Ok(keys.filter_map(|(_, id)| rows.by_id.get(id)).filter(|r| here(r)).take(limit).cloned().collect());
            }
            let mut found: Vec<_> = rows.by_id.values().filter(|request| here(request) && behind(request)).cloned().collect();
            drop(rows);
            found.sort_by_key(|request| (request.created_at(), request.id()));
            found.truncate(limit);
            Ok(found)
        })
    }

    fn now(&self) -> BoxFuture<'_, Result<DateTime<Utc>, StoreError>> {
        Box::pin(async move { Ok(self.rows().clock.now()) })
    }
}
