//! [`Faulty`]: a store with one planted fault.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use approval_runtime::request::{
    ApprovalRequest, ApprovalStatus, ExecutionState, Guard, Moment, RequestId, Stored, Transition,
};
use approval_runtime::store::conformance::{Opening, Sample};
use approval_runtime::store::{
    AuditQuery, Changes, Expect, Found, Logged, Order, Query, Row, RowQuery, Space, StoreError, Which, Write,
};
use approval_runtime::{ApprovalStore, Arguments, BoxFuture, Digest, MemoryStore, Tool};
use chrono::TimeDelta;
use serde_json::Value;

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    Nothing,
    // Commits.
    WritesOneByOne,
    StopsHalfWay,
    ChecksThenWrites,
    TakesTwiceInOne,
    IgnoresVersions,
    IgnoresDeadlines,
    ChecksDeadlinesEarly,
    IgnoresBeginnings,
    IgnoresLives,
    IgnoresFreezes,
    IgnoresLimit,
    CountsCommitsOnce,
    CountsEverybody,
    TakesKnownIds,
    TakesSameCalls,
    LosesUnknownOnes,
    LosesLastWrite,
    ComparesCallsOfAll,
    InsertsBehindVersions,
    // Texts.
    RoundsNumbers,
    CutsLongArguments,
    LosesOddReasons,
    ForgetsTools,
    CutsNamespaces,
    LosesResults,
    // Queries.
    SkipsOnPages,
    RepeatsOnPages,
    KnowsOneOrder,
    IgnoresPageSize,
    ReadsWrittenStatus,
    MissesDue,
    UsesOldApprovals,
    ForgetsWaiters,
    MissesIndeterminate,
    // Histories.
    LosesRow,
    LosesRefused,
    RewritesRows,
    DropsHistories,
    CountsPlacesByRequest,
    SkipsInHistories,
    // The feed.
    DropsChange,
    ReordersChanges,
    ForgetsEarlierChanges,
    NeverWakes,
    TellsOthers,
    // Rows.
    IgnoresRowVersions,
    ForgetsRowVersions,
    ReadsValuesAsText,
    FoldsKeys,
    SkipsRows,
    MixesKinds,
    // Namespaces.
    GluesKeys,
    ReadsAnyNamespace,
    // Clocks and lives.
    GoesBack,
    RunsAhead,
    SeesOldLife,
    ForgetsClock,
    KeepsNothing,
}

type Keeps<'a> = Box<dyn Fn(&ApprovalRequest) -> bool + Send + 'a>;

/// What the handles on one place share.
#[derive(Debug, Default)]
struct Place {
    store: MemoryStore,
    namespaces: Mutex<BTreeSet<String>>,
    removed: Mutex<BTreeSet<RequestId>>,
    handles: AtomicU64,
}

#[derive(Debug)]
struct Faulty {
    place: Arc<Place>,
    fault: Fault,
    handle: u64,
    reads: AtomicI64,
    life: Mutex<Option<u64>>,
}

/// Opens stores with this fault.
pub(super) fn place(fault: Fault) -> Opening {
    let place = Arc::new(Place::default());
    Opening::new(move || {
        let place = if fault == Fault::KeepsNothing { Arc::default() } else { Arc::clone(&place) };
        let handle = place.handles.fetch_add(1, SeqCst);
        std::future::ready(Faulty { place, fault, handle, reads: AtomicI64::new(0), life: Mutex::default() })
    })
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no test panics while it holds it")
}

impl Faulty {
    fn is(&self, fault: Fault) -> bool {
        self.fault == fault
    }

    /// Every namespace that was written to.
    fn namespaces(&self) -> Vec<String> {
        locked(&self.place.namespaces).iter().cloned().collect()
    }

