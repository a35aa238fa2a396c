//! The routes, and what each of them passes before it is answered.

use std::sync::Arc;
use std::time::Duration;

use approval_runtime::RequestId;
use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Request, State};
use axum::http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Router, middleware};

use crate::auth::{Credential, Keys};
use crate::door::Door;
use crate::guard;
use crate::problem::Problem;
use crate::query::parameter;
use crate::{api, pages};

/// The largest body that is read. The gate's own bound on arguments is 256 KiB; escapes can make JSON text longer than that.
const MAX_BODY: usize = 1024 * 1024;

/// How long a client may take to send its body.
const BODY_TIME: Duration = Duration::from_secs(10);

pub(crate) fn router(door: Arc<Door>) -> Router {
    Router::new()
        .route("/", get(home))
        .route("/style.css", get(pages::style))
        .route("/approvals/pending", get(pending))
        .route("/approvals/{id}", get(request))
        .route("/approvals/{id}/decide", post(decide).layer(DefaultBodyLimit::max(MAX_BODY)))
        .fallback(async || Problem::no_such_route())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(middleware::from_fn_with_state(Arc::clone(&door), guard::guard))
        .with_state(door)
}

/// Answers `GET /`: the page for those who read HTML, the array for those who do not.
async fn home(State(door): State<Arc<Door>>, uri: Uri, headers: HeaderMap) -> Result<Response, Problem> {
    let query = uri.query().unwrap_or_default();
    if reads_html(&headers) {
        return pages::home(&door, query, &headers).await;
    }
    if !parameter(query, "token").is_some_and(|token| door.keys.is_token(&token)) {
        door.keys.credential(&headers)?;
    }
    api::pending(&door).await
}

async fn pending(State(door): State<Arc<Door>>, headers: HeaderMap) -> Result<Response, Problem> {
    door.keys.credential(&headers)?;
    api::pending(&door).await
}

async fn request(State(door): State<Arc<Door>>, id: Id, headers: HeaderMap) -> Result<Response, Problem> {
    door.keys.credential(&headers)?;
    api::request(&door, parse(id)?).await
}

/// Takes a decision: from programs as JSON under their token, from the page as a form under its session.
async fn decide(State(door): State<Arc<Door>>, id: Id, request: Request) -> Result<Response, Problem> {
    // `curl -d` calls its body a form: whoever sends a token is told about JSON, not about signing in.
    let is_program = request.headers().contains_key(AUTHORIZATION);
    match media_type(request.headers()) {
        Some(media_type) if media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") && !is_program => {
            let Some(session) = door.keys.session(request.headers()) else {
                return Ok(pages::sign_in("../../", "Nothing was decided: you are not signed in any more."));
            };
            let id = parse(id)?;
            pages::decide(&door, &session, id, &body(request).await?).await
        }
        Some(media_type) if media_type.eq_ignore_ascii_case("application/json") => {
            // A cookie would be sent along whoever wrote the request; a token is not.
            let Credential::Token = door.keys.credential(request.headers())? else {
                return Err(Keys::unauthenticated());
            };
            let id = parse(id)?;
            api::decide(&door, id, &body(request).await?).await
        }
        _ => {
            door.keys.credential(request.headers())?;
            let detail = "send the decision as JSON, with `Content-Type: application/json`";
            Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail))
        }
    }
}

fn reads_html(headers: &HeaderMap) -> bool {
    headers.get_all(ACCEPT).iter().any(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/html")))
}

fn media_type(headers: &HeaderMap) -> Option<&str> {
    let content_type = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    content_type.split(';').next().map(str::trim)
}

/// The id in a path, as far as the path could be decoded.
type Id = Result<Path<String>, PathRejection>;

/// Reads an id. What cannot be one names no request, as far as the client is concerned.
fn parse(id: Id) -> Result<RequestId, Problem> {
    id.ok().and_then(|Path(id)| id.parse().ok()).ok_or_else(Problem::no_such_request)
}

async fn body(request: Request) -> Result<Bytes, Problem> {
    let read = tokio::time::timeout(BODY_TIME, Bytes::from_request(request, &()))
        .await
        .map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "the body did not arrive within 10 seconds"))?;
    read.map_err(|rejection| match rejection.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "the body is over 1 MiB")
        }
        _ => Problem::bad_request("body_unreadable", "the body could not be read to its end"),
    })
}
