//! What holds on every route, whatever the state of the request it is about.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use approval_runtime::{
    ApprovalGate, ApprovalPolicy, ApprovalRequest, ApprovalStatus, Decision, ExecutionState, NewRequest, Refusal, RequestId,
    Reviewer, Tool,
};
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Method, Request, StatusCode};
use axum::response::Response;
use serde_json::{Value, json};
use tower_service::Service;

use super::{ROUTES, router};
use crate::auth::Keys;
use crate::door::{Access, Door};
use crate::hosts::{Address, Hosts};
use crate::known::Known;
use crate::session::Session;
use crate::streams::Streams;

const LOCAL: &str = "127.0.0.1:7878";

/// A router as a server makes it, and all that a reviewer's browser and program would send along.
struct Mounted {
    router: Router,
    credentials: Vec<(&'static str, String)>,
}

impl Mounted {
    fn with_keys(gate: ApprovalGate) -> Self {
        let (known, token) = Known::generated(Reviewer::new("alice")).expect("random bytes");
        let address = Address::parse(LOCAL).expect("an address");
        let set_cookie = Session::open(&known, &address).expect("random bytes");
        let cookie = set_cookie.to_str().expect("ASCII").split(';').next().expect("the pair").to_owned();
        let access = Access::Keys(Keys::new(vec![known]).expect("one token"));
        Self::new(gate, access, vec![("authorization", format!("Bearer {token}")), ("cookie", cookie)])
    }

    fn open(gate: ApprovalGate) -> Self {
        Self::new(gate, Access::Open, vec![("x-nothing", String::new())])
    }

    fn new(gate: ApprovalGate, access: Access, credentials: Vec<(&'static str, String)>) -> Self {
        let hosts = Hosts::default().with_loopback(None);
        Self { router: router(Arc::new(Door { gate, access, hosts, streams: Streams::default() })), credentials }
    }

    /// Sends a request and does not read the answer's body: a stream of events would never end.
    async fn send(&self, method: &Method, target: &str, headers: &[(&str, &str)], body: String) -> Response {
        let mut request = Request::builder().method(method).uri(target).header("host", LOCAL);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::from(body)).expect("a request");
        let peer: SocketAddr = "127.0.0.1:1".parse().expect("an address");
        request.extensions_mut().insert(ConnectInfo(peer));
        let Ok(response) = self.router.clone().call(request).await;
        response
    }
}

fn gate() -> ApprovalGate {
    let policy = ApprovalPolicy::new().add_auto_approve_rule("greet", "greetings are free", |_: &Value| true);
    ApprovalGate::builder().tool(Tool::named("greet")).without_notifier().policy(policy).build().expect("nothing to refuse")
}

async fn ask(gate: &ApprovalGate) -> ApprovalRequest {
    gate.create_request(NewRequest::new(Tool::named("pay"), json!({"amount": 1}))).await.expect("filed")
}

async fn approve(gate: &ApprovalGate, request: &ApprovalRequest) {
    gate.decide(request.id(), Decision::approve(Reviewer::new("bob"), request.digest())).await.expect("approved");
}

/// Calls a tool, approves the call if it waits, and returns its request when it is over.
async fn called(gate: &ApprovalGate, tool: &'static str, returned: Result<(), Refusal>) -> RequestId {
    let mut events = gate.events();
    let call = gate.call(Tool::named(tool), json!({}), async move |_: Value| returned);
    let review = async {
        let request = events.next().await.expect("the call is on the record").request;
        if request.status() == ApprovalStatus::Pending {
            approve(gate, &request).await;
        }
        request.id()
    };
    tokio::join!(call, review).1
}

/// One request in each state that a request can be in, with that state's name.
async fn in_every_state(gate: &ApprovalGate) -> Vec<(&'static str, RequestId)> {
    let expired = ask(gate).await;
    approve(gate, &expired).await;
    let timed_out = ask(gate).await;
    tokio::time::advance(Duration::from_secs(16 * 60)).await;
    let pending = ask(gate).await;
    let approved = ask(gate).await;
    approve(gate, &approved).await;
    let rejected = ask(gate).await;
    gate.decide(rejected.id(), Decision::reject(Reviewer::new("bob"))).await.expect("rejected");
    let cancelled = ask(gate).await;
    gate.cancel(cancelled.id(), "bob").await.expect("cancelled");
    let failure = Err(Refusal::NoGate { tool: "pay".into() });
    vec![
        ("pending", pending.id()),
        ("approved", approved.id()),
        ("auto_approved", called(gate, "greet", Ok(())).await),
        ("rejected", rejected.id()),
        ("timed_out", timed_out.id()),
        ("cancelled", cancelled.id()),
        ("expired", expired.id()),
        ("executed", called(gate, "pay", Ok(())).await),
        ("failed", called(gate, "pay", failure).await),
    ]
}

fn state(request: &ApprovalRequest) -> &'static str {
    match request.execution().state {
        ExecutionState::Executed if request.status() == ApprovalStatus::Approved => "executed",
        ExecutionState::Failed => "failed",
        _ => request.status().as_str(),
    }
}

