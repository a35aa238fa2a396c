//! The JSON API: what it returns, and what it refuses.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use approval_runtime::{Agent, ApprovalStatus, NewRequest, Refusal, RequestId, Tool};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{decide_path, served};

#[tokio::test]
async fn pending_is_an_array_oldest_first() {
    let served = served().await;
    assert_eq!(served.get("/approvals/pending").await.json(), json!([]));

    let mut asked = Vec::new();
    for _ in 0..5 {
        asked.push(served.ask_mail().await.id().to_string());
    }
    let answer = served.get("/approvals/pending").await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let listed: Vec<_> = answer.json().as_array().expect("a bare array").iter().map(|it| it["id"].clone()).collect();
    assert_eq!(listed, asked);
}

#[tokio::test]
async fn request_is_read_by_id() {
    let served = served().await;
    let request = served.ask_mail().await;
    let answer = served.get(&format!("/approvals/{}", request.id())).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), serde_json::to_value(&request).expect("JSON"));

    for id in ["00000000-0000-4000-8000-000000000000", "1", "%FF", "..%2Fpending"] {
        let answer = served.get(&format!("/approvals/{id}")).await;
        assert_eq!((answer.status, &*answer.problem()), (404, "not_found"), "{id}");
    }
}

/// Starts a call that waits, and returns it with the count of its body's runs.
fn waiting_call(served: &super::Served) -> (tokio::task::JoinHandle<Result<String, Refusal>>, Arc<AtomicUsize>) {
    let (gate, runs) = (served.gate.clone(), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&runs);
    let call = tokio::spawn(async move {
        let arguments = json!({"amount": 12});
        gate.call(Tool::named("process_payment"), arguments, |arguments: Value| async move {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(arguments.to_string())
        })
        .await
    });
    (call, runs)
}

