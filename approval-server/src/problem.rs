//! [`Problem`]: every error as a problem document (RFC 9457) with a `code` that programs match on.

use std::borrow::Cow;

use approval_runtime::arguments::Invalid;
use approval_runtime::{ApprovalRequest, DecideError};
use axum::http::header::{CONTENT_TYPE, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::json;

/// An answer that is an error. Its text never holds an argument's value, nor anything else out of a body.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: Cow<'static, str>,
    request: Option<Box<ApprovalRequest>>,
    challenge: Option<&'static str>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { status, code, detail: detail.into(), request: None, challenge: None }
    }

    pub(crate) fn bad_request(code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// Answers 401 with the challenge that a client needs to know what to send.
    pub(crate) fn unauthenticated(challenge: &'static str, detail: &'static str) -> Self {
        Self { challenge: Some(challenge), ..Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", detail) }
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
            DecideError::AlreadyDecided { .. } | DecideError::AlreadyVoted { .. } | DecideError::DigestMismatch { .. } => {
                StatusCode::CONFLICT
            }
            DecideError::NotAllowed { .. } | DecideError::SelfReview { .. } => StatusCode::FORBIDDEN,
            DecideError::InvalidEdit(_) => StatusCode::UNPROCESSABLE_ENTITY,
            // A kind of error that this version does not know is the store's trouble, not the reviewer's.
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut problem = Self::new(status, error.code(), error.to_string());
        if let DecideError::AlreadyDecided { request } | DecideError::AlreadyVoted { request, .. } = error {
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
        response
    }
}
