//! [`Problem`]: every error as a problem document (RFC 9457) with a `code` that programs match on.

use std::borrow::Cow;
use std::time::Duration;

use approval_runtime::arguments::Invalid;
use approval_runtime::{ApprovalRequest, DecideError};
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::json;

/// What an answer of 401 asks for.
pub(crate) const CHALLENGE: &str = r#"Bearer realm="approvals""#;
const CHALLENGE_INVALID: &str = r#"Bearer realm="approvals", error="invalid_token""#;

/// An answer that is an error. Its text never holds an argument's value, nor anything else out of a body.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    request: Option<Box<ApprovalRequest>>,
    challenge: Option<&'static str>,
    retry_after: Option<Duration>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, detail: detail.into(), request: None, challenge: None, retry_after: None }
    }

    pub(crate) fn bad_request(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// Answers 401 with the challenge that a client needs to know what to send.
    fn unauthenticated(challenge: &'static str, detail: &'static str) -> Self {
        Self { challenge: Some(challenge), ..Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail) }
    }

    /// Answers a request that proves nothing.
    pub(crate) fn no_credential() -> Self {
        let detail = "send `Authorization: Bearer <token>`, with your own token or that of the link that the process printed";
        Self::unauthenticated(CHALLENGE, detail)
    }

    /// Answers a token that is nobody's.
    pub(crate) fn wrong_token() -> Self {
        let detail = "this is no reviewer's token; one that the process made and printed in its link ends with that process";
        Self::unauthenticated(CHALLENGE_INVALID, detail)
    }

    /// Answers one wrong token too many.
    pub(crate) fn too_many_tries(retry_after: Duration) -> Self {
        let detail = "there were too many wrong tokens; a right one is still taken";
        Self { retry_after: Some(retry_after), ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_tries", detail) }
    }

    /// Answers a decision that stands in the query alone, to a server that wants to know who sends it.
    pub(crate) fn query_alone() -> Self {
        let detail = "a query decides nothing here: send `Authorization: Bearer <token>`, `Content-Type: application/json` and \
                      a body as `{\"approved\": true, \"digest\": \"<the request's digest>\"}`";
        Self::unauthenticated(CHALLENGE, detail)
    }

    /// Answers a decision that is not sent as JSON.
    pub(crate) fn not_json() -> Self {
        let detail = "send the decision as JSON, with `Content-Type: application/json` and a body as `{\"approved\": true, \
                      \"digest\": \"<the request's digest>\"}`";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    }

    /// Answers a settlement that is not sent as JSON.
    pub(crate) fn settlement_not_json() -> Self {
        let detail =
            "send how it ended as JSON, with `Content-Type: application/json` and a body as `{\"outcome\": \"executed\"}`";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail)
    }

    pub(crate) fn invalid_form() -> Self {
        Self::bad_request("invalid_form", "this is not what the page's form sends")
    }

    /// Answers when the system has no random bytes for a session.
    pub(crate) fn no_randomness() -> Self {
        let detail = "the system gives no random bytes for a session";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
    }

    pub(crate) fn no_such_route() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "nothing is served under this path")
    }

    pub(crate) fn no_such_request() -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", "no approval request has this id: it may have ended long ago")
    }

    pub(crate) fn method_not_allowed() -> Self {
        let detail = "this path does not take this method; `Allow` names those it takes";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
    }
}

impl From<DecideError> for Problem {
    fn from(error: DecideError) -> Self {
        let status = match &error {
            DecideError::NotFound { .. } => StatusCode::NOT_FOUND,
            DecideError::AlreadyDecided { .. }
            | DecideError::AlreadyVoted { .. }
            | DecideError::NotIndeterminate { .. }
            | DecideError::DigestMismatch { .. } => StatusCode::CONFLICT,
            DecideError::NotAllowed { .. } | DecideError::SelfReview { .. } => StatusCode::FORBIDDEN,
            DecideError::InvalidEdit(_) => StatusCode::UNPROCESSABLE_ENTITY,
            // A kind of error that this version does not know is the store's trouble, not the reviewer's.
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut problem = Self::new(status, error.code(), error.to_string());
        if let DecideError::AlreadyDecided { request }
        | DecideError::AlreadyVoted { request, .. }
        | DecideError::NotIndeterminate { request } = error
        {
            problem.request = Some(request);
        }
        problem
    }
}

impl From<Invalid> for Problem {
    fn from(error: Invalid) -> Self {
        let status = match error {
            Invalid::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            _ => StatusCode::BAD_REQUEST,
        };
        Self::new(status, error.error(), error.to_string())
    }
}

/// The document. `type` is left out, which means `about:blank`: the title is the status code's own.
#[derive(Serialize)]
struct Document<'a> {
    title: &'a str,
    status: u16,
    code: &'a str,
    detail: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<&'a ApprovalRequest>,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = Document {
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            code: self.code,
            detail: &self.detail,
            request: self.request.as_deref(),
        };
        let content_type = [(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"))];
        let mut response = (self.status, content_type, json::to_ascii(&document)).into_response();
        if let Some(challenge) = self.challenge {
            response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(retry_after) = self.retry_after {
            // Rounded up: whoever comes back a moment early is refused again.
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(retry_after.as_secs() + 1));
        }
        response
    }
}