async fn the_pending_one(served: &super::Served) -> approval_runtime::ApprovalRequest {
    loop {
        if let Some(request) = served.gate.get_pending().await.expect("memory answers").pop() {
            return request;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn approval_over_http_runs_the_call() {
    let served = served().await;
    let (call, runs) = waiting_call(&served);
    let request = the_pending_one(&served).await;
    let body = json!({"approved": true, "digest": request.digest(), "comment": "as agreed"});
    let answer = served.decide(&request, body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let decided = answer.json();
    assert_eq!(decided["status"], "approved");
    assert_eq!((&decided["decided_by"], &decided["comment"]), (&json!("alice"), &json!("as agreed")));
    assert_eq!(decided["votes"][0]["door"], "http");

    assert_eq!(call.await.expect("no panic").expect("approved"), r#"{"amount":12}"#);
    assert_eq!(runs.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn rejection_over_http_stops_the_call() {
    let served = served().await;
    let (call, runs) = waiting_call(&served);
    let request = the_pending_one(&served).await;
    let answer = served.decide(&request, json!({"approved": false, "comment": "too much"})).await;
    assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("rejected")));

    let refusal = call.await.expect("no panic").expect_err("rejected");
    assert_eq!(refusal.to_string(), "Action 'process_payment' was rejected by alice.");
    assert_eq!(runs.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn approval_names_what_was_seen() {
    let served = served().await;
    let request = served.ask_mail().await;
    let answer = served.decide(&request, json!({"approved": true})).await;
    assert_eq!((answer.status, &*answer.problem()), (400, "digest_required"));
    let answer = served.decide(&request, json!({"approved": true, "digest": "0".repeat(64)})).await;
    assert_eq!((answer.status, &*answer.problem()), (409, "digest_mismatch"));
    let answer = served.decide(&request, json!({"approved": false, "digest": "0".repeat(64)})).await;
    assert_eq!((answer.status, &*answer.problem()), (409, "digest_mismatch"));
    assert_eq!(served.status(&request).await, ApprovalStatus::Pending);
}

#[tokio::test]
async fn i03_first_decision_is_final() {
    let served = served().await;
    let request = served.ask_mail().await;
    let first = served.approve(&request).await;
    assert_eq!(first.status, 200);
    let again = served.approve(&request).await;
    assert_eq!((again.status, again.json()), (200, first.json()));

    let answer = served.decide(&request, json!({"approved": false})).await;
    assert_eq!(answer.status, 409);
    answer.problem();
    assert_eq!(answer.json()["request"], first.json());
    assert_eq!(served.status(&request).await, ApprovalStatus::Approved);

    // What somebody else has decided meanwhile.
    let request = served.ask_mail().await;
    let bob = approval_runtime::Decision::reject(approval_runtime::Reviewer::new("bob"));
    served.gate.decide(request.id(), bob).await.expect("the first decision");
    let answer = served.approve(&request).await;
    assert_eq!((answer.status, &*answer.problem()), (409, "already_decided"));
    assert_eq!(answer.json()["request"]["decided_by"], "bob");
}

#[tokio::test]
async fn t13_own_call_is_for_somebody_else() {
    let served = served().await;
    let on_behalf = Agent::new("billing").on_behalf_of("alice");
    let asked = NewRequest::new(Tool::named("refund"), json!({})).agent(on_behalf);
    let request = served.gate.create_request(asked).await.expect("a request that can be filed");
    let answer = served.approve(&request).await;
    assert_eq!((answer.status, &*answer.problem()), (403, "self_review"));
    assert_eq!(served.status(&request).await, ApprovalStatus::Pending);
}

#[tokio::test]
async fn other_peoples_tools_are_refused() {
    let served = served().await;
    let request = served.ask(Tool::named("migrate").approvers(["dba"]), json!({})).await;
    let answer = served.approve(&request).await;
    assert_eq!((answer.status, &*answer.problem()), (403, "not_allowed"));
    assert_eq!(served.status(&request).await, ApprovalStatus::Pending);

    let request = served.ask(Tool::named("pay").approvers(["finance"]), json!({})).await;
    assert_eq!(served.approve(&request).await.status, 200, "a role is enough");
}

#[tokio::test]
async fn t14_body_cannot_name_the_reviewer() {
    let served = served().await;
    let request = served.ask_mail().await;
    let body = json!({"approved": true, "digest": request.digest(), "reviewer": "ciso"});
    let answer = served.decide(&request, body).await;
    assert_eq!((answer.status, &*answer.problem()), (400, "unknown_field"));
    assert_eq!(served.status(&request).await, ApprovalStatus::Pending);

    let target = format!("{}?approved=true&reviewer=ciso", decide_path(&request));
    let answer = served.call("POST", &target).json(&json!({"approved": false})).send().await;
    assert_eq!(answer.json()["decided_by"], "alice", "a query says nothing");
}

#[tokio::test]
async fn bodies_that_are_no_decision_are_refused() {
    const CANARY: &str = "canary-7f3a";
    let served = served().await;
    let request = served.ask_mail().await;
    let digest = request.digest();
    let deep = format!(r#"{{"approved":true,"edited_arguments":{}1{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let cases: Vec<(&str, Vec<u8>, u16, &str)> = vec![
        ("nothing", b"".into(), 400, "invalid_json"),
        ("no JSON", b"approved=true".into(), 400, "invalid_json"),
        ("an array", b"[true]".into(), 400, "type_mismatch"),
        ("no `approved`", b"{}".into(), 400, "missing_field"),
        ("text for a bool", br#"{"approved":"true"}"#.into(), 400, "type_mismatch"),
        ("a number for a bool", br#"{"approved":1}"#.into(), 400, "type_mismatch"),
        ("null for a bool", br#"{"approved":null}"#.into(), 400, "type_mismatch"),
        ("a number for text", br#"{"approved":false,"comment":7}"#.into(), 400, "type_mismatch"),
        ("half a digest", br#"{"approved":true,"digest":"canary-7f3a"}"#.into(), 400, "type_mismatch"),
        ("an unknown field", br#"{"approved":false,"canary-7f3a-x":1}"#.into(), 400, "unknown_field"),
        ("two answers", br#"{"approved":false,"approved":true}"#.into(), 400, "duplicate_key"),
        ("two answers, one escaped", br#"{"approved":false,"\u0061pproved":true}"#.into(), 400, "duplicate_key"),
        (
            "another API's body",
            br#"{"decision":"reject","decision":"approve","approved":true,"reviewer":"ciso@company.com"}"#.into(),
            400,
            "duplicate_key",
        ),
        (
            "a key twice, far down",
            format!(r#"{{"approved":true,"digest":"{digest}","edited_arguments":{{"a":[{{"b":{{"c":1,"c":2}}}}]}}}}"#).into(),
            400,
            "duplicate_key",
        ),
        ("text behind the end", br#"{"approved":false} x"#.into(), 400, "invalid_json"),
        ("a nul behind the end", b"{\"approved\":false}\0".into(), 400, "invalid_json"),
        ("bytes behind the end that are no text", b"{\"approved\":false}\xff".into(), 400, "invalid_json"),
        ("a reviewer", br#"{"approved":false,"reviewer":"ciso"}"#.into(), 400, "unknown_field"),
        ("nobody for a reviewer", br#"{"approved":false,"reviewer":null}"#.into(), 400, "unknown_field"),
        ("a second document", br#"{"approved":false}{"approved":true}"#.into(), 400, "invalid_json"),
        ("bytes that are no text", b"{\"to\":\"\xff\xc0\xaf\"}".into(), 400, "invalid_json"),
        ("too deep", deep.into(), 400, "too_deep"),
        (
            "a huge number",
            format!(r#"{{"approved":true,"digest":"{digest}","edited_arguments":{{"amount":1e400}}}}"#).into(),
            400,
            "number_out_of_range",
        ),
        (
            "a key twice in the edit",
            format!(r#"{{"approved":true,"digest":"{digest}","edited_arguments":{{"to":"{CANARY}","to":"x"}}}}"#).into(),
            400,
            "duplicate_key",
        ),
        (
            "an edit that is no object",
            format!(r#"{{"approved":true,"digest":"{digest}","edited_arguments":"{CANARY}"}}"#).into(),
            422,
            "invalid_edit",
        ),
        ("an edit of a rejection", br#"{"approved":false,"edited_arguments":{}}"#.into(), 400, "unexpected_edit"),
        ("too long", format!(r#"{{"approved":false,"comment":"{}"}}"#, "A".repeat(2 << 20)).into(), 413, "body_too_large"),
    ];
    for (what, body, status, code) in cases {
        let answer = served.call("POST", &decide_path(&request)).body("application/json", body).send().await;
        assert_eq!((answer.status, &*answer.problem()), (status, code), "{what}: {}", answer.text());
        assert!(!answer.text().contains(CANARY), "{what}: {}", answer.text());
        assert_eq!(served.status(&request).await, ApprovalStatus::Pending, "{what}");
    }
}

#[tokio::test]
async fn edits_keep_every_digit() {
    let served = served().await;
    let request = served.ask(Tool::named("pay"), json!({"amount": 1})).await;
    let edit = r#"{"amount":9007199254740993,"most":18446744073709551615,"rate":0.1,"whole":5.0}"#;
    let body = format!(r#"{{"approved":true,"digest":"{}","edited_arguments":{edit}}}"#, request.digest());
    let answer = served.call("POST", &decide_path(&request)).body("application/json", body).send().await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert!(answer.text().contains(&format!(r#""edited_arguments":{edit}"#)), "{}", answer.text());
    assert_ne!(answer.json()["digest"], request.digest().to_string(), "the digest is of what will run");
    assert_eq!(answer.json()["arguments"], json!({"amount": 1}));
}

/// I28: the bound is that of the arguments, not of the decision around them.
#[tokio::test]
async fn i28_largest_arguments_can_be_edited() {
    let served = served().await;
    let fill = |bytes: usize| json!({"body": "A".repeat(bytes - r#"{"body":""}"#.len())});
    let largest = approval_runtime::arguments::MAX_BYTES;
    let decide = async |edited: Value| {
        let request = served.ask(Tool::named("send_email"), json!({"body": ""})).await;
        let comment = "é".repeat(2_000);
        let decision = json!({"approved": true, "digest": request.digest(), "edited_arguments": edited, "comment": comment});
        (served.decide(&request, decision).await, request)
    };
    let (answer, request) = decide(fill(largest)).await;
    assert_eq!(answer.status, 200, "{}", answer.text().get(..300).unwrap_or_default());
    assert_eq!(served.status(&request).await, ApprovalStatus::Approved);

    let (answer, request) = decide(fill(largest + 1)).await;
    assert_eq!((answer.status, &*answer.problem()), (422, "invalid_edit"));
    assert_eq!(served.status(&request).await, ApprovalStatus::Pending);
    let (answer, request) = decide(fill(largest + 100_000)).await;
    assert_eq!((answer.status, &*answer.problem()), (413, "too_large"));
    assert_eq!(served.status(&request).await, ApprovalStatus::Pending);

    let nested = (1..approval_runtime::arguments::MAX_DEPTH).fold(json!(1), |inner, _| json!([inner]));
    assert_eq!(decide(json!({"a": nested})).await.0.status, 200, "the deepest too");
    assert_eq!(decide(json!({"a": [nested]})).await.0.status, 400);
}

#[tokio::test]
async fn decisions_are_sent_as_json() {
    let served = served().await;
    let request = served.ask_mail().await;
    let body = json!({"approved": false}).to_string();
    for content_type in [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "text/json",
        "application/x-www-form-urlencoded",
        "",
    ] {
        let answer = served.call("POST", &decide_path(&request)).body(content_type, body.clone()).send().await;
        assert_eq!((answer.status, &*answer.problem()), (415, "unsupported_media_type"), "{content_type}");
        assert_eq!(served.status(&request).await, ApprovalStatus::Pending, "{content_type}");
    }
    let answer = served.call("POST", &decide_path(&request)).body("Application/JSON; charset=utf-8", body).send().await;
    assert_eq!(answer.status, 200);
}

#[tokio::test]
async fn slow_body_is_given_up() {
    let served = served().await;
    let head = format!(
        "POST /approvals/{}/decide HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 20\r\nConnection: close\r\n\r\n{{",
        RequestId::random(),
        served.address,
        served.token
    );
    let mut stream = TcpStream::connect(served.address).await.expect("it listens");
    stream.write_all(head.as_bytes()).await.expect("it reads");
    // From here on time passes whenever everybody waits.
    tokio::time::pause();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.expect("it answers");
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test]
async fn wrong_methods_name_the_right_ones() {
    let served = served().await;
    let request = served.ask_mail().await;
    let one = format!("/approvals/{}", request.id());
    let decide = decide_path(&request);
    let cases = [
        ("/", "GET,HEAD"),
        ("/style.css", "GET,HEAD"),
        ("/approvals", "GET,HEAD"),
        ("/approvals/pending", "GET,HEAD"),
        ("/approvals/events", "GET,HEAD"),
        (&one, "GET,HEAD"),
        (&decide, "POST"),
    ];
    for (target, allowed) in cases {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "BREW"] {
            if allowed.contains(method) {
                continue;
            }
            let answer = served.call(method, target).send().await;
            assert_eq!((answer.status, answer.header("allow")), (405, Some(allowed)), "{method} {target}");
            if method != "HEAD" {
                assert_eq!(answer.problem(), "method_not_allowed");
            }
        }
    }
    for target in ["/approvals/", "/approvals/pending/", "/approvals/events/", "/approve", "//", "/approvals/1/decide/now"] {
        let answer = served.get(target).await;
        assert_eq!((answer.status, &*answer.problem()), (404, "not_found"), "{target}");
    }
}

#[tokio::test]
async fn t05_json_is_safe_in_a_terminal() {
    let served = served().await;
    let arguments = json!({"file": "invoice\u{202e}fdp.exe", "note": "a\u{9b}2J\u{7f}\u{200b}\u{1b}[2J", "name": "Jürgen 😀"});
    let request = served.ask(Tool::named("open"), arguments.clone()).await;
    for target in ["/approvals/pending", &format!("/approvals/{}", request.id())] {
        let answer = served.get(target).await;
        assert!(answer.text().bytes().all(|byte| matches!(byte, b' '..=b'~')), "{}", answer.text());
        let json = answer.json();
        assert_eq!(json.get(0).unwrap_or(&json)["arguments"], arguments);
    }
}