    async fn committed(&self, writes: &[Write]) -> Result<(), StoreError> {
        let store = &self.place.store;
        let mut changed = Vec::new();
        for write in writes {
            changed.push(self.changed(write.clone()).await);
        }
        match self.fault {
            Fault::WritesOneByOne => {
                Write::check_distinct(writes)?;
                for write in writes {
                    store.commit(std::slice::from_ref(write)).await?;
                }
                Ok(())
            }
            Fault::StopsHalfWay if writes.len() == 3 => {
                store.commit(&writes[..1]).await?;
                tokio::task::yield_now().await;
                store.commit(&writes[1..]).await
            }
            Fault::LosesLastWrite if writes.len() > 4 => store.commit(&changed[..writes.len() - 1]).await,
            Fault::ComparesCallsOfAll => match self.same_call(writes).await {
                Some(id) => Err(StoreError::AlreadyExists { id }),
                None => store.commit(&changed).await,
            },
            Fault::TakesTwiceInOne if Write::check_distinct(writes).is_err() => store.commit(&writes[1..]).await,
            Fault::CountsCommitsOnce if matches!(writes, [Write::Insert { .. }, _, ..]) => {
                store.commit(&writes[..1]).await?;
                let rest = changed[1..].iter().cloned().map(without_limit).collect::<Vec<_>>();
                store.commit(&rest).await
            }
            _ => match store.commit(&changed).await {
                Err(StoreError::AlreadyExists { id }) if self.takes_again(writes, id) => Ok(()),
                Err(StoreError::NotFound { .. }) if self.is(Fault::LosesUnknownOnes) => Ok(()),
                result => result,
            },
        }
    }

    fn takes_again(&self, writes: &[Write], there: RequestId) -> bool {
        let known = writes.iter().filter_map(Write::request).any(|request| request.id() == there);
        writes.len() == 1 && if known { self.is(Fault::TakesKnownIds) } else { self.is(Fault::TakesSameCalls) }
    }

    /// Returns a write as this store understands it.
    async fn changed(&self, write: Write) -> Write {
        if let Some(request) = write.request() {
            locked(&self.place.namespaces).insert(request.namespace().into());
        }
        let now = self.place.store.now().await.expect("memory does not fail");
        match (self.fault, write) {
            (Fault::IgnoresVersions, write) => self.at_current_version(write).await,
            (Fault::ChecksThenWrites, write) => {
                let expected = guard(&write).map(|guard| guard.version);
                let current = self.at_current_version(write.clone()).await;
                tokio::task::yield_now().await;
                match guard(&current) {
                    Some(guard) if Some(guard.version) == expected => self.at_current_version(current).await,
                    _ => write,
                }
            }
            (Fault::IgnoresDeadlines, write) => with_guard(write, |guard| guard.not_after = None),
            (Fault::ChecksDeadlinesEarly, write)
                if guard(&write).and_then(|guard| guard.not_after).is_some_and(|end| now.time < end) =>
            {
                tokio::time::sleep(Duration::from_millis(3)).await;
                with_guard(write, |guard| guard.not_after = None)
            }
            (Fault::IgnoresBeginnings, write) => with_guard(write, |guard| guard.not_before = None),
            (Fault::IgnoresLives, write) => with_guard(write, |guard| guard.incarnation = now.incarnation),
            (Fault::IgnoresFreezes, write) => with_guard(write, |guard| guard.freeze_epoch = now.freeze_epoch),
            (Fault::IgnoresLimit, write) => without_limit(write),
            (Fault::CountsEverybody, Write::Insert { request, guard, max_pending }) => {
                let mut others = 0;
                for namespace in self.namespaces() {
                    let pending = Which::Standing(vec![ApprovalStatus::Pending]);
                    let query = Query { namespace, which: pending, at: now, ..Query::default() };
                    let found = self.place.store.query(&query).await.expect("memory does not fail").requests;
                    others += found.iter().filter(|other| other.namespace() != request.namespace()).count();
                }
                Write::Insert { request, guard, max_pending: max_pending.saturating_sub(others) }
            }
            (Fault::InsertsBehindVersions, Write::Insert { request, mut guard, max_pending }) => {
                guard.version = 0;
                Write::Insert { request, guard, max_pending }
            }
            (_, Write::Insert { request, guard, max_pending }) => {
                Write::Insert { request: self.spoiled(request), guard, max_pending }
            }
            (_, Write::Remove { request, guard }) => {
                locked(&self.place.removed).insert(request.id());
                Write::Remove { request, guard }
            }
            (fault, Write::Put { mut namespace, mut space, mut key, mut value, mut expect }) => {
                match fault {
                    Fault::IgnoresRowVersions => expect = Expect::Any,
                    Fault::ReadsValuesAsText => {
                        value = value.map(|value| String::from_utf8_lossy(&value).into_owned().into_bytes());
                    }
                    Fault::FoldsKeys => key = key.to_lowercase(),
                    Fault::MixesKinds => space = Space::Tool,
                    Fault::GluesKeys => (namespace, key) = (String::new(), format!("{namespace}:{key}")),
                    _ => {}
                }
                Write::Put { namespace, space, key, value, expect }
            }
            (_, write) => write,
        }
    }

