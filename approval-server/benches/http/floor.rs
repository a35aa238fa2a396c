//! The floor: the least axum handlers that give the same answers. The server is measured against it.
//!
//! A decision is read as JSON, the row's status set under the table's lock, and the row written as JSON; a page is a hundred
//! rows. Nobody is authenticated, no header checked or added. The body is read as `serde_json` does, which takes a field
//! twice; the digest is not looked at; a decided row is decided again. There are no times, votes or versions to write, no
//! order to keep, nobody to wake, and what is not ASCII goes out as it is. What it does have to do is escape the arguments'
//! strings, which the server keeps as the JSON text that they were captured as.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::load::request;
use crate::serving::Serving;
use crate::{Outcome, own};

/// As many digits as the server's own token has.
const TOKEN: &str = "0123456789012345678901234567890123456789012";

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Status {
    Pending,
    Approved,
    Rejected,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Email {
    body: String,
    subject: String,
    to: String,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Vote {
    reviewer: String,
    decision: String,
    door: String,
    digest: String,
    at: DateTime<Utc>,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Required {
    approvers: Vec<String>,
    quorum: u32,
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Execution {
    state: String,
    claim_id: Option<Uuid>,
    grant_expires_at: Option<DateTime<Utc>>,
    started_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
}

/// The record's fields, one for one, so that both sides have the same to write.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    id: Uuid,
    tool_name: String,
    arguments: Email,
    agent_name: Option<String>,
    reason: Option<String>,
    status: Status,
    created_at: DateTime<Utc>,
    decided_at: Option<DateTime<Utc>>,
    decided_by: Option<String>,
    timeout_seconds: u64,
    namespace: String,
    agent_chain: Vec<String>,
    run_id: Option<String>,
    call_id: Option<String>,
    requested_by: Option<String>,
    effect: String,
    expires_at: DateTime<Utc>,
    digest: String,
    flags: Vec<String>,
    not_reviewed: Vec<String>,
    tool_fingerprint: String,
    matched_rule: Option<String>,
    policy_version: u32,
    comment: Option<String>,
    edited_arguments: Option<Email>,
    votes: Vec<Vote>,
    required: Required,
    execution: Execution,
    ended_because: Option<String>,
    incarnation: u64,
    version: u32,
}

#[derive(Deserialize)]
struct Decision {
    approved: bool,
    #[allow(dead_code, reason = "read, and no more")]
    digest: String,
}

type Table = Arc<RwLock<HashMap<Uuid, Row>>>;

async fn decide(State(table): State<Table>, Path(id): Path<Uuid>, Json(decision): Json<Decision>) -> Response {
    let mut table = table.write().unwrap_or_else(PoisonError::into_inner);
    let Some(row) = table.get_mut(&id) else { return StatusCode::NOT_FOUND.into_response() };
    row.status = if decision.approved { Status::Approved } else { Status::Rejected };
    Json(&*row).into_response()
}

async fn pending(State(table): State<Table>) -> Response {
    let table = table.read().unwrap_or_else(PoisonError::into_inner);
    Json(table.values().take(100).collect::<Vec<_>>()).into_response()
}

/// Rows that are already as they will stand, but for their status: so that the answers are as long as the server's.
fn rows(record: Value, rows: usize) -> Outcome<HashMap<Uuid, Row>> {
    let row: Row = serde_json::from_value(record).map_err(|error| format!("the floor's row is not the record: {error}"))?;
    let pending = |id| Row { id, status: Status::Pending, ..row.clone() };
    Ok((0..rows).map(|_| Uuid::new_v4()).map(|id| (id, pending(id))).collect())
}

fn serve<T: Send + 'static>(
    rows: HashMap<Uuid, Row>,
    ask: impl FnOnce(&HashMap<Uuid, Row>, SocketAddr) -> T + Send + 'static,
) -> Outcome<(Serving, T)> {
    Serving::start("floor", async move || {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let asked = ask(&rows, address);
        let router = Router::new()
            .route("/approvals/pending", get(pending))
            .route("/approvals/{id}/decide", post(decide))
            .with_state(Table::new(RwLock::new(rows)));
        Ok((address, async { drop(axum::serve(listener, router).await) }, asked))
    })
}

/// As [`own::decisions`].
pub(crate) fn decisions(requests: usize) -> Outcome<(Serving, Vec<Vec<u8>>)> {
    serve(rows(own::record(true)?, requests)?, |rows, address| {
        let approval = |row: &Row| {
            let body = format!(r#"{{"approved":true,"digest":"{}"}}"#, row.digest);
            request("POST", &format!("/approvals/{}/decide", row.id), address, TOKEN, &body)
        };
        rows.values().map(approval).collect()
    })
}

/// A hundred rows, and what asks for them.
pub(crate) fn page() -> Outcome<(Serving, Vec<u8>)> {
    serve(rows(own::record(false)?, 100)?, |_, address| request("GET", "/approvals/pending?limit=100", address, TOKEN, ""))
}
