//! [`Snapshot`]: a store in the hands of an intruder, who may change any of its rows.

use std::sync::{Mutex, MutexGuard};

use approval_runtime::request::{ApprovalRequest, Moment, RequestId};
use approval_runtime::store::{
    AuditQuery, Changes, Cursor, Found, Logged, Query, Row, RowQuery, Space, StoreError, Which, Write,
};
use approval_runtime::{ApprovalGate, ApprovalStore, BoxFuture};

#[derive(Clone, Debug, Default)]
pub(super) struct Tables {
    pub(super) rows: Vec<Logged>,
    pub(super) records: Vec<ApprovalRequest>,
    pub(super) checkpoints: Vec<Row>,
}

/// What a store held, and no rule.
#[derive(Debug, Default)]
pub(super) struct Snapshot(Mutex<Tables>);

impl Snapshot {
    /// Takes what a gate's store holds. Positions are tens, so that rows can be put between.
    pub(super) async fn of(gate: &ApprovalGate, store: &dyn ApprovalStore) -> Tables {
        let namespace = gate.audit().namespace().to_owned();
        let all = AuditQuery { namespace: namespace.clone(), request: None, after: 0, limit: None };
        let mut rows = store.audit(&all).await.expect("memory does not fail");
        rows.iter_mut().enumerate().for_each(|(nth, logged)| logged.position = 10 * (nth as u64 + 1));
        let query = Query { namespace, which: Which::default(), ..Query::default() };
        let records = store.query(&query).await.expect("memory does not fail").requests;
        Tables { rows, records, checkpoints: Vec::new() }
    }

    pub(super) fn new(tables: Tables) -> Self {
        Self(Mutex::new(tables))
    }

    pub(super) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().expect("no test panics with it")
    }
}

impl ApprovalStore for Snapshot {
    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let [Write::Put { space: Space::Checkpoint, key, value: Some(value), expect, .. }] = writes else {
                panic!("nothing else is written: {writes:?}")
            };
            let mut tables = self.tables();
            let there = tables.checkpoints.iter().find(|row| row.key == *key).map(|row| row.version);
            if !expect.is_met_by(there) {
                return Err(StoreError::RowStale { space: Space::Checkpoint, key: key.as_str().into() });
            }
            tables.checkpoints.push(Row { key: key.clone(), value: value.clone(), version: 1 });
            tables.checkpoints.sort_by(|a, b| a.key.cmp(&b.key));
            Ok(())
        })
    }

    fn get<'a>(&'a self, _: &'a str, id: RequestId) -> BoxFuture<'a, Result<Option<ApprovalRequest>, StoreError>> {
        Box::pin(async move { Ok(self.tables().records.iter().find(|record| record.id() == id).cloned()) })
    }

    fn query<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Found, StoreError>> {
        Box::pin(async move {
            let mut requests = self.tables().records.clone();
            requests.sort_by_key(Cursor::of);
            requests.retain(|record| query.after.is_none_or(|after| Cursor::of(record) > after));
            requests.truncate(query.limit.unwrap_or(usize::MAX));
            Ok(Found { requests, corrupt: Vec::new() })
        })
    }

    fn rows<'a>(&'a self, query: &'a RowQuery) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        Box::pin(async move {
            let tables = self.tables();
            let behind = |row: &&Row| query.after.as_ref().is_none_or(|after| row.key > *after);
            Ok(tables.checkpoints.iter().filter(behind).take(query.limit.unwrap_or(usize::MAX)).cloned().collect())
        })
    }

    fn audit<'a>(&'a self, query: &'a AuditQuery) -> BoxFuture<'a, Result<Vec<Logged>, StoreError>> {
        Box::pin(async move {
            let tables = self.tables();
            let asked =
                |logged: &&Logged| logged.position > query.after && query.request.is_none_or(|id| id == logged.row.request);
            Ok(tables.rows.iter().filter(asked).take(query.limit.unwrap_or(usize::MAX)).cloned().collect())
        })
    }

    fn changes<'a>(&'a self, _: &'a str, _: Option<u64>) -> BoxFuture<'a, Result<Changes, StoreError>> {
        Box::pin(std::future::pending())
    }

    fn now(&self) -> BoxFuture<'_, Result<Moment, StoreError>> {
        Box::pin(async { Ok(Moment::default()) })
    }

    fn is_shared(&self) -> bool {
        false
    }
}
