//! `GET /healthz`: whether the server can do its work, for whoever restarts it.

use std::sync::Arc;
use std::time::Duration;

use approval_runtime::{DecideError, RequestId};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use tokio::time::timeout;

use crate::api;
use crate::door::Door;
use crate::problem::Problem;

/// How long the store has to answer.
const STORE_TIME: Duration = Duration::from_secs(5);

/// Asks the store for a request that it does not have. Says nothing that needs a credential.
pub(crate) async fn healthz(State(door): State<Arc<Door>>) -> Result<Response, Problem> {
    match timeout(STORE_TIME, door.gate.get_request(RequestId::random())).await {
        Ok(Ok(_) | Err(DecideError::NotFound { .. })) => Ok(api::json(&json!({"status": "ok"}))),
        Ok(Err(_)) | Err(_) => {
            Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "the approval store does not answer"))
        }
    }
}
