//! [`Index`]: requests in the orders in which they are read.

use std::collections::BTreeSet;
use std::ops::Bound;

use chrono::{DateTime, Utc};
use rustc_hash::FxHashMap;

use crate::arguments::Digest;
use crate::request::{ApprovalRequest, ApprovalStatus, RequestId};
use crate::store::{Cursor, Order};

/// Microseconds since 1970, and whose.
type Key = (i64, RequestId);

/// One namespace's requests in order, so that a page costs the same however many wait.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// By creation.
    by_status: [BTreeSet<Key>; ApprovalStatus::ALL.len()],
    /// When those that are pending, or approved and unused, end by themselves.
    deadlines: BTreeSet<Key>,
    /// By creation, those whose outcome nobody knows.
    indeterminate: BTreeSet<Key>,
    /// Those that a later call may be the same as.
    keys: FxHashMap<Digest, RequestId>,
}

/// Where the index has a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    id: RequestId,
    status: ApprovalStatus,
    created_at: DateTime<Utc>,
    deadline: Option<DateTime<Utc>>,
    indeterminate: bool,
    key: Option<Digest>,
}

impl Place {
    /// Returns where a request stands while the store is in this incarnation: what is of another one has ended.
    pub(super) fn of(request: &ApprovalRequest, incarnation: u64) -> Self {
        let deadline = request.next_deadline();
        Self {
            id: request.id(),
            status: request.status(),
            created_at: request.created_at(),
            deadline: if request.incarnation() == incarnation { deadline } else { deadline.and(Some(DateTime::UNIX_EPOCH)) },
            indeterminate: request.is_indeterminate(),
            key: request.idempotency_key(),
        }
    }

    fn key(&self, time: DateTime<Utc>) -> Key {
        (time.timestamp_micros(), self.id)
    }
}

impl Index {
    pub(super) fn enter(&mut self, place: Place) {
        let made = place.key(place.created_at);
        self.by_status[place.status as usize].insert(made);
        self.deadlines.extend(place.deadline.map(|deadline| place.key(deadline)));
        self.indeterminate.extend(place.indeterminate.then_some(made));
        self.keys.extend(place.key.map(|key| (key, place.id)));
    }

    pub(super) fn leave(&mut self, place: Place) {
        let made = place.key(place.created_at);
        self.by_status[place.status as usize].remove(&made);
        if let Some(deadline) = place.deadline {
            self.deadlines.remove(&place.key(deadline));
        }
        if place.indeterminate {
            self.indeterminate.remove(&made);
        }
        if let Some(key) = place.key {
            self.keys.remove(&key);
        }
    }

    pub(super) fn same_call(&self, key: Option<Digest>) -> Option<RequestId> {
        self.keys.get(&key?).copied()
    }

    pub(super) fn pending(&self) -> usize {
        self.by_status[ApprovalStatus::Pending as usize].len()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.by_status.iter().map(BTreeSet::len).sum(), self.deadlines.len())
    }

    /// Returns the requests that have ended by themselves, the first one first: nobody has written that yet.
    pub(super) fn due(&self, now: DateTime<Utc>) -> impl Iterator<Item = RequestId> {
        let now = now.timestamp_micros();
        self.deadlines.iter().take_while(move |(deadline, _)| *deadline <= now).map(|(_, id)| *id)
    }

    /// Returns the requests of a status, from a place on.
    pub(super) fn walk(
        &self,
        status: ApprovalStatus,
        order: Order,
        after: Option<Cursor>,
    ) -> Box<dyn Iterator<Item = RequestId> + '_> {
        walk(&self.by_status[status as usize], order, after)
    }

    /// Returns those whose outcome nobody knows, from a place on.
    pub(super) fn indeterminate(&self, order: Order, after: Option<Cursor>) -> Box<dyn Iterator<Item = RequestId> + '_> {
        walk(&self.indeterminate, order, after)
    }
}

fn walk(keys: &BTreeSet<Key>, order: Order, after: Option<Cursor>) -> Box<dyn Iterator<Item = RequestId> + '_> {
    let after = after.map_or(Bound::Unbounded, |after| Bound::Excluded((after.created_at().timestamp_micros(), after.id())));
    match order {
        Order::OldestFirst => Box::new(keys.range((after, Bound::Unbounded)).map(|(_, id)| *id)),
        Order::NewestFirst => Box::new(keys.range((Bound::Unbounded, after)).rev().map(|(_, id)| *id)),
    }
}
