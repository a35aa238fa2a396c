//! The HTTP door, over real sockets.

mod api;
mod auth;
mod bind;
mod browser;
mod events;
mod hosts;
mod limits;
mod lists;
mod mounted;
mod page;
mod refusals;
mod reviewers;
mod settle;
mod unauthenticated;

use std::net::SocketAddr;
use std::time::Duration;

use approval_runtime::{ApprovalGate, ApprovalRequest, ApprovalStatus, NewRequest, Reviewer, Tool};
use approval_server::{Bound, Server};
use serde_json::{Value, json};

use crate::support::{Answer, Call};

/// A gate behind a server.
pub(crate) struct Served {
    pub(crate) gate: ApprovalGate,
    address: SocketAddr,
    token: String,
    link: String,
}

/// Serves a new gate to Alice, who is in finance.
pub(crate) async fn served() -> Served {
    served_by(|server| server.reviewer(Reviewer::new("alice").role("finance"))).await
}

/// Serves a new gate with these settings.
async fn served_by(settings: impl FnOnce(Server) -> Server) -> Served {
    let gate = gate();
    let bound = settings(Server::new(gate.clone())).bind("127.0.0.1:0").await.expect("a free port on loopback");
    let token = bound.token().unwrap_or_default().to_owned();
    let served = Served { gate, address: bound.address(), token, link: bound.link() };
    tokio::spawn(bound.serve());
    served
}

/// Serves this gate.
pub(crate) async fn served_at(gate: ApprovalGate) -> Served {
    let (served, serving) = bound_at(gate).await;
    tokio::spawn(serving.serve());
    served
}

/// Binds a server for this gate, which nobody serves yet.
async fn bound_at(gate: ApprovalGate) -> (Served, Bound) {
    let alice = Reviewer::new("alice").role("finance");
    let bound = Server::new(gate.clone()).reviewer(alice).bind("127.0.0.1:0").await.expect("a free port on loopback");
    let token = bound.token().unwrap_or_default().to_owned();
    (Served { gate, address: bound.address(), token, link: bound.link() }, bound)
}

fn gate() -> ApprovalGate {
    ApprovalGate::builder().without_notifier().build().expect("nothing to refuse")
}

impl Served {
    /// Files a request that nobody waits for.
    pub(crate) async fn ask(&self, tool: Tool, arguments: Value) -> ApprovalRequest {
        self.gate.create_request(NewRequest::new(tool, arguments)).await.expect("a request that can be filed")
    }

    async fn ask_mail(&self) -> ApprovalRequest {
        self.ask(Tool::named("send_email"), json!({"to": "anna@example.com", "body": "hello"})).await
    }

    async fn status(&self, request: &ApprovalRequest) -> ApprovalStatus {
        self.gate.get_request(request.id()).await.expect("it is kept").status()
    }

    /// A request without any credential.
    fn anonymous(&self, method: &str, target: &str) -> Call {
        Call::new(self.address, method, target)
    }

    pub(crate) fn call(&self, method: &str, target: &str) -> Call {
        self.as_owner_of(&self.token, method, target)
    }

    /// A request under this token.
    fn as_owner_of(&self, token: &str, method: &str, target: &str) -> Call {
        self.anonymous(method, target).header("Authorization", &format!("Bearer {token}"))
    }

    pub(crate) async fn get(&self, target: &str) -> Answer {
        self.call("GET", target).send().await
    }

    pub(crate) async fn decide(&self, request: &ApprovalRequest, body: Value) -> Answer {
        self.call("POST", &decide_path(request)).json(&body).send().await
    }

    pub(crate) async fn approve(&self, request: &ApprovalRequest) -> Answer {
        self.decide(request, json!({"approved": true, "digest": request.digest()})).await
    }

    /// Opens the link as a browser does.
    pub(crate) async fn sign_in(&self) -> Browser<'_> {
        let target = self.link.strip_prefix(&format!("http://{}", self.address)).expect("the link is the address");
        let answer = self.anonymous("GET", target).header("Accept", HTML).send().await;
        assert_eq!((answer.status, answer.header("location")), (303, Some("page")));
        let cookie = answer.header("set-cookie").expect("a session");
        Browser { served: self, cookie: cookie.split(';').next().expect("the pair comes first").to_owned() }
    }
}

const HTML: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

/// A browser that is signed in.
pub(crate) struct Browser<'s> {
    served: &'s Served,
    cookie: String,
}

impl Browser<'_> {
    fn call(&self, method: &str, target: &str) -> Call {
        self.served.anonymous(method, target).header("Accept", HTML).header("Cookie", &self.cookie)
    }

    pub(crate) async fn page(&self, target: &str) -> String {
        let answer = self.call("GET", target).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.text().to_owned()
    }

    /// Fills in the form of a request as it stands on the page, and presses one of its buttons.
    pub(crate) async fn press(&self, request: &ApprovalRequest, button: &str, comment: &str) -> Answer {
        let page = self.page("/").await;
        let form = format!("action=\"approvals/{}/decide\"", request.id());
        let (_, form) = page.split_once(&form).expect("the request has a form");
        let fields =
            [("key", hidden(form, "key")), ("digest", hidden(form, "digest")), ("comment", comment), ("decision", button)];
        self.call("POST", &decide_path(request))
            .header("Origin", &format!("http://{}", self.served.address))
            .header("Sec-Fetch-Site", "same-origin")
            .form(&fields)
            .send()
            .await
    }

    /// Follows a form's answer back to the page.
    async fn follow(&self, answer: &Answer) -> String {
        assert_eq!(answer.status, 303, "{}", answer.text());
        let location = answer.header("location").and_then(|location| location.strip_suffix("#news")).expect("a place to go");
        self.page(&format!("/{}", location.strip_prefix("../../").expect("the page"))).await
    }
}

/// Returns a hidden field's value.
fn hidden<'p>(form: &'p str, name: &str) -> &'p str {
    let (_, rest) = form.split_once(&format!("name=\"{name}\" value=\"")).expect("the field");
    rest.split_once('"').expect("its value").0
}

pub(crate) fn decide_path(request: &ApprovalRequest) -> String {
    format!("/approvals/{}/decide", request.id())
}

/// Lets time pass for the store, without anybody waiting.
async fn pass(time: Duration) {
    tokio::time::pause();
    tokio::time::advance(time).await;
    tokio::time::resume();
}
