//! What every request passes and every answer carries: the host list, the cross-site check, and the headers that keep
//! the page out of frames, caches and other origins.
//!
//! Loopback keeps other machines out, but not the pages in the reviewer's own browser. A page can post a form here, and by
//! pointing its own name at 127.0.0.1 (DNS rebinding) it could read the answers too.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, HeaderValue, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::door::Door;
use crate::hosts::Hosts;
use crate::problem::Problem;

const HEADERS: [(HeaderName, HeaderValue); 7] = [
    (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
];

/// Lets a request in, or answers it; either way the answer gets the headers.
pub(crate) async fn guard(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let mut response = match admit(&door.hosts, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        // The page relaxes one of them, see there.
        headers.entry(name).or_insert(value);
    }
    response
}

fn admit(hosts: &Hosts, request: &Request) -> Result<(), Problem> {
    let host = host(request).filter(|host| hosts.contains(host)).ok_or_else(|| {
        let detail = "the `Host` header does not name this server: use the address that the process printed";
        Problem::new(StatusCode::FORBIDDEN, "host_not_allowed", detail)
    })?;
    if request.method().is_safe() || is_same_origin(request.headers(), host) {
        return Ok(());
    }
    let detail = "this comes from another web page: decide on the server's own page, or from a program";
    Err(Problem::new(StatusCode::FORBIDDEN, "cross_site", detail))
}

/// Returns the one host that the request names, in `Host` and, where its target is a whole URL, there too.
fn host(request: &Request) -> Option<&str> {
    let mut hosts = request.headers().get_all(HOST).into_iter();
    let host = hosts.next()?.to_str().ok()?;
    let agrees = request.uri().authority().is_none_or(|authority| authority.as_str().eq_ignore_ascii_case(host));
    (agrees && hosts.next().is_none()).then_some(host)
}

/// Says whether the request comes from the server's own page or from no page at all.
///
/// Browsers set both headers and no page can change them; programs send neither.
fn is_same_origin(headers: &HeaderMap, host: &str) -> bool {
    let site_is_own = headers.get_all("sec-fetch-site").iter().all(|site| site == "same-origin" || site == "none");
    let origin_is_own = headers.get_all(ORIGIN).iter().all(|origin| {
        let origin = origin.to_str().ok().and_then(|origin| origin.strip_prefix("http://"));
        origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host))
    });
    site_is_own && origin_is_own
}
