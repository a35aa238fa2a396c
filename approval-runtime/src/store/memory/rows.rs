//! [`Rows`]: the tables, and what must hold for a write to them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rustc_hash::FxHashMap;

use super::index::{Index, Place};
use super::log::Log;
use crate::request::{ApprovalRequest, ApprovalStatus, Guard, Moment, RequestId, apply};
use crate::store::{Cursor, Order, Query, Row, RowQuery, Space, StoreError, Which, Write};

/// How long after its deadline a request counts as abandoned: its caller writes the time-out within moments.
const ABANDONED: TimeDelta = TimeDelta::seconds(60);

/// Namespace, kind and key.
type Name = (String, Space, String);

#[derive(Debug, Default)]
pub(super) struct Rows {
    by_id: FxHashMap<RequestId, ApprovalRequest>,
    /// By namespace.
    indexes: FxHashMap<Arc<str>, Index>,
    /// Nothing more can happen to these: the oldest first.
    ended: VecDeque<RequestId>,
    log: Log,
    others: BTreeMap<Name, Row>,
    incarnation: u64,
}

impl Rows {
    pub(super) fn get(&self, id: RequestId) -> Option<&ApprovalRequest> {
        self.by_id.get(&id)
    }

    pub(super) const fn log(&self) -> &Log {
        &self.log
    }

    pub(super) const fn moment(&self, time: DateTime<Utc>) -> Moment {
        Moment::at(time).of_incarnation(self.incarnation)
    }

    /// Says whether a write may happen, with others before it in the same commit.
    pub(super) fn check(&self, write: &Write, before: &[Write], moment: Moment) -> Result<(), StoreError> {
        match write {
            Write::Insert { request, guard, max_pending } => {
                let id = request.id();
                let index = self.indexes.get(request.namespace());
                let same = index.and_then(|index| index.same_call(request.idempotency_key()));
                if let Some(id) = self.by_id.contains_key(&id).then_some(id).or(same) {
                    return Err(StoreError::AlreadyExists { id });
                }
                if !guard.holds(0, moment) {
                    return Err(StoreError::Stale { id, version: 0 });
                }
                let adds = |write: &&Write| {
                    let Write::Insert { request: other, .. } = write else { return false };
                    other.status() == ApprovalStatus::Pending && other.namespace() == request.namespace()
                };
                let pending = index.map_or(0, Index::pending) + before.iter().filter(adds).count();
                if request.status() == ApprovalStatus::Pending && pending >= *max_pending {
                    return Err(StoreError::TooManyPending { limit: *max_pending });
                }
                Ok(())
            }
            Write::Update { request, guard } | Write::Remove { request, guard } => self.check_guard(request, guard, moment),
            Write::Put { namespace, space, key, expect, .. } => {
                let row = self.others.get(&(namespace.clone(), *space, key.clone()));
                if expect.is_met_by(row.map(|row| row.version)) {
                    return Ok(());
                }
                Err(StoreError::RowStale { space: *space, key: key.as_str().into() })
            }
            Write::NewIncarnation { from } if *from == self.incarnation => Ok(()),
            Write::NewIncarnation { .. } => Err(StoreError::RowStale { space: Space::Counter, key: "incarnation".into() }),
        }
    }

    fn check_guard(&self, request: &ApprovalRequest, guard: &Guard, moment: Moment) -> Result<(), StoreError> {
        let id = request.id();
        match self.by_id.get(&id).filter(|stored| stored.namespace() == request.namespace()) {
            None => Err(StoreError::NotFound { id }),
            Some(stored) if guard.holds(stored.version(), moment) => Ok(()),
            Some(_) => Err(StoreError::Stale { id, version: guard.version }),
        }
    }

    /// Makes room in a namespace that is full: ends requests whose deadline is long past, since whoever should have written
    /// that is gone.
    pub(super) fn sweep(&mut self, write: &Write, moment: Moment, kept: usize, gone: &mut Vec<ApprovalRequest>) {
        let Write::Insert { request, max_pending, .. } = write else { return };
        let Some(index) = self.indexes.get(request.namespace()) else { return };
        if index.pending() < *max_pending {
            return;
        }
        let abandoned = index.due(moment.time - ABANDONED).filter_map(|id| self.get(id)).cloned().collect::<Vec<_>>();
        for request in abandoned {
            let change = request.due_event(moment).and_then(|event| apply(&request, &event, moment).ok());
            if let Some(change) = change {
                self.put(request.with(change.state), kept, gone);
            }
        }
    }

    /// Does a write that was checked.
    pub(super) fn apply(&mut self, write: &Write, kept: usize, gone: &mut Vec<ApprovalRequest>) {
        match write {
            Write::Insert { request, .. } | Write::Update { request, .. } => self.put(request.clone(), kept, gone),
            Write::Remove { request, .. } => {
                self.log.add(request.clone());
                self.log.keep(request.id());
                self.forget(request.id(), gone);
            }
            Write::Put { namespace, space, key, value, .. } => {
                let name = (namespace.clone(), *space, key.clone());
                let version = self.others.get(&name).map_or(1, |row| row.version + 1);
                match value {
                    Some(value) => drop(self.others.insert(name, Row { key: key.clone(), value: value.clone(), version })),
                    None => drop(self.others.remove(&name)),
                }
            }
            Write::NewIncarnation { .. } => {
                self.incarnation += 1;
                self.indexes.clear();
                for request in self.by_id.values() {
                    let index = self.indexes.entry(Arc::clone(&request.ask().namespace)).or_default();
                    index.enter(Place::of(request, self.incarnation));
                }
            }
        }
    }

