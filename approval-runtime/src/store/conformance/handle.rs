//! [`Handle`]: a store as the tests use it. What fails, or takes too long, fails the test.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::sample::{Sample, update};
use crate::arguments::Digest;
use crate::request::{ApprovalRequest, Event, Moment, RequestId, Stored};
use crate::store::{
    ApprovalStore, AuditQuery, Changed, Changes, Expect, Logged, Query, Row, RowQuery, Space, StoreError, Which, Write,
};

/// How long anything may take before it counts as hanging.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a call has to wait to count as waiting.
const A_WHILE: Duration = Duration::from_millis(50);

#[derive(Clone)]
pub(super) struct Handle(Arc<dyn ApprovalStore>);

async fn within<T>(what: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| panic!("{what}: it hangs"))
}

impl Handle {
    pub(super) const fn new(store: Arc<dyn ApprovalStore>) -> Self {
        Self(store)
    }

    pub(super) fn store(&self) -> &dyn ApprovalStore {
        &*self.0
    }

    pub(super) async fn now(&self) -> Moment {
        within("now", self.0.now()).await.expect("the clock can be read")
    }

    /// Waits until the clock is there, and returns what it says then.
    pub(super) async fn now_from(&self, time: DateTime<Utc>) -> Moment {
        let passes = async {
            loop {
                let now = self.now().await;
                if now.time >= time {
                    return now;
                }
                tokio::time::sleep(Duration::from_micros(50)).await;
            }
        };
        within("the clock", passes).await
    }

    pub(super) async fn commit(&self, writes: &[Write]) -> Result<(), StoreError> {
        within("commit", self.0.commit(writes)).await
    }

    /// Commits what has to be taken.
    pub(super) async fn write(&self, writes: &[Write]) {
        let what = || writes.iter().map(name).collect::<Vec<_>>().join(", ");
        self.commit(writes).await.unwrap_or_else(|error| panic!("a commit is refused ({}): {error}", what()));
    }

    /// Commits what has to be refused, and must change nothing.
    pub(super) async fn is_refused(&self, namespaces: &[&str], writes: &[Write]) -> StoreError {
        let before = self.snapshot(namespaces).await;
        let error = self.commit(writes).await.expect_err("a commit is taken that has to be refused");
        assert_eq!(self.snapshot(namespaces).await, before, "a refused commit changed something: {error}");
        error
    }

    /// Inserts a request, and returns it as it was kept.
    pub(super) async fn make(&self, sample: &Sample) -> ApprovalRequest {
        let now = self.now().await;
        self.make_at(sample, now).await
    }

    pub(super) async fn make_at(&self, sample: &Sample, at: Moment) -> ApprovalRequest {
        let (made, _) = sample.made(at);
        self.write(&[sample.insert(at)]).await;
        self.kept(&made).await
    }

    /// Writes an event, and returns the request as it was kept.
    pub(super) async fn does(&self, request: &ApprovalRequest, event: &Event) -> ApprovalRequest {
        let now = self.now().await;
        self.does_at(request, event, now).await
    }

    pub(super) async fn does_at(&self, request: &ApprovalRequest, event: &Event, at: Moment) -> ApprovalRequest {
        self.writes(update(request, event, at)).await
    }

    /// Writes an update, and returns the request as it was kept.
    pub(super) async fn writes(&self, write: Write) -> ApprovalRequest {
        let write = [write];
        self.write(&write).await;
        self.kept(write[0].request().expect("it writes to a request")).await
    }

    /// Returns a request as it is kept, which has to be as it was written.
    pub(super) async fn kept(&self, written: &ApprovalRequest) -> ApprovalRequest {
        let kept = self.get(written.namespace(), written.id()).await.expect("what was written is there");
        assert_same(&kept, written);
        kept
    }

    pub(super) async fn get(&self, namespace: &str, id: RequestId) -> Option<ApprovalRequest> {
        within("get", self.0.get(namespace, id)).await.expect("a request can be read")
    }

    pub(super) async fn find(&self, query: &Query) -> Vec<ApprovalRequest> {
        let found = within("query", self.0.query(query)).await.expect("requests can be read");
        assert_eq!(found.corrupt, [], "records that cannot be read");
        found.requests
    }

    pub(super) async fn ids(&self, query: &Query) -> Vec<RequestId> {
        self.find(query).await.iter().map(ApprovalRequest::id).collect()
    }

    /// Returns all that are kept in a namespace.
    pub(super) async fn all(&self, namespace: &str) -> Vec<ApprovalRequest> {
        self.find(&everything(namespace, self.now().await)).await
    }

    pub(super) async fn audit(&self, query: &AuditQuery) -> Vec<Logged> {
        within("audit", self.0.audit(query)).await.expect("histories can be read")
    }