    /// Returns a new request as this store keeps it.
    fn spoiled(&self, request: ApprovalRequest) -> ApprovalRequest {
        let canonical = request.arguments().canonical();
        let sample = Sample::of(request.namespace()).with_id(request.id()).tool(request.tool().clone());
        let sample = sample.arguments(request.arguments().clone());
        let sample = match self.fault {
            Fault::RoundsNumbers if canonical.contains("18446744073709551615") => {
                let rounded = canonical.replace("18446744073709551615", "1.8446744073709552e+19");
                sample.arguments(Arguments::from_canonical(rounded).expect("it is canonical"))
            }
            Fault::CutsLongArguments if canonical.len() > 64 * 1024 => {
                sample.arguments(Arguments::from_canonical("{}").expect("it is canonical"))
            }
            Fault::LosesOddReasons if request.reason().is_some_and(|reason| reason.contains('\0')) => sample,
            Fault::ForgetsTools if request.tool_name() == "delete_record" => sample.tool(Tool::named("delete_record")),
            Fault::CutsNamespaces if request.namespace().contains('\0') => {
                Sample::of(self.namespace(request.namespace())).with_id(request.id())
            }
            _ => return request,
        };
        sample.made(Moment::at(request.created_at()).of_incarnation(request.incarnation())).0
    }

