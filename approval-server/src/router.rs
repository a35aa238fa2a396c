//! The routes, and what each of them passes before it is answered.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use approval_runtime::RequestId;
use axum::body::Bytes;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{DefaultBodyLimit, Extension, FromRequest, FromRequestParts, OriginalUri, RawPathParams, Request, State};
use axum::http::header::{AUTHORIZATION, HeaderValue, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};
use axum::{Router, middleware};

use crate::auth::Who;
use crate::door::Door;
use crate::guard;
use crate::hosts::Address;
use crate::media::{is_form, is_json, reads_html};
use crate::problem::Problem;
use crate::query::parameter;
use crate::{api, events, health, lists, pages, sign_in, unauthenticated};

/// The largest body that is read. The gate's own bound on arguments is 256 KiB; escapes can make JSON text longer than that.
const MAX_BODY: usize = 1024 * 1024;

/// The largest form that is read of somebody who has proved nothing yet: it has a token in it, or a form's key.
const MAX_SIGN_IN: usize = 16 * 1024;

/// How long a client may take to send its body.
const BODY_TIME: Duration = Duration::from_secs(10);

/// A path and what is served under it.
type Route = (&'static str, fn() -> MethodRouter<Arc<Door>>);

/// Every route. The tests that go over all routes read this table too.
const ROUTES: [Route; 13] = [
    ("/", || get(home)),
    ("/page", || get(page)),
    ("/sign-in", || post(sign_in)),
    ("/sign-out", || post(sign_out)),
    ("/style.css", || get(pages::style)),
    ("/healthz", || get(health::healthz)),
    ("/approvals", || get(requests)),
    ("/approvals/pending", || get(pending)),
    ("/approvals/indeterminate", || get(indeterminate)),
    ("/approvals/events", || get(events)),
    ("/approvals/{id}", || get(request)),
    ("/approvals/{id}/decide", || post(decide)),
    ("/approvals/{id}/settle", || post(settle)),
];

/// Makes the router, which needs nothing of the app that it is nested in, and changes nothing outside of its own path.
pub(crate) fn router<S: Clone + Send + Sync + 'static>(door: Arc<Door>) -> Router<S> {
    let routes = ROUTES.into_iter().fold(Router::new(), |router, (path, methods)| router.route(path, methods()));
    routes
        .fallback(async || Problem::no_such_route())
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(middleware::from_fn_with_state(Arc::clone(&door), guard::guard))
        .with_state(door)
}

/// The door, to who has shown that they may look. Without a credential there is nothing to read requests from.
struct Admitted(Arc<Door>);

impl FromRequestParts<Arc<Door>> for Admitted {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, door: &Arc<Door>) -> Result<Self, Problem> {
        // The guard leaves the address; without it nobody is known.
        let address = parts.extensions.get::<Address>().ok_or_else(Problem::no_credential)?;
        door.who(&parts.headers, address)?;
        Ok(Self(Arc::clone(door)))
    }
}

/// Answers `GET /`: the page for those who read HTML, the array for those who do not.
async fn home(
    State(door): State<Arc<Door>>,
    Extension(address): Extension<Address>,
    OriginalUri(original): OriginalUri,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let query = uri.query().unwrap_or_default();
    if reads_html(&headers) {
        return match original.path().rsplit_once('/') {
            Some((_, "")) | None => pages::home(&door, query, &headers, &address).await,
            // Nested under `/review`: from there, links would lead to the folder above.
            Some((_, folder)) => into_folder(folder, query),
        };
    }
    match parameter(query, "token") {
        Some(token) if !door.is_open() => {
            door.token(&token)?;
        }
        _ => {
            door.who(&headers, &address)?;
        }
    }
    // As above: nested under `/review`, the list is in the folder of that name.
    let folder = original.path().rsplit_once('/').map_or("", |(_, folder)| folder);
    let list = if folder.is_empty() { "approvals/pending".to_owned() } else { format!("./{folder}/approvals/pending") };
    lists::pending(&door, &list, "").await
}

