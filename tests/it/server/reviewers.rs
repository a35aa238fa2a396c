//! Reviewers with tokens of their own.

use approval_runtime::{Agent, ApprovalRequest, ApprovalStatus, NewRequest, Reviewer, Tool};
use approval_server::{ServeError, Server};
use serde_json::{Value, json};

use super::browser::Window;
use super::{Served, decide_path, gate, served_by};
use crate::support::Answer;

const ALICE: &str = "alice-0123456789abcdef0123456789abcdef";
const ALICE_NEW: &str = "alice-new-0123456789abcdef0123456789ab";
const BOB: &str = "bob-0123456789abcdef0123456789abcdef01";

fn team() -> Vec<(Reviewer, &'static str)> {
    let alice = Reviewer::new("alice").role("finance");
    vec![(alice.clone(), ALICE), (alice, ALICE_NEW), (Reviewer::new("bob").role("dba"), BOB)]
}

async fn served() -> Served {
    served_by(|server| server.reviewers(team())).await
}

async fn approve(served: &Served, token: &str, request: &ApprovalRequest) -> Answer {
    let body = json!({"approved": true, "digest": request.digest()});
    served.as_owner_of(token, "POST", &decide_path(request)).json(&body).send().await
}

#[tokio::test]
async fn t14_credential_says_who_decides() {
    let served = served().await;
    for (token, name) in [(ALICE, "alice"), (BOB, "bob"), (ALICE_NEW, "alice")] {
        let request = served.ask_mail().await;
        let claim = json!({"approved": true, "digest": request.digest(), "reviewer": "ciso"});
        let answer = served.as_owner_of(token, "POST", &decide_path(&request)).json(&claim).send().await;
        assert_eq!((answer.status, &*answer.problem()), (400, "unknown_field"));
        let answer = approve(&served, token, &request).await.json();
        assert_eq!((&answer["decided_by"], &answer["votes"][0]["reviewer"]), (&json!(name), &json!(name)));
    }
}

#[tokio::test]
async fn t13_own_call_needs_another_person() {
    let served = served().await;
    let asked = NewRequest::new(Tool::named("refund"), json!({})).agent(Agent::new("billing").on_behalf_of("alice"));
    let request = served.gate.create_request(asked).await.expect("filed");
    for token in [ALICE, ALICE_NEW] {
        let answer = approve(&served, token, &request).await;
        assert_eq!((answer.status, &*answer.problem()), (403, "self_review"));
    }
    assert_eq!(served.status(&request).await, ApprovalStatus::Pending);
    assert_eq!(approve(&served, BOB, &request).await.json()["decided_by"], "bob");
}

#[tokio::test]
async fn i08_roles_say_who_may() {
    let served = served().await;
    let request = served.ask(Tool::named("pay").approvers(["finance"]), json!({})).await;
    let answer = approve(&served, BOB, &request).await;
    assert_eq!((answer.status, &*answer.problem()), (403, "not_allowed"));
    assert_eq!(served.status(&request).await, ApprovalStatus::Pending);
    assert_eq!(approve(&served, ALICE, &request).await.status, 200);
}

#[tokio::test]
async fn i09_quorum_counts_people_not_tokens() {
    let served = served().await;
    let request = served.ask(Tool::named("migrate").quorum(2), json!({})).await;
    for token in [ALICE, ALICE_NEW, ALICE] {
        let answer = approve(&served, token, &request).await;
        assert_eq!((answer.status, &answer.json()["status"]), (200, &json!("pending")));
        assert_eq!(answer.json()["votes"].as_array().map(Vec::len), Some(1));
    }
    assert_eq!(approve(&served, BOB, &request).await.json()["status"], "approved");
}

#[tokio::test]
async fn configured_server_makes_no_token() {
    let bound = Server::new(gate()).reviewers(team()).bind("127.0.0.1:0").await.expect("bound");
    assert_eq!((bound.token(), bound.link()), (None, format!("http://{}/", bound.address())));
    assert!(!format!("{bound:?}").contains(ALICE));
    assert!(!format!("{:?}", Server::new(gate()).reviewers(team())).contains(ALICE));
}

