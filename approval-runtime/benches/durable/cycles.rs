//! Full cycles a second: a call, its approval, its start and its outcome, each of the four safe on the disk before the next.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use approval_runtime::request::Moment;
use approval_runtime::store::{self, AuditQuery, Changes, Found, Logged, Query, RowQuery, StoreError, Write};
use approval_runtime::{
    ApprovalGate, ApprovalRequest, ApprovalStore, BoxFuture, Decision, Refusal, RequestId, Reviewer, SqliteStore,
};
use rusqlite::Connection;
use serde_json::Value;
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;

use crate::figures::{Row, Runs};
use crate::raw::{Bytes, Raw};
use crate::{Dir, Failed, RUNS, email, gate, request, tool};

const TIME: Duration = Duration::from_secs(2);

/// Calls until the time is over, and returns how often it came to the end, in a second.
async fn run<F: Future<Output = ()> + Send>(
    callers: usize,
    cycle: impl Fn() -> F + Clone + Send + Sync + 'static,
) -> Result<f64, Failed> {
    let start = Instant::now();
    let calling = (0..callers).map(|_| {
        let cycle = cycle.clone();
        tokio::spawn(async move {
            let mut cycles = 0;
            while start.elapsed() < TIME {
                cycle().await;
                cycles += 1;
            }
            cycles
        })
    });
    let mut cycles = 0;
    for caller in calling.collect::<Vec<_>>() {
        cycles += caller.await?;
    }
    Ok(f64::from(cycles) / start.elapsed().as_secs_f64())
}

async fn call(gate: &ApprovalGate) {
    let returned: Result<Value, Refusal> = gate.call(tool(), email(), |arguments| async move { Ok(arguments) }).await;
    returned.expect("it is approved");
}

/// The store, and whoever hears of each request that is made in it.
#[derive(Debug)]
struct Heard {
    store: SqliteStore,
    asked: UnboundedSender<ApprovalRequest>,
}

impl ApprovalStore for Heard {
    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<(), StoreError>> {
        let commit = self.store.commit(writes);
        let [Write::Insert { request, .. }] = writes else { return commit };
        Box::pin(async move {
            commit.await?;
            let _ = self.asked.send(request.clone());
            Ok(())
        })
    }

    fn get<'a>(&'a self, namespace: &'a str, id: RequestId) -> BoxFuture<'a, Result<Option<ApprovalRequest>, StoreError>> {
        self.store.get(namespace, id)
    }

    fn query<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Found, StoreError>> {
        self.store.query(query)
    }

    fn rows<'a>(&'a self, query: &'a RowQuery) -> BoxFuture<'a, Result<Vec<store::Row>, StoreError>> {
        self.store.rows(query)
    }

    fn audit<'a>(&'a self, query: &'a AuditQuery) -> BoxFuture<'a, Result<Vec<Logged>, StoreError>> {
        self.store.audit(query)
    }

    fn changes<'a>(&'a self, namespace: &'a str, after: Option<u64>) -> BoxFuture<'a, Result<Changes, StoreError>> {
        self.store.changes(namespace, after)
    }

    fn now(&self) -> BoxFuture<'_, Result<Moment, StoreError>> {
        self.store.now()
    }

    fn is_shared(&self) -> bool {
        true
    }
}

/// A gate whose calls are approved as soon as they are made, each by itself: many are on their way at once.
fn approved(path: &Path) -> Result<(ApprovalGate, JoinHandle<()>), Failed> {
    let (asked, mut asks) = unbounded_channel::<ApprovalRequest>();
    let gate = gate(Heard { store: SqliteStore::open(path)?, asked })?;
    let reviewed = gate.clone();
    let reviewing = tokio::spawn(async move {
        while let Some(request) = asks.recv().await {
            let gate = reviewed.clone();
            tokio::spawn(async move {
                let decision = Decision::approve(Reviewer::new("alice"), request.digest());
                gate.decide(request.id(), decision).await.expect("nobody else decides");
            });
        }
    });
    Ok((gate, reviewing))
}

/// Returns what the store writes for one cycle.
async fn bytes() -> Result<Bytes, Failed> {
    let dir = Dir::new()?;
    let path = dir.file("sample.db");
    let unreviewed = gate(SqliteStore::open(&path)?)?;
    let state = || -> Result<(Vec<u8>, Vec<u8>), rusqlite::Error> {
        let last = "SELECT state, ask FROM request JOIN ask USING (nr) ORDER BY nr DESC LIMIT 1";
        Connection::open(&path)?.query_row(last, (), |row| Ok((row.get(0)?, row.get(1)?)))
    };
    let mut bytes = Bytes::default();
    let asked = unreviewed.create_request(request()).await?;
    (bytes.states[0], bytes.ask) = state()?;
    unreviewed.decide(asked.id(), Decision::approve(Reviewer::new("alice"), asked.digest())).await?;
    bytes.states[1] = state()?.0;
    let (gate, reviewing) = approved(&path)?;
    let started: Result<Vec<u8>, Refusal> = gate.call(tool(), email(), |_| async { Ok(state().expect("it is there").0) }).await;
    bytes.states[2] = started?;
    bytes.states[3] = state()?.0;
    reviewing.abort();
    let connection = Connection::open(&path)?;
    let mut rows = connection.prepare("SELECT text FROM audit ORDER BY position DESC LIMIT 4")?;
    for (row, kept) in rows.query_map((), |row| row.get(0))?.zip(bytes.rows.iter_mut().rev()) {
        *kept = row?;
    }
    Ok(bytes)
}

pub(crate) fn measure(runtime: &Runtime, callers: usize) -> Result<Row, Failed> {
    let bytes = Arc::new(runtime.block_on(bytes())?);
    let (mut own, mut against) = (Runs::new(), Runs::new());
    for _ in 0..RUNS {
        let dir = Dir::new()?;
        let raw = Arc::new(Raw::open(&dir.file("raw.db"), Arc::clone(&bytes))?);
        let cycle = move || {
            let raw = Arc::clone(&raw);
            async move { raw.cycle().await }
        };
        against.push(runtime.block_on(run(callers, cycle))?);
        own.push(runtime.block_on(async {
            let (gate, reviewing) = approved(&dir.file("own.db"))?;
            let cycle = move || {
                let gate = gate.clone();
                async move { call(&gate).await }
            };
            let cycles = run(callers, cycle).await;
            reviewing.abort();
            cycles
        })?);
    }
    Ok(Row {
        name: format!("durable cycles a second, {callers} callers"),
        own: own.show(0, ""),
        against: against.show(0, ""),
        comparison: own.against(&against, |own, against| own / against).show(2, "×"),
    })
}
