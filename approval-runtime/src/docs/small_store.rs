use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use approval_runtime::request::{ApprovalRequest, ApprovalStatus, Guard, Moment, RequestId, Stored};
use approval_runtime::store::{
    AuditQuery, Changed, Changes, Cursor, Found, Logged, Order, Query, Row, RowQuery, Space, StoreError, Write,
};
use approval_runtime::{ApprovalStore, BoxFuture};
use chrono::{DateTime, SubsecRound, Utc};
use tokio::sync::Notify;

/// Keeps bytes in maps.
#[derive(Debug, Default)]
struct SmallStore {
    data: Mutex<Data>,
    changed: Notify,
}

#[derive(Clone, Debug, Default)]
struct Data {
    requests: BTreeMap<(String, RequestId), [Vec<u8>; 2]>,
    rows: BTreeMap<(String, Space, String), Row>,
    log: Vec<Logged>,
    last: DateTime<Utc>,
    incarnation: u64,
}

impl SmallStore {
    fn data(&self) -> MutexGuard<'_, Data> {
        // A commit puts whole data in place of whole data.
        self.data.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Data {
    fn now(&mut self) -> Moment {
        self.last = self.last.max(Utc::now().trunc_subsecs(6));
        Moment::at(self.last).of_incarnation(self.incarnation)
    }

    fn get(&self, namespace: &str, id: RequestId) -> Result<Option<ApprovalRequest>, StoreError> {
        let Some([ask, state]) = self.requests.get(&(namespace.into(), id)) else { return Ok(None) };
        Stored::read(ask, state).map(Some).map_err(|source| StoreError::Corrupt { id, source })
    }

    fn all(&self, namespace: &str) -> Found {
        let mut found = Found::default();
        for (of, id) in self.requests.keys().filter(|(of, _)| of == namespace) {
            match self.get(of, *id) {
                Ok(request) => found.requests.extend(request),
                Err(_) => found.corrupt.push(*id),
            }
        }
        found
    }

    fn write(&mut self, write: &Write, now: Moment) -> Result<(), StoreError> {
        match write {
            Write::Insert { request, guard, max_pending } => {
                let (id, key) = (request.id(), request.idempotency_key());
                let others = self.all(request.namespace()).requests;
                let same = |other: &&ApprovalRequest| key.is_some() && other.idempotency_key() == key;
                let known = self.requests.contains_key(&(request.namespace().into(), id)).then_some(id);
                if let Some(id) = known.or_else(|| others.iter().find(same).map(ApprovalRequest::id)) {
                    return Err(StoreError::AlreadyExists { id });
                }
                let is_pending = |request: &&ApprovalRequest| request.status() == ApprovalStatus::Pending;
                if is_pending(&request) && others.iter().filter(is_pending).count() >= *max_pending {
                    return Err(StoreError::TooManyPending { limit: *max_pending });
                }
                if !guard.holds(0, now) {
                    return Err(StoreError::Stale { id, version: guard.version });
                }
                self.keep(request);
            }
            Write::Update { request, guard } => {
                self.check(request, guard, now)?;
                self.keep(request);
            }
            Write::Remove { request, guard } => {
                self.check(request, guard, now)?;
                self.requests.remove(&(request.namespace().into(), request.id()));
                self.tell(request);
            }
            Write::Put { namespace, space, key, value, expect } => {
                let name = (namespace.clone(), *space, key.clone());
                let version = self.rows.get(&name).map(|row| row.version);
                if !expect.is_met_by(version) {
                    return Err(StoreError::RowStale { space: *space, key: key.as_str().into() });
                }
                let row = |value: &Vec<u8>| Row { key: key.clone(), value: value.clone(), version: version.unwrap_or(0) + 1 };
                match value {
                    Some(value) => drop(self.rows.insert(name, row(value))),
                    None => drop(self.rows.remove(&name)),
                }
            }
            Write::NewIncarnation { from } if *from == self.incarnation => self.incarnation += 1,
            Write::NewIncarnation { .. } => {
                return Err(StoreError::RowStale { space: Space::Counter, key: "incarnation".into() });
            }
            // What a later version of the library writes must not get lost.
            _ => return Err(StoreError::Unsupported { store: "small" }),
        }
        Ok(())
    }

    fn check(&self, request: &ApprovalRequest, guard: &Guard, now: Moment) -> Result<(), StoreError> {
        let id = request.id();
        let stored = self.get(request.namespace(), id)?.ok_or(StoreError::NotFound { id })?;
        guard.holds(stored.version(), now).then_some(()).ok_or(StoreError::Stale { id, version: guard.version })
    }

    fn keep(&mut self, request: &ApprovalRequest) {
        let bytes = [Stored::ask(request), Stored::state(request)];
        self.requests.insert((request.namespace().into(), request.id()), bytes);
        self.tell(request);
    }

    fn tell(&mut self, request: &ApprovalRequest) {
        let position = self.log.len() as u64 + 1;
        self.log.extend(request.audit_row().map(|row| Logged { position, row }));
    }

    fn behind<'a>(&'a self, namespace: &'a str, after: u64) -> impl Iterator<Item = &'a Logged> {
        self.log.iter().filter(move |logged| logged.position > after && &*logged.row.namespace == namespace)
    }
}

impl ApprovalStore for SmallStore {
    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            Write::check_distinct(writes)?;
            {
                let mut data = self.data();
                let mut next = data.clone();
                let now = next.now();
                writes.iter().try_for_each(|write| next.write(write, now))?;
                *data = next;
            }
            self.changed.notify_waiters();
            Ok(())
        })
    }

    fn get<'a>(&'a self, namespace: &'a str, id: RequestId) -> BoxFuture<'a, Result<Option<ApprovalRequest>, StoreError>> {
        Box::pin(async move { self.data().get(namespace, id) })
    }

    fn query<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Found, StoreError>> {
        Box::pin(async move {
            let mut found = self.data().all(&query.namespace);
            found.requests.retain(|request| {
                let place = Cursor::of(request);
                let is_behind = query.after.is_none_or(|after| match query.order {
                    Order::OldestFirst => place > after,
                    Order::NewestFirst => place < after,
                });
                is_behind && query.which.is(request, query.at)
            });
            match query.order {
                Order::OldestFirst => found.requests.sort_by_key(Cursor::of),
                Order::NewestFirst => found.requests.sort_by_key(|request| Reverse(Cursor::of(request))),
            }
            found.requests.truncate(query.limit.unwrap_or(usize::MAX));
            Ok(found)
        })
    }

    fn rows<'a>(&'a self, query: &'a RowQuery) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        Box::pin(async move {
            let RowQuery { namespace, space, prefix, after, limit } = query;
            let data = self.data();
            let here = data.rows.iter().filter(|((of, kind, key), _)| {
                of == namespace && kind == space && key.starts_with(prefix) && after.as_ref().is_none_or(|after| key > after)
            });
            Ok(here.take(limit.unwrap_or(usize::MAX)).map(|(_, row)| row.clone()).collect())
        })
    }

    fn audit<'a>(&'a self, query: &'a AuditQuery) -> BoxFuture<'a, Result<Vec<Logged>, StoreError>> {
        Box::pin(async move {
            let data = self.data();
            let rows = data.behind(&query.namespace, query.after);
            let rows = rows.filter(|logged| query.request.is_none_or(|id| id == logged.row.request));
            Ok(rows.take(query.limit.unwrap_or(usize::MAX)).cloned().collect())
        })
    }

    fn changes<'a>(&'a self, namespace: &'a str, after: Option<u64>) -> BoxFuture<'a, Result<Changes, StoreError>> {
        Box::pin(async move {
            let mut changed = pin!(self.changed.notified());
            loop {
                // Interested first, looked then: no change falls between the two.
                changed.as_mut().enable();
                {
                    let data = self.data();
                    let next = data.log.len() as u64;
                    let told = data.behind(namespace, after.unwrap_or(next)).map(|logged| &logged.row);
                    let changes: Vec<_> = told.map(|row| Changed { id: row.request, what: row.what }).collect();
                    if after.is_none() || !changes.is_empty() {
                        return Ok(Changes { changes, next });
                    }
                }
                changed.as_mut().await;
                changed.set(self.changed.notified());
            }
        })
    }

    fn now(&self) -> BoxFuture<'_, Result<Moment, StoreError>> {
        Box::pin(async move { Ok(self.data().now()) })
    }

    fn is_shared(&self) -> bool {
        false
    }
}