    /// Returns what this store takes a namespace for.
    fn namespace<'a>(&self, namespace: &'a str) -> &'a str {
        match namespace.split_once('\0') {
            Some((before, _)) if self.is(Fault::CutsNamespaces) => before,
            _ => namespace,
        }
    }

    /// Returns a request of this call in any namespace.
    async fn same_call(&self, writes: &[Write]) -> Option<RequestId> {
        let [Write::Insert { request, .. }] = writes else { return None };
        let key = request.idempotency_key()?;
        for namespace in self.namespaces() {
            let all = Query { namespace, ..Query::default() };
            let found = self.place.store.query(&all).await.expect("memory does not fail").requests;
            if let Some(same) = found.iter().find(|other| other.idempotency_key() == Some(key)) {
                return Some(same.id());
            }
        }
        None
    }

    async fn at_current_version(&self, write: Write) -> Write {
        let Some(request) = write.request() else { return write };
        let stored = self.place.store.get(request.namespace(), request.id()).await.expect("memory does not fail");
        match stored {
            Some(stored) => with_guard(write, |guard| guard.version = stored.version()),
            None => write,
        }
    }

    async fn found(&self, query: &Query) -> Result<Found, StoreError> {
        let mut asked = query.clone();
        let store = &self.place.store;
        match self.fault {
            Fault::SkipsOnPages if query.after.is_some() => {
                asked.limit = query.limit.map(|limit| limit.saturating_add(1));
                let mut found = store.query(&asked).await?;
                if !found.requests.is_empty() {
                    found.requests.remove(0);
                }
                Ok(found)
            }
            Fault::RepeatsOnPages if query.after.is_some() && query.order == Order::OldestFirst => {
                (asked.after, asked.limit) = (None, None);
                let mut found = store.query(&asked).await?;
                // From the moment of the last one on, instead of from behind it.
                found.requests.retain(|request| query.after.is_none_or(|after| request.created_at() >= after.created_at()));
                found.requests.truncate(query.limit.unwrap_or(usize::MAX));
                Ok(found)
            }
            Fault::KnowsOneOrder => {
                asked.order = Order::OldestFirst;
                store.query(&asked).await
            }
            Fault::IgnoresPageSize => {
                asked.limit = None;
                store.query(&asked).await
            }
            _ => {
                if let Some(keeps) = self.other_filter(&query.which) {
                    (asked.which, asked.limit) = (Which::default(), None);
                    let mut found = store.query(&asked).await?;
                    found.requests.retain(|request| keeps(request));
                    found.requests.truncate(query.limit.unwrap_or(usize::MAX));
                    return Ok(found);
                }
                store.query(query).await
            }
        }
    }

    /// Returns what this store takes the query's words for.
    fn other_filter<'a>(&self, which: &'a Which) -> Option<Keeps<'a>> {
        match (self.fault, which) {
            (Fault::ReadsWrittenStatus, Which::Standing(statuses)) if !statuses.is_empty() => {
                Some(Box::new(|request| statuses.contains(&request.status())))
            }
            (Fault::MissesDue, Which::Due) | (Fault::MissesIndeterminate, Which::Indeterminate) => Some(Box::new(|_| false)),
            (Fault::UsesOldApprovals, Which::Unused) => Some(Box::new(|request| {
                request.status() == ApprovalStatus::Approved && request.execution().state == ExecutionState::NotStarted
            })),
            (Fault::ForgetsWaiters, Which::HeldBy(gate)) => {
                Some(Box::new(|request| !request.is_waited_for() && request.held_by() == Some(*gate)))
            }
            _ => None,
        }
    }

    async fn logged(&self, query: &AuditQuery) -> Result<Vec<Logged>, StoreError> {
        let mut rows = self.place.store.audit(query).await?;
        match self.fault {
            Fault::LosesRow => rows.retain(|logged| logged.row.what != Some(Transition::Left)),
            Fault::LosesRefused => rows.retain(|logged| logged.row.what.is_some()),
            Fault::RewritesRows => {
                rows.iter_mut().for_each(|logged| logged.row.text = logged.row.text.replace(":", ": "));
            }
            Fault::DropsHistories => {
                let removed = locked(&self.place.removed);
                rows.retain(|logged| !removed.contains(&logged.row.request));
            }
            Fault::CountsPlacesByRequest => rows.iter_mut().for_each(|logged| logged.position = logged.row.version.into()),
            Fault::SkipsInHistories if query.after > 0 && query.limit.is_some() && !rows.is_empty() => drop(rows.remove(0)),
            _ => {}
        }
        Ok(rows)
    }

    async fn told(&self, namespace: &str, after: Option<u64>) -> Result<Changes, StoreError> {
        let store = &self.place.store;
        let from_now = || async { store.changes(namespace, None).await.map(|changes| Some(changes.next)) };
        match self.fault {
            Fault::ForgetsEarlierChanges if after.is_some() => store.changes(namespace, from_now().await?).await,
            Fault::NeverWakes => {
                tokio::select! {
                    biased;
                    changes = store.changes(namespace, after) => changes,
                    () = std::future::ready(()) => std::future::pending().await,
                }
            }
            Fault::TellsOthers if namespace == "a" => {
                tokio::select! {
                    biased;
                    changes = store.changes(namespace, after) => changes,
                    changes = store.changes("b", after) => changes,
                }
            }
            _ => {
                let mut changes = store.changes(namespace, after).await?;
                match self.fault {
                    Fault::DropsChange if changes.changes.len() > 1 => drop(changes.changes.remove(1)),
                    Fault::ReordersChanges => changes.changes.reverse(),
                    _ => {}
                }
                Ok(changes)
            }
        }
    }

    async fn read_rows(&self, query: &RowQuery) -> Result<Vec<Row>, StoreError> {
        let mut asked = query.clone();
        match self.fault {
            Fault::MixesKinds => asked.space = Space::Tool,
            Fault::FoldsKeys => {
                asked.prefix = asked.prefix.to_lowercase();
                asked.after = asked.after.map(|after| after.to_lowercase());
            }
            Fault::GluesKeys => {
                let glued = |key: &String| format!("{}:{key}", query.namespace);
                asked.namespace = String::new();
                asked.prefix = glued(&query.prefix);
                asked.after = query.after.as_ref().map(glued);
            }
            _ => {}
        }
        let mut rows = self.place.store.rows(&asked).await?;
        match self.fault {
            Fault::GluesKeys => rows.iter_mut().for_each(|row| drop(row.key.drain(..=query.namespace.len()))),
            Fault::ForgetsRowVersions => rows.iter_mut().for_each(|row| row.version = 1),
            Fault::SkipsRows if query.after.is_some() && !rows.is_empty() => drop(rows.remove(0)),
            _ => {}
        }
        Ok(rows)
    }

    async fn clock(&self) -> Result<Moment, StoreError> {
        let mut now = self.place.store.now().await?;
        match self.fault {
            Fault::GoesBack => now.time -= TimeDelta::milliseconds(self.reads.fetch_add(1, SeqCst)),
            Fault::RunsAhead => now.time += TimeDelta::seconds(1),
            Fault::ForgetsClock if self.handle > 1 => now.time -= TimeDelta::hours(1),
            Fault::SeesOldLife => now.incarnation = *locked(&self.life).get_or_insert(now.incarnation),
            _ => {}
        }
        Ok(now)
    }

    async fn read(&self, namespace: &str, id: RequestId) -> Result<Option<ApprovalRequest>, StoreError> {
        if self.is(Fault::ReadsAnyNamespace) {
            for namespace in self.namespaces() {
                if let Some(request) = self.place.store.get(&namespace, id).await? {
                    return Ok(Some(request));
                }
            }
        }
        let request = self.place.store.get(self.namespace(namespace), id).await?;
        Ok(request.map(|request| if self.is(Fault::LosesResults) { without_result(&request) } else { request }))
    }
}