    /// Moves to `gone` what is no longer kept, to be freed when the lock is.
    fn put(&mut self, request: ApprovalRequest, kept: usize, gone: &mut Vec<ApprovalRequest>) {
        let (id, place, ended) = (request.id(), Place::of(&request, self.incarnation), may_be_forgotten(&request));
        let index = self.indexes.entry(Arc::clone(&request.ask().namespace)).or_default();
        self.log.add(request.clone());
        let before = self.by_id.insert(id, request);
        let left = before.as_ref().map(|before| Place::of(before, self.incarnation));
        if left != Some(place) {
            left.into_iter().for_each(|left| index.leave(left));
            index.enter(place);
        }
        if ended && !before.as_ref().is_some_and(may_be_forgotten) {
            self.ended.push_back(id);
        }
        gone.extend(before);
        let forgets = self.ended.len() > kept;
        while self.ended.len() > kept {
            let Some(oldest) = self.ended.pop_front() else { break };
            self.forget(oldest, gone);
        }
        if forgets {
            self.log.compact(|id| self.by_id.contains_key(&id), gone);
        }
    }

    fn forget(&mut self, id: RequestId, gone: &mut Vec<ApprovalRequest>) {
        let Some(request) = self.by_id.remove(&id) else { return };
        if let Some(index) = self.indexes.get_mut(request.namespace()) {
            index.leave(Place::of(&request, self.incarnation));
        }
        gone.push(request);
    }

    /// Returns how many requests the indexes have, and how many deadlines.
    #[cfg(test)]
    pub(super) fn indexed(&self) -> (usize, usize) {
        self.indexes.values().map(Index::len).fold((0, 0), |sum, index| (sum.0 + index.0, sum.1 + index.1))
    }

    /// Returns the requests that a query names, in its order.
    pub(super) fn find(&self, query: &Query) -> Vec<ApprovalRequest> {
        let Some(index) = self.indexes.get(query.namespace.as_str()) else { return Vec::new() };
        let limit = query.limit.unwrap_or(usize::MAX);
        let is_behind = |request: &&ApprovalRequest| match (query.order, query.after) {
            (_, None) => true,
            (Order::OldestFirst, Some(after)) => Cursor::of(request) > after,
            (Order::NewestFirst, Some(after)) => Cursor::of(request) < after,
        };
        let due = || index.due(query.at.time).filter_map(|id| self.get(id)).filter(is_behind);
        let mut found: Vec<&ApprovalRequest> = match &query.which {
            Which::Standing(statuses) => {
                let asked = |status| statuses.is_empty() || statuses.contains(&status);
                let mut found = Vec::new();
                for status in ApprovalStatus::ALL.into_iter().filter(|status| asked(*status)) {
                    let here = index.walk(status, query.order, query.after).filter_map(|id| self.get(id));
                    found.extend(here.filter(|request| asked(request.status_at(query.at))).take(limit));
                }
                // Among the pending they are not looked for one by one: many may wait, and few of them are late.
                found.extend(due().filter(|due| !asked(due.status()) && asked(due.status_at(query.at))));
                found
            }
            // All of them: they stand in the order of their deadlines, and the page is the first by creation.
            Which::Due => due().collect(),
            Which::Unused => {
                let approved = index.walk(ApprovalStatus::Approved, query.order, query.after).filter_map(|id| self.get(id));
                approved.filter(|request| query.which.is(request, query.at)).take(limit).collect()
            }
            Which::HeldBy(gate) => {
                let held =
                    |request: &&ApprovalRequest| request.namespace() == query.namespace && request.held_by() == Some(*gate);
                self.by_id.values().filter(held).filter(is_behind).collect()
            }
            Which::Indeterminate => {
                index.indeterminate(query.order, query.after).filter_map(|id| self.get(id)).take(limit).collect()
            }
        };
        match query.order {
            Order::OldestFirst => found.sort_by_key(|request| Cursor::of(request)),
            Order::NewestFirst => found.sort_by_key(|request| Reverse(Cursor::of(request))),
        }
        found.into_iter().take(limit).cloned().collect()
    }

    /// Returns the rows that a query names.
    pub(super) fn rows(&self, query: &RowQuery) -> Vec<Row> {
        let RowQuery { namespace, space, prefix, after, limit } = query;
        let first = after.as_ref().max(Some(prefix)).unwrap_or(prefix);
        let rows = self.others.range((namespace.clone(), *space, first.clone())..);
        let here = rows.take_while(|((of, kind, key), _)| of == namespace && kind == space && key.starts_with(&**prefix));
        let behind = here.map(|(_, row)| row).filter(|row| after.as_ref().is_none_or(|after| row.key > *after));
        behind.take(limit.unwrap_or(usize::MAX)).cloned().collect()
    }
}

/// Says whether a request may make room for others: nothing more can happen to it but that somebody says how it ended.
fn may_be_forgotten(request: &ApprovalRequest) -> bool {
    request.has_ended() || request.is_indeterminate()
}
