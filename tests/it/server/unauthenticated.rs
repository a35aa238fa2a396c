//! A server without authentication: the query form of small scripts, and all that keeps strangers from using it.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use approval_runtime::{Agent, ApprovalStatus, NewRequest, Refusal, Tool};
use approval_server::{ServeError, Server};
use axum::Router;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::{HTML, Served, decide_path, gate, served, served_by};

async fn open() -> Served {
    served_by(Server::without_authentication).await
}

/// Sends these bytes and nothing else, and returns the answer's bytes.
async fn raw(address: SocketAddr, bytes: String) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(bytes.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers in UTF-8");
    answer
}

/// What `requests.get(url)` and `requests.post(url, params=…)` of Python send, byte for byte.
#[tokio::test]
async fn python_clients_bytes_are_understood() {
    let served = open().await;
    let address = served.address;
    let call = tokio::spawn({
        let gate = served.gate.clone();
        let arguments = json!({"to": "anna@example.com"});
        async move { gate.call(Tool::named("send_email"), arguments, async |_: Value| Ok::<_, Refusal>("sent")).await }
    });
    let headers = format!(
        "Host: {address}\r\nUser-Agent: python-requests/2.32.3\r\nAccept-Encoding: gzip, deflate\r\nAccept: */*\r\n\
         Connection: close\r\n"
    );
    let id = loop {
        let answer = raw(address, format!("GET /approvals/pending HTTP/1.1\r\n{headers}\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
        let pending: Value = serde_json::from_str(body).expect("JSON");
        if let Some(id) = pending[0]["id"].as_str() {
            break id.to_owned();
        }
    };
    let target = format!("/approvals/{id}/decide?approved=True&reviewer=alice");
    let answer = raw(address, format!("POST {target} HTTP/1.1\r\n{headers}Content-Length: 0\r\n\r\n")).await;
    let (head, body) = answer.split_once("\r\n\r\n").expect("a body");
    assert!(head.starts_with("HTTP/1.1 200 "), "{answer}");
    let decided: Value = serde_json::from_str(body).expect("JSON");
    assert_eq!((&decided["id"], &decided["status"], &decided["decided_by"]), (&json!(id), &json!("approved"), &json!("alice")));
    assert_eq!(decided["votes"][0]["door"], "unauthenticated", "the record tells");
    assert_eq!(decided["votes"][0]["digest"], decided["digest"], "the stored digest is taken");
    assert_eq!(call.await.expect("no panic").expect("approved"), "sent");
}

/// The same with Python itself, where there is one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn python_client_approves() {
    if Command::new("python3").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        println!("skipped: there is no python3 here; `python_clients_bytes_are_understood` sends what it would");
        return;
    }
    let served = open().await;
    let calls = [1, 2].map(|amount| {
        let gate = served.gate.clone();
        tokio::spawn(async move {
            gate.call(Tool::named("pay"), json!({"amount": amount}), async |arguments: Value| Ok::<_, Refusal>(arguments)).await
        })
    });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/it/server/clients/approve_all.py");
    let server = format!("http://{}", served.address);
    let python = tokio::task::spawn_blocking(move || Command::new("python3").args([script, &server, "alice", "2"]).output());
    let output = python.await.expect("no panic").expect("python3 runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).expect("ASCII");
    assert_eq!(printed.matches("decided: approved by alice").count(), 2, "{printed}");
    for (call, amount) in calls.into_iter().zip([1, 2]) {
        assert_eq!(call.await.expect("no panic").expect("approved"), json!({"amount": amount}));
        assert!(printed.contains(&format!(r#"waiting: pay {{"amount": {amount}}}"#)), "{printed}");
    }
}

#[tokio::test]
async fn query_says_yes_or_no() {
    let served = open().await;
    for (approved, status) in
        [("true", "approved"), ("True", "approved"), ("false", "rejected"), ("False", "rejected"), ("%74rue", "approved")]
    {
        let request = served.ask_mail().await;
        let target = format!("{}?reviewer=J%C3%BCrgen+B&approved={approved}", decide_path(&request));
        let answer = served.anonymous("POST", &target).send().await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!((&answer.json()["status"], &answer.json()["decided_by"]), (&json!(status), &json!("Jürgen B")));
    }
    let request = served.ask_mail().await;
    let target = format!("{}?reviewer=alice", decide_path(&request));
    let body = json!({"approved": true, "digest": request.digest(), "comment": "as agreed"});
    let answer = served.anonymous("POST", &target).json(&body).send().await.json();
    assert_eq!((&answer["status"], &answer["comment"]), (&json!("approved"), &json!("as agreed")));
    assert_eq!(answer["votes"][0]["door"], "unauthenticated");
}

#[tokio::test]
async fn unclear_queries_decide_nothing() {
    let served = open().await;
    let request = served.ask_mail().await;
    let long = format!("approved=true&reviewer={}", "a".repeat(201));
    let cases = [
        ("", "missing_field"),
        ("approved=true", "missing_field"),
        ("reviewer=alice", "missing_field"),
        ("approved=true&reviewer=", "type_mismatch"),
        ("approved=true&reviewer=%20", "type_mismatch"),
        (&long, "type_mismatch"),
        ("approved=&reviewer=alice", "type_mismatch"),
        ("approved=1&reviewer=alice", "type_mismatch"),
        ("approved=yes&reviewer=alice", "type_mismatch"),
        ("approved=TRUE&reviewer=alice", "type_mismatch"),
        ("approved=true%20&reviewer=alice", "type_mismatch"),
        ("approved=false&approved=true&reviewer=alice", "duplicate_key"),
        ("approved=true&reviewer=alice&reviewer=bob", "duplicate_key"),
        ("approved=true&reviewer=alice&comment=hi", "unknown_field"),
        ("Approved=true&reviewer=alice", "unknown_field"),
        ("approved=true;reviewer=alice", "type_mismatch"),
    ];
    for (query, code) in cases {
        let target = format!("{}?{query}", decide_path(&request));
        let answer = served.anonymous("POST", &target).send().await;
        assert_eq!((answer.status, &*answer.problem()), (400, code), "{query}");
        assert_eq!(served.status(&request).await, ApprovalStatus::Pending, "{query}");
    }
    let decision = json!({"approved": true, "digest": request.digest()});
    let both = format!("{}?approved=true&reviewer=alice", decide_path(&request));
    let answer = served.anonymous("POST", &both).json(&decision).send().await;
    assert_eq!((answer.status, &*answer.problem()), (400, "unexpected_body"));
    let named = format!("{}?reviewer=alice", decide_path(&request));
    for media_type in ["text/plain", "application/x-www-form-urlencoded"] {
        let answer = served.anonymous("POST", &named).body(media_type, decision.to_string()).send().await;
        assert_eq!((answer.status, &*answer.problem()), (415, "unsupported_media_type"));
    }
    let answer = served.anonymous("POST", &named).json(&json!({"approved": true})).send().await;
    assert_eq!((answer.status, &*answer.problem()), (400, "digest_required"));
    let nobody = "/approvals/00000000-0000-4000-8000-000000000000/decide?approved=true&reviewer=alice";
    assert_eq!(served.anonymous("POST", nobody).send().await.status, 404);
    assert_eq!(served.status(&request).await, ApprovalStatus::Pending);
}

#[tokio::test]
async fn t18_other_pages_decide_nothing_by_query() {
    let served = open().await;
    let own = format!("http://{}", served.address);
    let near = format!("http://localhost:{}", served.address.port());
    let types = [
        None,
        Some(""),
        Some("application/json"),
        Some("application/x-www-form-urlencoded"),
        Some("text/plain"),
        Some("multipart/form-data; boundary=x"),
        Some("application/octet-stream"),
        Some("text/json"),
    ];
    let mut decided = 0;
    for content_type in types {
        for site in [None, Some("same-origin"), Some("none"), Some("same-site"), Some("cross-site")] {
            for origin in [None, Some(&*own), Some(&*near), Some("null"), Some("http://evil.test")] {
                let request = served.ask_mail().await;
                let target = format!("{}?approved=true&reviewer=alice", decide_path(&request));
                let mut call = served.anonymous("POST", &target);
                for (name, value) in [("Content-Type", content_type), ("Sec-Fetch-Site", site), ("Origin", origin)] {
                    if let Some(value) = value {
                        call = call.header(name, value);
                    }
                }
                let answer = call.send().await;
                let is_own = matches!(site, None | Some("same-origin" | "none")) && origin.is_none_or(|it| it == own);
                let expected = if is_own { ApprovalStatus::Approved } else { ApprovalStatus::Pending };
                let cell = format!("{content_type:?}, {site:?}, {origin:?}: {}", answer.status);
                assert_eq!(served.status(&request).await, expected, "{cell}");
                if !is_own {
                    assert_eq!((answer.status, &*answer.problem()), (403, "cross_site"), "{cell}");
                }
                decided += usize::from(is_own);
            }
        }
    }
    assert_eq!(decided, 8 * 3 * 2);
}

#[tokio::test]
async fn t20_other_names_decide_nothing_by_query() {
    let served = open().await;
    let request = served.ask_mail().await;
    let target = format!("{}?approved=true&reviewer=alice", decide_path(&request));
    for host in ["evil.test", "127.0.0.1.evil.test", "0.0.0.0"] {
        let answer = served.anonymous("POST", &target).header("Host", host).send().await;
        assert_eq!((answer.status, &*answer.problem()), (403, "host_not_allowed"), "{host}");
    }
    assert_eq!(served.status(&request).await, ApprovalStatus::Pending);
}

#[tokio::test]
async fn proxied_requests_are_refused() {
    let served = open().await;
    for name in ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP"] {
        let answer = served.anonymous("GET", "/approvals/pending").header(name, "192.0.2.1").send().await;
        assert_eq!((answer.status, &*answer.problem()), (403, "forwarded"), "{name}");
    }
}

#[tokio::test]
async fn t13_own_name_is_still_refused() {
    let served = open().await;
    let asked = NewRequest::new(Tool::named("refund"), json!({})).agent(Agent::new("billing").on_behalf_of("alice"));
    let request = served.gate.create_request(asked).await.expect("filed");
    let target = format!("{}?approved=true&reviewer=alice", decide_path(&request));
    let answer = served.anonymous("POST", &target).send().await;
    assert_eq!((answer.status, &*answer.problem()), (403, "self_review"));
}

#[tokio::test]
async fn page_shows_and_has_no_button() {
    let served = open().await;
    served.ask_mail().await;
    for path in ["/", "/page"] {
        let answer = served.anonymous("GET", path).header("Accept", HTML).send().await;
        assert_eq!(answer.status, 200);
        let page = answer.text();
        assert!(page.contains("send_email") && page.contains("without authentication") && page.contains("reviewer="), "{page}");
        assert!(!page.contains("<form") && !page.contains("<button"), "{page}");
    }
}

#[tokio::test]
async fn query_alone_is_refused_elsewhere() {
    let served = served().await;
    let request = served.ask_mail().await;
    let target = format!("{}?approved=true&reviewer=alice", decide_path(&request));
    let answer = served.anonymous("POST", &target).send().await;
    assert_eq!((answer.status, &*answer.problem()), (401, "unauthenticated"));
    assert!(answer.json()["detail"].as_str().is_some_and(|it| it.contains("application/json") && it.contains("digest")));
    let answer = served.call("POST", &target).send().await;
    assert_eq!((answer.status, &*answer.problem()), (415, "unsupported_media_type"));
    assert!(answer.json()["detail"].as_str().is_some_and(|it| it.contains("application/json") && it.contains("digest")));
    assert_eq!(served.status(&request).await, ApprovalStatus::Pending);
}

#[tokio::test]
async fn t25_only_loopback_goes_without() {
    for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let error = Server::new(gate()).without_authentication().bind(address).await.expect_err(address);
        assert!(matches!(error, ServeError::OffLoopback { .. }), "{error:?}");
    }
}

/// Serves an app, with or without telling its routes who connects.
async fn app(tells: bool, router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        match tells {
            true => axum::serve(listener, router.into_make_service_with_connect_info::<SocketAddr>()).await,
            false => axum::serve(listener, router).await,
        }
    });
    address
}

