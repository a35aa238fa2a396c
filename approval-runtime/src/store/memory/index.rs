//! [`Index`]: requests in the orders in which they are read.

use std::collections::BTreeSet;
use std::ops::Bound;

use chrono::{DateTime, Utc};

use crate::request::{ApprovalRequest, ApprovalStatus, RequestId};
use crate::store::{Cursor, Order};

/// Microseconds since 1970, and whose.
type Key = (i64, RequestId);

/// One namespace's requests in order, so that a page costs the same however many wait.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// By creation.
    by_status: [BTreeSet<Key>; ApprovalStatus::ALL.len()],
    /// When the time of those that are pending is over.
    deadlines: BTreeSet<Key>,
}

/// Where the index has a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    id: RequestId,
    status: ApprovalStatus,
    created_at: DateTime<Utc>,
    deadline: Option<DateTime<Utc>>,
}

impl Place {
    pub(super) fn of(request: &ApprovalRequest) -> Self {
        let (status, created_at) = (request.status(), request.created_at());
        let deadline = (status == ApprovalStatus::Pending).then(|| request.expires_at());
        Self { id: request.id(), status, created_at, deadline }
    }

    fn key(&self, time: DateTime<Utc>) -> Key {
        (time.timestamp_micros(), self.id)
    }
}

impl Index {
    pub(super) fn enter(&mut self, place: Place) {
        self.by_status[place.status as usize].insert(place.key(place.created_at));
        self.deadlines.extend(place.deadline.map(|deadline| place.key(deadline)));
    }

    pub(super) fn leave(&mut self, place: Place) {
        self.by_status[place.status as usize].remove(&place.key(place.created_at));
        if let Some(deadline) = place.deadline {
            self.deadlines.remove(&place.key(deadline));
        }
    }

    pub(super) fn pending(&self) -> usize {
        self.by_status[ApprovalStatus::Pending as usize].len()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> (usize, usize) {
        (self.by_status.iter().map(BTreeSet::len).sum(), self.deadlines.len())
    }

    /// Returns the pending requests whose deadline has passed: nobody has written that yet.
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
        let keys = &self.by_status[status as usize];
        let after =
            after.map_or(Bound::Unbounded, |after| Bound::Excluded((after.created_at().timestamp_micros(), after.id())));
        match order {
            Order::OldestFirst => Box::new(keys.range((after, Bound::Unbounded)).map(|(_, id)| *id)),
            Order::NewestFirst => Box::new(keys.range((Bound::Unbounded, after)).rev().map(|(_, id)| *id)),
        }
    }
}
