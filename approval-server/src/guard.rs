//! What every request passes and every answer carries: the host list, the cross-site check, and the headers that keep
//! the page out of frames, caches and other origins.
//!
//! Loopback keeps other machines out, but not the pages in the reviewer's own browser. A page can post a form here, and by
//! pointing its own name at 127.0.0.1 (DNS rebinding) it could read the answers too.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, HeaderValue, ORIGIN, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::door::Door;
use crate::hosts::Address;
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

/// Headers that say that a request came through a proxy.
const FORWARDED: [&str; 5] = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-real-ip"];

/// Lets a request in, or answers it; either way the answer gets the headers.
pub(crate) async fn guard(State(door): State<Arc<Door>>, mut request: Request, next: Next) -> Response {
    let mut response = match admit(&door, &request) {
        Ok(address) => {
            request.extensions_mut().insert(address);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        // The page relaxes one of them, see there.
        headers.entry(name).or_insert(value);
    }
    response
}

/// Returns the address that the server is spoken to under, or what is wrong about the request.
fn admit(door: &Door, request: &Request) -> Result<Address, Problem> {
    let address = host(request).and_then(Address::parse).filter(|address| door.hosts.contains(address)).ok_or_else(|| {
        forbidden(
            "host_not_allowed",
            "the `Host` header does not name this server: use the address that the process printed, or allow this one with \
             `.hosts([..])`",
        )
    })?;
    if door.is_open() {
        admit_neighbour(request)?;
    }
    let (headers, is_safe) = (request.headers(), request.method().is_safe());
    // Whoever changes something proves more. Where nobody has to prove who they are, an app around this router that lets
    // other origins read its answers would let them read these.
    let is_own = match (is_safe, door.is_open()) {
        (false, _) => site_is_own(headers) && origin_is_own(headers, &address),
        (true, is_open) => !is_open || origin_is_own(headers, &address),
    };
    if is_own {
        return Ok(address);
    }
    Err(forbidden("cross_site", "this comes from another web page: decide on the server's own page, or from a program"))
}

/// Refuses who does not come from this machine, as far as that can be seen. What cannot be seen is refused as well.
fn admit_neighbour(request: &Request) -> Result<(), Problem> {
    let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>() else {
        let detail = "without authentication only this machine is served, and nothing says who connects: serve the app with \
                      `.into_make_service_with_connect_info::<SocketAddr>()`";
        return Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "peer_unknown", detail));
    };
    if !peer.ip().to_canonical().is_loopback() {
        let detail = "without authentication only this machine is served: name who may decide with `.reviewers(..)`";
        return Err(forbidden("not_local", detail));
    }
    if FORWARDED.iter().any(|name| request.headers().contains_key(*name)) {
        let detail = "without authentication nothing is taken from a proxy: name who may decide with `.reviewers(..)`";
        return Err(forbidden("forwarded", detail));
    }
    Ok(())
}

fn forbidden(code: &'static str, detail: &'static str) -> Problem {
    Problem::new(StatusCode::FORBIDDEN, code, detail)
}

/// Returns the one host that the request names, in `Host`, in its target where that is a whole URL, or in both alike.
fn host(request: &Request) -> Option<&str> {
    let authority = request.uri().authority().map(Authority::as_str);
    let mut hosts = request.headers().get_all(HOST).into_iter();
    // HTTP/2 has the target's alone.
    let Some(host) = hosts.next() else { return authority };
    let host = host.to_str().ok()?;
    let agrees = authority.is_none_or(|authority| authority.eq_ignore_ascii_case(host));
    (agrees && hosts.next().is_none()).then_some(host)
}

/// Says whether the request comes from the server's own page or from no page at all, as far as `Sec-Fetch-Site` says.
fn site_is_own(headers: &HeaderMap) -> bool {
    headers.get_all("sec-fetch-site").iter().all(|site| site == "same-origin" || site == "none")
}

/// Says the same as far as `Origin` says.
///
/// Browsers set both headers and no page can change them; programs send neither. A proxy may have taken the encryption off,
/// so that the page's scheme is not known here.
fn origin_is_own(headers: &HeaderMap, address: &Address) -> bool {
    headers.get_all(ORIGIN).iter().all(|origin| {
        let schemes = [("http://", 80), ("https://", 443)];
        origin.to_str().is_ok_and(|origin| {
            schemes.into_iter().any(|(scheme, port)| {
                let origin = origin.strip_prefix(scheme).and_then(Address::parse);
                origin.is_some_and(|origin| origin.is_same(address, port))
            })
        })
    })
}