#[tokio::test]
async fn pasted_token_signs_in_and_out() {
    let served = served().await;
    let request = served.ask_mail().await;
    let mut window = Window::new(served.address);
    window.open("/").await;
    assert_eq!(window.status(), 401);
    assert!(!window.page().contains("send_email"));
    window.submit("sign-in", &[("token", "0123456789")]).await;
    assert!(window.status() == 401 && window.page().contains("no reviewer's token"), "{}", window.page());

    window.submit("sign-in", &[("token", &format!(" {BOB}\n"))]).await;
    assert!(window.page().contains("You decide as <strong><bdi>bob</bdi></strong> (dba)"), "{}", window.page());
    assert_eq!(window.path, "/page");
    window.submit("/decide", &[("decision", "approve"), ("comment", "")]).await;
    assert!(window.page().contains("was approved by you"), "{}", window.page());
    let decided = served.gate.get_request(request.id()).await.expect("it is kept");
    assert_eq!((decided.decided_by(), decided.votes()[0].door.as_ref()), (Some("bob"), "page"));

    window.submit("sign-out", &[]).await;
    assert!(window.status() == 401 && window.page().contains("You are not signed in"), "{}", window.page());
    window.open("/page").await;
    assert_eq!(window.status(), 401);
}

#[tokio::test]
async fn link_works_with_ones_own_token() {
    let served = served().await;
    let mut window = Window::new(served.address);
    window.open(&format!("/?token={ALICE}")).await;
    assert!(window.page().contains("<bdi>alice</bdi>"), "{}", window.page());
    assert!(!window.path.contains(ALICE), "the token does not stay in the address");
}

#[tokio::test]
async fn other_pages_sign_nobody_in_or_out() {
    let served = served().await;
    let token = [("token", ALICE)];
    for (name, value) in [("Origin", "http://evil.test"), ("Sec-Fetch-Site", "cross-site"), ("Origin", "null")] {
        for path in ["/sign-in", "/sign-out"] {
            let answer = served.anonymous("POST", path).header(name, value).form(&token).send().await;
            assert_eq!((answer.status, &*answer.problem()), (403, "cross_site"));
            assert_eq!(answer.header("set-cookie"), None);
        }
    }
    let signed_in = served.anonymous("POST", "/sign-in").form(&token).send().await;
    let cookie = signed_in.header("set-cookie").and_then(|it| it.split(';').next()).expect("a session");
    for (fields, code) in
        [(vec![("key", "0")], "wrong_form_key"), (vec![], "invalid_form"), (vec![("key", "0"), ("key", "0")], "invalid_form")]
    {
        let answer = served.anonymous("POST", "/sign-out").header("Cookie", cookie).form(&fields).send().await;
        assert_eq!(answer.problem(), code);
        assert_eq!(answer.header("set-cookie"), None);
    }
    let answer = served.anonymous("POST", "/sign-in").json(&json!({"token": ALICE})).send().await;
    assert_eq!((answer.status, &*answer.problem()), (415, "unsupported_media_type"));
}

#[tokio::test]
async fn sessions_do_not_outlive_their_reviewer() {
    let served = served().await;
    let answer = served.anonymous("POST", "/sign-in").form(&[("token", BOB)]).send().await;
    let ticket = answer.header("set-cookie").and_then(|it| it.split(['=', ';']).nth(1)).expect("a session").to_owned();
    // It comes back on the port that it had.
    let cookie = |restarted: &Served| format!("approvals_{}={ticket}", restarted.address.port());

    let without_bob = team().into_iter().filter(|(reviewer, _)| reviewer.name() != "bob");
    let restarted = served_by(|server| server.reviewers(without_bob)).await;
    let answer = restarted.anonymous("GET", "/approvals/pending").header("Cookie", &cookie(&restarted)).send().await;
    assert_eq!(answer.status, 401, "bob is no reviewer any more");
    let restarted = self::served().await;
    let answer = restarted.anonymous("GET", "/approvals/pending").header("Cookie", &cookie(&restarted)).send().await;
    assert_eq!(answer.status, 200, "a restart alone signs nobody out");
}

#[tokio::test]
async fn t17_guessing_is_answered_with_429() {
    let served = served().await;
    let mut refused = 0;
    for at in 0..1_000 {
        let token = format!("{at:040}");
        let answer = match at % 3 {
            0 => served.as_owner_of(&token, "GET", "/approvals/pending").send().await,
            1 => served.anonymous("GET", &format!("/?token={token}")).send().await,
            _ => served.anonymous("POST", "/sign-in").form(&[("token", &token)]).send().await,
        };
        match answer.status {
            401 => assert_eq!(refused, 0, "once it is too many, it stays too many for a while"),
            429 => {
                assert_eq!(answer.problem(), "too_many_tries");
                let seconds: u64 = answer.header("retry-after").and_then(|it| it.parse().ok()).expect("seconds");
                assert!((1..=61).contains(&seconds), "{seconds}");
                refused += 1;
            }
            status => panic!("{status}"),
        }
    }
    assert_eq!(refused, 900);
    let answer = served.as_owner_of(ALICE, "GET", "/approvals/pending").send().await;
    assert_eq!(answer.status, 200, "whoever sends wrong tokens locks nobody out");
}

