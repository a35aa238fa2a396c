//! [`Rows`]: the table, and what must hold for a write to it.

use std::cmp::Reverse;
use std::collections::VecDeque;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rustc_hash::FxHashMap;

use super::index::{Index, Place};
use crate::request::{ApprovalRequest, ApprovalStatus, ExecutionState, RequestId};
use crate::store::{Cursor, Order, Query, StoreError, Write};

/// How long after its deadline a request counts as abandoned: its caller writes the time-out within moments.
const ABANDONED: TimeDelta = TimeDelta::seconds(60);

#[derive(Debug, Default)]
pub(super) struct Rows {
    by_id: FxHashMap<RequestId, ApprovalRequest>,
    /// By namespace.
    indexes: FxHashMap<Arc<str>, Index>,
    /// Nothing more can happen to these: the oldest first.
    ended: VecDeque<RequestId>,
}

impl Rows {
    pub(super) fn get(&self, id: RequestId) -> Option<&ApprovalRequest> {
        self.by_id.get(&id)
    }

    /// Says whether a write may happen.
    pub(super) fn check(&self, write: &Write, now: DateTime<Utc>) -> Result<(), StoreError> {
        match write {
            Write::Insert { request, max_pending } => {
                let id = request.id();
                if self.by_id.contains_key(&id) {
                    return Err(StoreError::AlreadyExists { id });
                }
                if request.status() == ApprovalStatus::Pending && self.is_full(request.namespace(), *max_pending) {
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

    fn is_full(&self, namespace: &str, max_pending: usize) -> bool {
        self.indexes.get(namespace).map_or(0, Index::pending) >= max_pending
    }

    /// Makes room in a namespace that is full: ends requests whose deadline is long past, since whoever should have written
    /// that is gone.
    pub(super) fn sweep(&mut self, write: &Write, now: DateTime<Utc>, kept: usize, gone: &mut Vec<ApprovalRequest>) {
        let Write::Insert { request, max_pending } = write else { return };
        let Some(index) = self.indexes.get(request.namespace()) else { return };
        if index.pending() < *max_pending {
            return;
        }
        let abandoned = index.due(now - ABANDONED).filter_map(|id| self.get(id)).cloned().collect::<Vec<_>>();
        abandoned.into_iter().for_each(|request| self.put(request.at(now), kept, gone));
    }

    /// Does a write that was checked.
    pub(super) fn apply(&mut self, write: &Write, kept: usize, gone: &mut Vec<ApprovalRequest>) {
        match write {
            Write::Insert { request, .. } => self.put(request.clone(), kept, gone),
            Write::Update { id, state, .. } => {
                if let Some(request) = self.by_id.get(id) {
                    self.put(request.with(state.clone()), kept, gone);
                }
            }
        }
    }

    /// Moves to `gone` what is no longer kept, to be freed when the lock is.
    fn put(&mut self, request: ApprovalRequest, kept: usize, gone: &mut Vec<ApprovalRequest>) {
        let (id, place, ended) = (request.id(), Place::of(&request), has_ended(&request));
        let index = self.indexes.entry(Arc::clone(&request.ask().namespace)).or_default();
        let before = self.by_id.insert(id, request);
        let left = before.as_ref().map(Place::of);
        if left != Some(place) {
            left.into_iter().for_each(|left| index.leave(left));
            index.enter(place);
        }
        if ended && !before.as_ref().is_some_and(has_ended) {
            self.ended.push_back(id);
        }
        gone.extend(before);
        while self.ended.len() > kept {
            let oldest = self.ended.pop_front();
            let Some(request) = oldest.and_then(|oldest| self.by_id.remove(&oldest)) else { continue };
            if let Some(index) = self.indexes.get_mut(request.namespace()) {
                index.leave(Place::of(&request));
            }
            gone.push(request);
        }
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
        let asked = |status| query.statuses.is_empty() || query.statuses.contains(&status);
        let is_behind = |request: &ApprovalRequest| match (query.order, query.after) {
            (_, None) => true,
            (Order::OldestFirst, Some(after)) => Cursor::of(request) > after,
            (Order::NewestFirst, Some(after)) => Cursor::of(request) < after,
        };
        // Those that ended unused stand among the approved until somebody writes it.
        let may_be_at = |status| asked(status) || (status == ApprovalStatus::Approved && asked(ApprovalStatus::Expired));
        let mut found: Vec<&ApprovalRequest> = Vec::new();
        for status in ApprovalStatus::ALL.into_iter().filter(|status| may_be_at(*status)) {
            let here = index.walk(status, query.order, query.after).filter_map(|id| self.get(id));
            found.extend(here.filter(|request| asked(request.status_at(query.at))).take(limit));
        }
        // Among the pending they are not looked for one by one: many may wait, and few of them are late.
        if asked(ApprovalStatus::TimedOut) && !asked(ApprovalStatus::Pending) {
            found.extend(index.due(query.at).filter_map(|id| self.get(id)).filter(|due| is_behind(due)));
        }
        match query.order {
            Order::OldestFirst => found.sort_by_key(|request| Cursor::of(request)),
            Order::NewestFirst => found.sort_by_key(|request| Reverse(Cursor::of(request))),
        }
        found.into_iter().take(limit).cloned().collect()
    }
}

/// Says whether nothing more can happen to a request.
fn has_ended(request: &ApprovalRequest) -> bool {
    match request.status() {
        ApprovalStatus::Pending => false,
        ApprovalStatus::Approved | ApprovalStatus::AutoApproved => {
            !matches!(request.execution().state, ExecutionState::NotStarted | ExecutionState::Executing)
        }
        _ => true,
    }
}
