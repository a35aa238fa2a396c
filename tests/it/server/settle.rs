//! Saying over HTTP how a call ended whose outcome nobody knows.

use approval_runtime::{ApprovalGate, ApprovalRequest, Refusal, Reviewer, Tool};
use approval_server::Server;
use serde_json::json;

use super::{Served, served, served_by};
use crate::tools::approve;

/// A call whose body was cut short.
async fn cut_short(gate: &ApprovalGate, tool: Tool) -> ApprovalRequest {
    let (started, has_started) = tokio::sync::oneshot::channel();
    let body = |_| async move {
        started.send(()).expect("somebody waits for it");
        std::future::pending::<Result<(), Refusal>>().await
    };
    let review = async {
        let request = approve(gate).await;
        has_started.await.expect("it starts");
        request
    };
    tokio::select! {
        _ = gate.call(tool, json!({"amount": 1}), body) => panic!("it does not end"),
        request = review => request,
    }
}

async fn settle(served: &Served, request: &ApprovalRequest, body: serde_json::Value) -> crate::support::Answer {
    served.call("POST", &format!("/approvals/{}/settle", request.id())).json(&body).send().await
}

/// I13: a reviewer says it once; saying it again is answered as the first time, anything else is a conflict.
#[tokio::test]
async fn i13_unknown_outcome_is_settled_once() {
    let served = served().await;
    let request = cut_short(&served.gate, Tool::named("move")).await;
    let listed = served.get("/approvals/indeterminate").await.json();
    assert_eq!(listed[0]["id"], request.id().to_string());
    for (body, code) in [
        (json!({}), "missing_field"),
        (json!({"outcome": "cancelled"}), "type_mismatch"),
        (json!({"outcome": "failed", "reviewer": "ciso"}), "unknown_field"),
    ] {
        let answer = settle(&served, &request, body).await;
        assert_eq!((answer.status, &*answer.problem()), (400, code));
    }
    for _ in 0..2 {
        let answer = settle(&served, &request, json!({"outcome": "executed"})).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(answer.json()["execution"]["state"], "executed");
        assert_eq!(answer.json()["execution"]["settled_by"], "alice");
    }
    let answer = settle(&served, &request, json!({"outcome": "failed"})).await;
    assert_eq!((answer.status, &*answer.problem()), (409, "not_indeterminate"));
    assert_eq!(served.get("/approvals/indeterminate").await.json(), json!([]));
}

/// I8, T18: it takes a reviewer of the tool, a token, and JSON.
#[tokio::test]
async fn i08_settling_takes_authority() {
    let served = served().await;
    let pending = served.ask_mail().await;
    let answer = settle(&served, &pending, json!({"outcome": "executed"})).await;
    assert_eq!((answer.status, &*answer.problem()), (409, "not_indeterminate"));
    let reject = approval_runtime::Decision::reject(Reviewer::new("alice"));
    served.gate.decide(pending.id(), reject).await.expect("it is pending");

    let request = cut_short(&served.gate, Tool::named("move")).await;
    let target = format!("/approvals/{}/settle", request.id());
    let body = json!({"outcome": "executed"});
    let answer = served.anonymous("POST", &target).json(&body).send().await;
    assert_eq!((answer.status, &*answer.problem()), (401, "unauthenticated"));
    let browser = served.sign_in().await;
    let origin = format!("http://{}", served.address);
    let answer = browser.call("POST", &target).header("Origin", &origin).json(&body).send().await;
    assert_eq!((answer.status, &*answer.problem()), (401, "unauthenticated"), "a cookie alone settles nothing");
    let answer = served.call("POST", &target).form(&[("outcome", "executed")]).send().await;
    assert_eq!((answer.status, &*answer.problem()), (415, "unsupported_media_type"));
    assert_eq!(served.get("/approvals/indeterminate").await.json()[0]["id"], request.id().to_string());
}

#[tokio::test]
async fn open_server_takes_the_name_from_the_query() {
    let served = served_by(Server::without_authentication).await;
    let request = cut_short(&served.gate, Tool::named("move")).await;
    let target = format!("/approvals/{}/settle?reviewer=olga", request.id());
    let answer = served.anonymous("POST", &target).json(&json!({"outcome": "failed"})).send().await;
    assert_eq!((answer.status, &answer.json()["execution"]["settled_by"]), (200, &json!("olga")));
}

#[tokio::test]
async fn page_says_when_nobody_waits() {
    let served = served().await;
    served.ask_mail().await;
    let page = served.sign_in().await.page("/").await;
    assert!(page.contains("Nobody is waiting for this"), "{page}");
}