#[tokio::test]
async fn t25_bad_settings_do_not_start() {
    const NO: &[(&str, &str)] = &[];
    let long = "x".repeat(31);
    let spaced = format!("{} ", "x".repeat(40));
    let umlauts = "ü".repeat(40);
    let cases: Vec<(&str, Vec<(&str, &str)>)> = vec![
        ("fewer than 32", vec![("alice", "")]),
        ("fewer than 32", vec![("bob", BOB), ("alice", &long)]),
        ("line end", vec![("alice", &spaced)]),
        ("line end", vec![("alice", &umlauts)]),
        ("the same token", vec![("alice", ALICE), ("bob", ALICE)]),
        ("the same token", vec![("alice", ALICE), ("alice", ALICE)]),
        ("no name", vec![(" ", ALICE)]),
        ("names nobody", NO.to_vec()),
    ];
    for (words, reviewers) in cases {
        let server = || Server::new(gate()).reviewers(reviewers.iter().map(|(name, token)| (Reviewer::new(*name), *token)));
        let errors = [
            server().bind("127.0.0.1:0").await.expect_err(words),
            server().router::<()>().expect_err(words),
            server().hosts(["a.test"]).bind("0.0.0.0:0").await.expect_err(words),
        ];
        for error in errors {
            let text = error.to_string();
            assert!(text.contains(words), "{text}");
            for (name, token) in &reviewers {
                assert!(token.is_empty() || !text.contains(token), "{text} holds a token");
                assert!(*name != "alice" || text.contains("alice"), "{text} names nobody");
            }
            assert!(!format!("{error:?}").contains(ALICE));
        }
    }
}

#[tokio::test]
async fn nobody_decides_without_a_name() {
    for name in ["", " "] {
        let error = Server::new(gate()).reviewer(Reviewer::new(name)).router::<()>().expect_err("it stands in the record");
        assert!(matches!(error, ServeError::NamelessReviewer), "{error:?}");
    }
}

#[tokio::test]
async fn settings_that_contradict_do_not_start() {
    let alice = || Reviewer::new("alice");
    let server = || Server::new(gate());
    for server in [
        server().reviewer(alice()).reviewers(team()),
        server().reviewers(team()).without_authentication(),
        server().reviewer(alice()).without_authentication(),
        server().without_authentication().hosts(["approvals.example.com"]),
    ] {
        let error = server.router::<()>().expect_err("one of the two is a mistake");
        assert!(matches!(error, ServeError::Contradiction { .. }), "{error:?}");
        assert!(error.to_string().contains("exclude each other"), "{error}");
    }
}

/// Only the reviewers' own tokens open anything: not names, hashes or parts of tokens.
#[tokio::test]
async fn near_misses_open_nothing() {
    let served = served().await;
    let hash = "c0ffee".repeat(11);
    for token in ["alice", "", &ALICE[1..], &format!("{ALICE}x"), &ALICE.to_uppercase(), &hash, &format!("{ALICE},{BOB}")] {
        let answer = served.as_owner_of(token, "GET", "/approvals/pending").send().await;
        assert_eq!((answer.status, &*answer.problem()), (401, "unauthenticated"), "{token}");
    }
    let answer: Value = served.as_owner_of(BOB, "GET", "/approvals/pending").send().await.json();
    assert_eq!(answer, json!([]));
}

/// Browsers send one server's cookies to another on the same host, whatever its port.
#[tokio::test]
async fn neighbours_sessions_do_not_count() {
    let (one, two) = (served().await, served().await);
    let sign_in = async |served: &Served, token: &str| {
        let answer = served.anonymous("POST", "/sign-in").form(&[("token", token)]).send().await;
        answer.header("set-cookie").and_then(|it| it.split(';').next()).expect("a session").to_owned()
    };
    let (alices, bobs) = (sign_in(&one, ALICE).await, sign_in(&two, BOB).await);
    let page = async |cookies: &str| two.anonymous("GET", "/page").header("Cookie", cookies).send().await;
    let answer = page(&format!("{alices}; {bobs}")).await;
    assert!(answer.text().contains("<bdi>bob</bdi>"), "{}", answer.text());
    assert_eq!(page(&alices).await.status, 401);
}