#[tokio::test]
async fn unknown_peers_are_refused() {
    let gate = gate();
    let router = || Server::new(gate.clone()).without_authentication().router().expect("nothing to refuse");
    let blind = app(false, Router::new().nest("/review", router())).await;
    for (method, target) in [("GET", "/review/approvals/pending"), ("GET", "/review"), ("GET", "/review/healthz")] {
        let answer = crate::support::Call::new(blind, method, target).send().await;
        assert_eq!((answer.status, &*answer.problem()), (500, "peer_unknown"));
        assert!(answer.text().contains("into_make_service_with_connect_info"), "it says what to write");
    }
    let seeing = app(true, Router::new().nest("/review", router())).await;
    let answer = crate::support::Call::new(seeing, "GET", "/review/approvals/pending").send().await;
    assert_eq!((answer.status, answer.json()), (200, json!([])));
}

/// An app may let other origins read its answers; what waits is not among them.
#[tokio::test]
async fn other_pages_read_nothing() {
    let served = open().await;
    for path in ["/approvals/pending", "/approvals", "/approvals/events", "/page"] {
        for origin in ["http://evil.test", "null", "http://127.0.0.1:1"] {
            let answer = served.anonymous("GET", path).header("Origin", origin).send().await;
            assert_eq!((answer.status, &*answer.problem()), (403, "cross_site"), "{path} from {origin}");
        }
    }
    let own = format!("http://{}", served.address);
    assert_eq!(served.anonymous("GET", "/approvals/pending").header("Origin", &own).send().await.status, 200);
}
