//! [`Log`]: every version of every request that is kept, in the order of their commits.

use std::collections::VecDeque;

use rustc_hash::FxHashSet;

use crate::request::{ApprovalRequest, RequestId};
use crate::store::{AuditQuery, Changed, Changes, Logged};

/// The fewest rows that are worth looking through for what is no longer kept.
const FEW: usize = 1_024;

#[derive(Debug)]
pub(super) struct Log {
    rows: VecDeque<(u64, ApprovalRequest)>,
    last: u64,
    /// Requests that were removed, whose histories stay.
    removed: FxHashSet<RequestId>,
    /// At this length it is looked through again.
    full: usize,
}

impl Default for Log {
    fn default() -> Self {
        Self { rows: VecDeque::new(), last: 0, removed: FxHashSet::default(), full: FEW }
    }
}

impl Log {
    pub(super) fn add(&mut self, request: ApprovalRequest) {
        self.last += 1;
        self.rows.push_back((self.last, request));
    }

    pub(super) fn keep(&mut self, id: RequestId) {
        self.removed.insert(id);
    }

    /// Drops the rows of requests that are no longer kept: at once those in front, as what was made first mostly ends first, and
    /// the others each time there may be as many of them as of those that stay.
    pub(super) fn compact(&mut self, is_kept: impl Fn(RequestId) -> bool, gone: &mut Vec<ApprovalRequest>) {
        while let Some((_, first)) = self.rows.front()
            && !is_kept(first.id())
            && !self.removed.contains(&first.id())
        {
            gone.extend(self.rows.pop_front().map(|(_, request)| request));
        }
        if self.rows.len() < self.full {
            return;
        }
        let removed = &self.removed;
        self.rows.retain(|(_, request)| {
            let stays = is_kept(request.id()) || removed.contains(&request.id());
            if !stays {
                gone.push(request.clone());
            }
            stays
        });
        self.full = FEW.max(self.rows.len() * 2);
    }

    fn behind(&self, after: u64) -> impl Iterator<Item = &(u64, ApprovalRequest)> {
        let first = self.rows.partition_point(|(position, _)| *position <= after);
        self.rows.range(first..)
    }

    pub(super) fn read(&self, query: &AuditQuery) -> Vec<Logged> {
        let asked = |(_, request): &&(u64, ApprovalRequest)| {
            request.namespace() == query.namespace && query.request.is_none_or(|id| id == request.id())
        };
        let rows = self.behind(query.after).filter(asked).take(query.limit.unwrap_or(usize::MAX));
        rows.filter_map(|(position, request)| Some(Logged { position: *position, row: request.audit_row()? })).collect()
    }

    /// Returns what changed in a namespace behind a place, if anything did.
    pub(super) fn changes(&self, namespace: &str, after: Option<u64>) -> Option<Changes> {
        let Some(after) = after else { return Some(Changes { changes: Vec::new(), next: self.last }) };
        let of = self.behind(after).filter(|(_, request)| request.namespace() == namespace);
        let changes: Vec<_> = of.map(|(_, request)| Changed { id: request.id(), what: request.last_transition() }).collect();
        (!changes.is_empty()).then_some(Changes { changes, next: self.last })
    }
}
