//! [`Index`]: requests in the orders in which they are read.

use std::collections::BTreeSet;
use std::ops::Bound;

use chrono::{DateTime, Utc};

use crate::request::{ApprovalRequest, ApprovalStatus, ExecutionState, RequestId};
use crate::store::{Cursor, Order};

type Key = (DateTime<Utc>, RequestId);

/// One namespace's requests in order, so that a page costs the same however many there are.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// By creation.
    by_status: [BTreeSet<Key>; ApprovalStatus::ALL.len()],
    /// When the clock alone will change where a request stands.
    pub(super) deadlines: BTreeSet<Key>,
}

/// Where the index has a request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    created_at: DateTime<Utc>,
    status: ApprovalStatus,
    deadline: Option<DateTime<Utc>>,
    pub(super) ended: bool,
}

impl Place {
    pub(super) fn of(request: &ApprovalRequest) -> Self {
        let (created_at, status) = (request.created_at(), request.status());
        Self { created_at, status, deadline: request.next_deadline(), ended: has_ended(request) }
    }
}

impl Index {
    pub(super) fn at(&self, status: ApprovalStatus) -> &BTreeSet<Key> {
        &self.by_status[status as usize]
    }

    /// Moves a request from one place to another; in and out are places too.
    pub(super) fn shift(&mut self, id: RequestId, from: Option<Place>, to: Option<Place>) {
        let status = |place: Option<Place>| place.map(|place| (place.status, place.created_at));
        if status(from) != status(to) {
            if let Some((status, created_at)) = status(from) {
                self.by_status[status as usize].remove(&(created_at, id));
            }
            if let Some((status, created_at)) = status(to) {
                self.by_status[status as usize].insert((created_at, id));
            }
        }
        let deadline = |place: Option<Place>| place.and_then(|place| place.deadline);
        if deadline(from) != deadline(to) {
            if let Some(deadline) = deadline(from) {
                self.deadlines.remove(&(deadline, id));
            }
            if let Some(deadline) = deadline(to) {
                self.deadlines.insert((deadline, id));
            }
        }
    }

    /// Returns the requests that stand here, from a place on.
    pub(super) fn walk(
        &self,
        status: ApprovalStatus,
        order: Order,
        after: Option<Cursor>,
    ) -> Box<dyn Iterator<Item = RequestId> + '_> {
        let behind = after.map_or(Bound::Unbounded, |after| Bound::Excluded((after.created_at(), after.id())));
        let ids = |(_, id): &Key| *id;
        match order {
            Order::OldestFirst => Box::new(self.at(status).range((behind, Bound::Unbounded)).map(ids)),
            Order::NewestFirst => Box::new(self.at(status).range((Bound::Unbounded, behind)).rev().map(ids)),
        }
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
