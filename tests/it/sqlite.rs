//! The SQLite store: real files, several processes, and what can go wrong with both.

mod clock;
mod contents;
mod files;
mod locks;
mod processes;
mod sharing;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

use approval_runtime::store::{AuditQuery, Logged, SqliteStore};
use approval_runtime::{ApprovalGate, ApprovalRequest, ApprovalStore, Decision, NewRequest, Reviewer, Tool};
use serde_json::{Value, json};

/// A directory that is gone when the test is.
pub(crate) struct Dir(PathBuf);

impl Dir {
    pub(crate) fn new() -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let name = format!("approval-sqlite-{}-{}", process::id(), LAST.fetch_add(1, Ordering::Relaxed));
        let path = env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("approvals.db")
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn open(path: &Path) -> Arc<SqliteStore> {
    Arc::new(SqliteStore::open(path).unwrap())
}

fn gate_of(store: &Arc<SqliteStore>, namespace: &str) -> ApprovalGate {
    let store = Arc::<SqliteStore>::clone(store);
    ApprovalGate::builder().shared_store(store).namespace(namespace).without_notifier().build().unwrap()
}

fn gate(store: &Arc<SqliteStore>) -> ApprovalGate {
    gate_of(store, "")
}

async fn ask_with(gate: &ApprovalGate, arguments: Value) -> ApprovalRequest {
    gate.create_request(NewRequest::new(Tool::named("pay"), arguments)).await.unwrap()
}

async fn ask(gate: &ApprovalGate) -> ApprovalRequest {
    ask_with(gate, json!({"amount": 5})).await
}

fn approve(request: &ApprovalRequest, reviewer: &str) -> Decision {
    Decision::approve(Reviewer::new(reviewer), request.digest())
}

async fn history(store: &SqliteStore, request: &ApprovalRequest) -> Vec<Logged> {
    let namespace = request.namespace().into();
    store.audit(&AuditQuery { namespace, request: Some(request.id()), after: 0, limit: None }).await.unwrap()
}

fn sql(path: &Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.busy_timeout(std::time::Duration::from_secs(5)).unwrap();
    connection
}
