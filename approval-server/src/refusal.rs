//! [`RefusalResponse`]: what a call that did not run tells the HTTP client who asked for it.

use std::borrow::Cow;

use approval_runtime::Refusal;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::json;

/// How many seconds later a client may ask again that asked too often.
const RETRY_SECONDS: u16 = 30;

/// A refusal as an HTTP answer, so that a handler of yours can put `?` behind a gated call.
///
/// | the call | status |
/// | --- | --- |
/// | is still waiting, or running already | `202`, with the request's address as `Location` |
/// | was rejected, cancelled or frozen | `403` |
/// | has run already, may have run, or is not what was approved | `409` |
/// | has arguments that cannot be shown or taken | `422` |
/// | was asked for too often | `429`, with `Retry-After` |
/// | reached nobody: no gate, no channel, no store, shutting down | `503` |
/// | names no tool, or none that is called by name | `404` |
/// | was not decided, or not started, in time | `504` |
///
/// The body is a problem document (RFC 9457) with the refusal's `code`, `tool` and `request_id`. What a reviewer wrote stands
/// in `comment`: it is data, never an instruction. No argument's value is in it.
///
/// ```
/// use approval_runtime::{Refusal, requires_approval};
/// use approval_server::RefusalResponse;
/// use axum::Json;
///
/// #[requires_approval]
/// async fn refund(customer: String, amount: f64) -> Result<String, Refusal> {
///     Ok(format!("refunded {amount} to {customer}"))
/// }
///
/// async fn handler(Json((customer, amount)): Json<(String, f64)>) -> Result<Json<String>, RefusalResponse> {
///     Ok(Json(refund(customer, amount).await?))
/// }
/// ```
#[derive(Clone, Debug)]
pub struct RefusalResponse {
    refusal: Refusal,
    router: Cow<'static, str>,
}

impl RefusalResponse {
    /// Says where the reviewers' router is, so that `Location` names the request there: `/review` in place of the root.
    #[must_use]
    pub fn under(mut self, path: impl Into<Cow<'static, str>>) -> Self {
        self.router = path.into();
        self
    }

    /// Returns the refusal.
    #[must_use]
    pub const fn refusal(&self) -> &Refusal {
        &self.refusal
    }
}

impl From<Refusal> for RefusalResponse {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, router: Cow::Borrowed("") }
    }
}

fn status(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::Pending { .. } | Refusal::InProgress { .. } => StatusCode::ACCEPTED,
        Refusal::Rejected { .. } | Refusal::Cancelled { .. } | Refusal::Frozen { .. } => StatusCode::FORBIDDEN,
        Refusal::Indeterminate { .. }
        | Refusal::AlreadyExecuted { .. }
        | Refusal::DigestMismatch { .. }
        | Refusal::StaleTarget { .. } => StatusCode::CONFLICT,
        Refusal::Unrepresentable { .. } | Refusal::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        Refusal::TooManyPending { .. } | Refusal::RecentlyRejected { .. } => StatusCode::TOO_MANY_REQUESTS,
        Refusal::UnknownTool { .. } | Refusal::NotCallable { .. } => StatusCode::NOT_FOUND,
        Refusal::TimedOut { .. } | Refusal::Expired { .. } => StatusCode::GATEWAY_TIMEOUT,
        // Nobody could be asked; and what this version does not know, it does not explain away.
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl IntoResponse for RefusalResponse {
    fn into_response(self) -> Response {
        let status = status(&self.refusal);
        let Ok(Value::Object(mut document)) = serde_json::to_value(&self.refusal) else { return status.into_response() };
        // The sentence, under the name that problem documents have for it.
        if let Some(message) = document.remove("message") {
            document.insert("detail".to_owned(), message);
        }
        document.insert("title".to_owned(), status.canonical_reason().into());
        document.insert("status".to_owned(), status.as_u16().into());
        // What is accepted and not done yet is no error.
        let media_type = if status.is_success() { "application/json" } else { "application/problem+json" };
        let mut response = (status, json::to_ascii(&document)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        if status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(RETRY_AFTER, HeaderValue::from(RETRY_SECONDS));
        }
        if let (StatusCode::ACCEPTED, Some(id)) = (status, self.refusal.request_id()) {
            let location = format!("{}/approvals/{id}", self.router.trim_end_matches('/'));
            // A path that no header can hold is left out: the id stands in the body too.
            if let Ok(location) = HeaderValue::from_str(&location) {
                headers.insert(LOCATION, location);
            }
        }
        response
    }
}