    pub(super) async fn history(&self, namespace: &str, id: RequestId) -> Vec<Logged> {
        let query = AuditQuery { namespace: namespace.into(), request: Some(id), after: 0, limit: None };
        self.audit(&query).await
    }

    pub(super) async fn rows(&self, query: &RowQuery) -> Vec<Row> {
        within("rows", self.0.rows(query)).await.expect("rows can be read")
    }

    pub(super) async fn row(&self, namespace: &str, space: Space, key: &str) -> Option<Row> {
        let query = RowQuery { prefix: key.into(), ..RowQuery::all(namespace, space) };
        self.rows(&query).await.into_iter().find(|row| row.key == key)
    }

    pub(super) async fn put(&self, namespace: &str, space: Space, key: &str, value: &[u8]) {
        self.write(&[put(namespace, space, key, Some(value), Expect::Any)]).await;
    }

    /// Returns the place where the changes to come begin.
    pub(super) async fn place(&self, namespace: &str) -> u64 {
        let changes = within("changes from nowhere on", self.0.changes(namespace, None)).await.expect("changes can be read");
        assert_eq!(changes.changes, [], "changes before the first place");
        changes.next
    }

    pub(super) async fn changes(&self, namespace: &str, after: u64) -> Changes {
        let changes =
            within("changes", self.0.changes(namespace, Some(after))).await.unwrap_or_else(|error| panic!("changes: {error}"));
        assert!(changes.next > after, "the place does not move");
        changes
    }

    /// Asserts that nothing changed behind a place.
    pub(super) async fn assert_waits(&self, namespace: &str, after: u64) {
        let waits = tokio::time::timeout(A_WHILE, self.0.changes(namespace, Some(after))).await;
        assert!(waits.is_err(), "changes that nobody made: {waits:?}");
    }

    /// Returns the changes behind a place until there are so many, and the place behind them.
    pub(super) async fn told(&self, namespace: &str, mut after: u64, count: usize) -> (Vec<Changed>, u64) {
        let mut told = Vec::new();
        while told.len() < count {
            let changes = self.changes(namespace, after).await;
            assert!(!changes.changes.is_empty(), "changes without a change");
            told.extend(changes.changes);
            after = changes.next;
        }
        (told, after)
    }

    /// Returns all that some namespaces hold, as texts to compare.
    pub(super) async fn snapshot(&self, namespaces: &[&str]) -> Vec<String> {
        let mut seen = vec![format!("life {}", self.now().await.incarnation)];
        for namespace in namespaces {
            seen.extend(self.all(namespace).await.iter().map(text));
            let log = AuditQuery { namespace: (*namespace).into(), request: None, after: 0, limit: None };
            seen.extend(self.audit(&log).await.iter().map(|logged| format!("{} {}", logged.position, logged.row.text)));
            for space in Space::ALL {
                seen.extend(self.rows(&RowQuery::all(*namespace, space)).await.iter().map(|row| format!("{space} {row:?}")));
            }
        }
        seen
    }
}

fn name(write: &Write) -> &'static str {
    match write {
        Write::Insert { .. } => "an insert",
        Write::Update { .. } => "an update",
        Write::Remove { .. } => "a removal",
        Write::Put { .. } => "a row",
        Write::NewIncarnation { .. } => "a new life",
    }
}

pub(super) fn everything(namespace: &str, at: Moment) -> Query {
    Query { namespace: namespace.into(), at, ..Query::default() }
}

pub(super) fn those(namespace: &str, which: Which, at: Moment) -> Query {
    Query { which, ..everything(namespace, at) }
}

pub(super) fn put(namespace: &str, space: Space, key: &str, value: Option<&[u8]>, expect: Expect) -> Write {
    Write::Put { namespace: namespace.into(), space, key: key.into(), value: value.map(Into::into), expect }
}

/// All that there is to a request.
fn text(request: &ApprovalRequest) -> String {
    let parts = [Stored::ask(request), Stored::state(request)];
    parts.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat()
}

/// Asserts that two are the same, byte for byte.
#[track_caller]
pub(super) fn assert_same(kept: &ApprovalRequest, written: &ApprovalRequest) {
    assert!(text(kept) == text(written), "not as it was written:\n{kept:?}\n{written:?}");
    assert_eq!(
        kept.digest(),
        Digest::of(kept.effective_arguments().canonical().as_bytes()),
        "the digest is of other arguments"
    );
}

/// Asserts that these are all different.
#[track_caller]
pub(super) fn assert_distinct(ids: &[RequestId]) {
    let distinct: BTreeSet<_> = ids.iter().collect();
    assert_eq!(distinct.len(), ids.len(), "some are there twice");
}