/// The record in whole, its version included.
async fn record(gate: &ApprovalGate, id: RequestId) -> Value {
    let record = serde_json::to_value(gate.get_request(id).await.expect("it is kept")).expect("JSON");
    assert!(record["version"].is_u64(), "{record}");
    record
}

#[tokio::test(start_paused = true)]
async fn i18_safe_methods_change_nothing() {
    let gate = gate();
    let requests = in_every_state(&gate).await;
    for (name, id) in &requests {
        assert_eq!(state(&gate.get_request(*id).await.expect("it is kept")), *name);
    }
    for mounted in [Mounted::with_keys(gate.clone()), Mounted::open(gate.clone())] {
        for (name, id) in &requests {
            let before = record(&gate, *id).await;
            let digest = before["digest"].as_str().expect("a digest");
            let body = json!({"approved": true, "digest": digest}).to_string();
            for (path, _) in ROUTES {
                let path = path.replace("{id}", &id.to_string());
                for query in ["", "?approved=true&reviewer=alice", "?approved=false&reviewer=alice", "?decision=approve&key=x"]
                {
                    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
                        for (credential, value) in &mounted.credentials {
                            for accept in ["text/html", "application/json"] {
                                let headers =
                                    [(*credential, &**value), ("accept", accept), ("content-type", "application/json")];
                                mounted.send(&method, &format!("{path}{query}"), &headers, body.clone()).await;
                            }
                        }
                    }
                }
            }
            assert_eq!(record(&gate, *id).await, before, "{name}");
        }
    }
}

#[tokio::test]
async fn t19_every_route_carries_the_headers() {
    let gate = gate();
    let id = ask(&gate).await.id().to_string();
    for mounted in [Mounted::with_keys(gate.clone()), Mounted::open(gate.clone())] {
        for (path, _) in ROUTES.into_iter().chain([("/nowhere", ROUTES[0].1)]) {
            for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::POST, Method::DELETE] {
                for credential in mounted.credentials.iter().map(|(name, value)| (*name, &**value)).chain([("x-none", "")]) {
                    let headers = [credential, ("accept", "text/html"), ("content-type", "application/x-www-form-urlencoded")];
                    let response = mounted.send(&method, &path.replace("{id}", &id), &headers, String::new()).await;
                    let cell = format!("{method} {path}: {}", response.status());
                    let header = |name| response.headers().get(name).unwrap_or_else(|| panic!("no {name} on {cell}"));
                    assert_eq!(header("x-frame-options"), "DENY", "{cell}");
                    assert_eq!(header("cache-control"), "no-store", "{cell}");
                    assert_eq!(header("x-content-type-options"), "nosniff", "{cell}");
                    assert!(
                        header("content-security-policy").to_str().expect("ASCII").contains("frame-ancestors 'none'"),
                        "{cell}"
                    );
                    assert!(response.headers().get("access-control-allow-origin").is_none(), "{cell}");
                    assert!(!response.status().is_server_error(), "{cell}");
                }
            }
        }
    }
}

#[tokio::test]
async fn t20_every_route_asks_for_its_host() {
    let mounted = Mounted::with_keys(gate());
    let (credential, token) = &mounted.credentials[0];
    for (path, _) in ROUTES.into_iter().chain([("/nowhere", ROUTES[0].1)]) {
        for host in ["evil.test", "127.0.0.1.evil.test", "0.0.0.0", "[::]:7878", ""] {
            for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::POST] {
                let mut request = Request::builder().method(&method).uri(path).header("host", host);
                request = request.header(*credential, token);
                let Ok(response) = mounted.router.clone().call(request.body(Body::empty()).expect("a request")).await;
                assert_eq!(response.status(), StatusCode::FORBIDDEN, "{method} {path} as {host:?}");
            }
        }
    }
}

#[tokio::test]
async fn t25_without_authentication_only_neighbours_come() {
    let mounted = Mounted::open(gate());
    for (peer, status) in [
        ("127.0.0.1:1", StatusCode::OK),
        ("[::1]:1", StatusCode::OK),
        ("[::ffff:127.0.0.1]:1", StatusCode::OK),
        ("192.0.2.1:1", StatusCode::FORBIDDEN),
        ("[::ffff:192.0.2.1]:1", StatusCode::FORBIDDEN),
        ("[2001:db8::1]:1", StatusCode::FORBIDDEN),
    ] {
        let mut request = Request::builder().uri("/approvals/pending").header("host", LOCAL);
        let peer: SocketAddr = peer.parse().expect("an address");
        request = request.extension(ConnectInfo(peer));
        let Ok(response) = mounted.router.clone().call(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(response.status(), status, "{peer}");
    }
}