fn into_folder(folder: &str, query: &str) -> Result<Response, Problem> {
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    let location = HeaderValue::from_str(&format!("./{folder}/page{query}")).map_err(|_| Problem::no_such_route())?;
    Ok((StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response())
}

async fn page(
    State(door): State<Arc<Door>>,
    Extension(address): Extension<Address>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    pages::home(&door, uri.query().unwrap_or_default(), &headers, &address).await
}

async fn sign_in(
    State(door): State<Arc<Door>>,
    Extension(address): Extension<Address>,
    request: Request,
) -> Result<Response, Problem> {
    sign_in::with_form(&door, &address, &form(request).await?)
}

async fn sign_out(
    State(door): State<Arc<Door>>,
    Extension(address): Extension<Address>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    sign_in::out(&door, &headers, &address, &form(request).await?)
}

async fn requests(Admitted(door): Admitted, uri: Uri) -> Result<Response, Problem> {
    lists::requests(&door, uri.query().unwrap_or_default()).await
}

async fn pending(Admitted(door): Admitted, uri: Uri) -> Result<Response, Problem> {
    lists::pending(&door, "", uri.query().unwrap_or_default()).await
}

async fn indeterminate(Admitted(door): Admitted) -> Result<Response, Problem> {
    lists::indeterminate(&door).await
}

async fn events(Admitted(door): Admitted) -> Result<Response, Problem> {
    events::stream(&door)
}

async fn request(Admitted(door): Admitted, id: Id) -> Result<Response, Problem> {
    api::request(&door, parse(id)?).await
}

/// Takes a decision: from programs as JSON under their token, from the page as a form under its session.
async fn decide(
    State(door): State<Arc<Door>>,
    Extension(address): Extension<Address>,
    id: Id,
    uri: Uri,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    let query = uri.query().unwrap_or_default();
    if door.is_open() {
        let id = parse(id)?;
        return unauthenticated::decide(&door, id, query, &headers, &body(request).await?).await;
    }
    // `curl -d` calls its body a form: whoever sends a token is told about JSON, not about signing in.
    if is_form(&headers) && !headers.contains_key(AUTHORIZATION) {
        let Some(session) = door.session(&headers, &address) else {
            return Ok(sign_in::ask("../../", "Nothing was decided: you are not signed in any more."));
        };
        let id = parse(id)?;
        return pages::decide(&door, &session, id, &body(request).await?).await;
    }
    let who = door.who(&headers, &address);
    match who {
        Err(_) if !headers.contains_key(AUTHORIZATION) && parameter(query, "approved").is_some() => Err(Problem::query_alone()),
        Err(problem) => Err(problem),
        Ok(_) if !is_json(&headers) => Err(Problem::not_json()),
        Ok(Who::Program(reviewer)) => {
            let id = parse(id)?;
            api::decide(&door, reviewer.clone(), id, &body(request).await?).await
        }
        // A cookie would be sent along whoever wrote the request; a token is not.
        Ok(Who::Browser | Who::Anybody) => Err(Problem::no_credential()),
    }
}

/// Takes a person's word for how a call ended whose outcome nobody knows: from programs as JSON under their token.
async fn settle(
    State(door): State<Arc<Door>>,
    Extension(address): Extension<Address>,
    id: Id,
    uri: Uri,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, Problem> {
    if door.is_open() {
        let query = uri.query().unwrap_or_default();
        return unauthenticated::settle(&door, parse(id)?, query, &headers, &body(request).await?).await;
    }
    match door.who(&headers, &address)? {
        _ if !is_json(&headers) => Err(Problem::settlement_not_json()),
        Who::Program(reviewer) => {
            let (id, reviewer) = (parse(id)?, reviewer.clone());
            api::settle(&door, reviewer, "http", id, &body(request).await?).await
        }
        // As for decisions.
        Who::Browser | Who::Anybody => Err(Problem::no_credential()),
    }
}

/// The parameters in a path, as far as the path could be decoded.
type Id = Result<RawPathParams, RawPathParamsRejection>;

/// Reads an id. What cannot be one names no request, as far as the client is concerned.
fn parse(id: Id) -> Result<RequestId, Problem> {
    let parameters = id.map_err(|_| Problem::no_such_request())?;
    // The path that the router is nested under may have parameters of its own; they come first.
    let id = parameters.iter().last().and_then(|(_, id)| id.parse().ok());
    id.ok_or_else(Problem::no_such_request)
}

/// Reads the body of a form.
async fn form(request: Request) -> Result<Bytes, Problem> {
    if !is_form(request.headers()) {
        let detail = "this takes what the page's form sends";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", detail));
    }
    read(request, MAX_SIGN_IN, "the form is over 16 KiB").await
}

async fn body(request: Request) -> Result<Bytes, Problem> {
    read(request, MAX_BODY, "the body is over 1 MiB").await
}

async fn read(mut request: Request, most: usize, too_large: &'static str) -> Result<Bytes, Problem> {
    DefaultBodyLimit::max(most).apply(&mut request);
    let read = tokio::time::timeout(BODY_TIME, Bytes::from_request(request, &()))
        .await
        .map_err(|_| Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "the body did not arrive within 10 seconds"))?;
    read.map_err(|rejection| match rejection.into_response().status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", too_large),
        _ => Problem::bad_request("body_unreadable", "the body could not be read to its end"),
    })
}