/// Returns a request as if its body had returned nothing.
fn without_result(request: &ApprovalRequest) -> ApprovalRequest {
    const HEAD: usize = 9;
    let state = Stored::state(request);
    let mut json: Value = serde_json::from_slice(&state[HEAD..]).expect("a state is JSON");
    if let Some(result) = json.pointer_mut("/execution/result") {
        *result = Value::Null;
    }
    let json = json.to_string();
    let sum = Digest::of(json.as_bytes());
    let state = [&state[..1], &sum.as_bytes()[..HEAD - 1], json.as_bytes()].concat();
    Stored::read(&Stored::ask(request), &state).expect("it is whole")
}

fn guard(write: &Write) -> Option<Guard> {
    match write {
        Write::Insert { guard, .. } | Write::Update { guard, .. } | Write::Remove { guard, .. } => Some(*guard),
        _ => None,
    }
}

fn with_guard(mut write: Write, change: impl FnOnce(&mut Guard)) -> Write {
    if let Write::Insert { guard, .. } | Write::Update { guard, .. } | Write::Remove { guard, .. } = &mut write {
        change(guard);
    }
    write
}

fn without_limit(mut write: Write) -> Write {
    if let Write::Insert { max_pending, .. } = &mut write {
        *max_pending = usize::MAX;
    }
    write
}

impl ApprovalStore for Faulty {
    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(self.committed(writes))
    }

    fn get<'a>(&'a self, namespace: &'a str, id: RequestId) -> BoxFuture<'a, Result<Option<ApprovalRequest>, StoreError>> {
        Box::pin(self.read(namespace, id))
    }

    fn query<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Found, StoreError>> {
        Box::pin(self.found(query))
    }

    fn rows<'a>(&'a self, query: &'a RowQuery) -> BoxFuture<'a, Result<Vec<Row>, StoreError>> {
        Box::pin(self.read_rows(query))
    }

    fn audit<'a>(&'a self, query: &'a AuditQuery) -> BoxFuture<'a, Result<Vec<Logged>, StoreError>> {
        Box::pin(self.logged(query))
    }

    fn changes<'a>(&'a self, namespace: &'a str, after: Option<u64>) -> BoxFuture<'a, Result<Changes, StoreError>> {
        Box::pin(self.told(namespace, after))
    }

    fn now(&self) -> BoxFuture<'_, Result<Moment, StoreError>> {
        Box::pin(self.clock())
    }

    fn is_shared(&self) -> bool {
        false
    }
}
