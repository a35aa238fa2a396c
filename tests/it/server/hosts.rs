//! Names for the server beside this machine's own: behind a proxy that takes the encryption off, and off loopback.

use approval_runtime::{ApprovalStatus, Reviewer};
use approval_server::{ServeError, Server};
use serde_json::json;

use super::{HTML, decide_path, gate, hidden, served_by};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";
const NAME: &str = "approvals.example.com";

fn alice() -> [(Reviewer, &'static str); 1] {
    [(Reviewer::new("alice"), TOKEN)]
}

#[tokio::test]
async fn named_hosts_are_served() {
    let served = served_by(|server| server.reviewers(alice()).hosts([NAME, "other.example:8443"])).await;
    let hosts = [NAME.to_owned(), format!("{NAME}:8443"), "Other.example:8443".to_owned(), served.address.to_string()];
    for host in &hosts {
        let answer = served.as_owner_of(TOKEN, "GET", "/approvals/pending").header("Host", host).send().await;
        assert_eq!(answer.status, 200, "{host}");
    }
    for host in ["other.example", "other.example:443", "evil.test", "approvals.example.com.evil.test", "127.0.0.1"] {
        let answer = served.as_owner_of(TOKEN, "GET", "/approvals/pending").header("Host", host).send().await;
        assert_eq!((answer.status, &*answer.problem()), (403, "host_not_allowed"), "{host}");
    }
}

/// The browser speaks HTTPS to a proxy, and the proxy HTTP to the server.
#[tokio::test]
async fn page_works_behind_tls() {
    let served = served_by(|server| server.reviewers(alice()).hosts([NAME])).await;
    let request = served.ask_mail().await;
    let sign_in = served.anonymous("POST", "/sign-in").header("Host", NAME).header("Origin", &format!("https://{NAME}"));
    let answer = sign_in.form(&[("token", TOKEN)]).send().await;
    let set_cookie = answer.header("set-cookie").expect("a session");
    assert!(set_cookie.ends_with("; Secure"), "{set_cookie}");
    let cookie = set_cookie.split(';').next().expect("the pair");

    let page =
        served.anonymous("GET", "/page").header("Host", NAME).header("Cookie", cookie).header("Accept", HTML).send().await;
    let (_, form) = page.text().split_once("/decide\"").expect("a form");
    let fields = [("key", hidden(form, "key")), ("digest", hidden(form, "digest")), ("decision", "approve")];
    for (origin, status) in [
        ("https://evil.test", 403),
        ("https://approvals.example.com:8443", 403),
        ("https://approvals.example.com.evil.test", 403),
        ("ftp://approvals.example.com", 403),
        ("https://approvals.example.com", 303),
    ] {
        let call = served.anonymous("POST", &decide_path(&request)).header("Host", NAME).header("Cookie", cookie);
        let answer = call.header("Origin", origin).form(&fields).send().await;
        assert_eq!(answer.status, status, "{origin}");
        let expected = if status == 303 { ApprovalStatus::Approved } else { ApprovalStatus::Pending };
        assert_eq!(served.status(&request).await, expected, "{origin}");
    }
}

#[tokio::test]
async fn ports_of_a_scheme_may_be_left_out() {
    let served = served_by(|server| server.reviewers(alice()).hosts([NAME])).await;
    for (host, origin, status) in [
        ("approvals.example.com:443", "https://approvals.example.com", 200),
        ("approvals.example.com", "http://approvals.example.com:80", 200),
        ("approvals.example.com:8443", "https://approvals.example.com", 403),
    ] {
        let request = served.ask_mail().await;
        let call = served.as_owner_of(TOKEN, "POST", &decide_path(&request)).header("Host", host).header("Origin", origin);
        assert_eq!(call.json(&json!({"approved": false})).send().await.status, status, "{host} from {origin}");
    }
}

#[tokio::test]
async fn t25_off_loopback_needs_reviewers_and_hosts() {
    let error = Server::new(gate()).hosts([NAME]).bind("0.0.0.0:0").await.expect_err("anybody could come");
    assert!(matches!(error, ServeError::OffLoopback { .. }), "{error:?}");
    assert!(error.to_string().contains(".reviewers("), "{error}");
    let error = Server::new(gate()).reviewers(alice()).bind("0.0.0.0:0").await.expect_err("under any name");
    assert!(matches!(error, ServeError::NoHosts { .. }), "{error:?}");
    assert!(error.to_string().contains(".hosts("), "{error}");

    let bound = Server::new(gate()).reviewers(alice()).hosts([NAME]).bind("0.0.0.0:0").await.expect("it knows who and where");
    assert_eq!(bound.link(), format!("https://{NAME}/"));
}

#[tokio::test]
async fn unusable_hosts_do_not_start() {
    for host in ["", "*", "*.example.com", "https://approvals.example.com", "a/b", "a:99999", "0.0.0.0", "[::]:80", "a b"] {
        let error = Server::new(gate()).hosts([host]).router::<()>().expect_err(host);
        assert!(matches!(&error, ServeError::InvalidHost { host: named } if &**named == host), "{error:?}");
    }
}

#[tokio::test]
async fn names_have_one_spelling() {
    let served = served_by(|server| server.reviewers(alice()).hosts(["tls.example:443", "[2001:DB8:0::1]:8443"])).await;
    for (host, status) in [("tls.example", 200), ("tls.example:443", 200), ("tls.example:80", 403), ("[2001:db8::1]:8443", 200)]
    {
        let answer = served.as_owner_of(TOKEN, "GET", "/approvals/pending").header("Host", host).send().await;
        assert_eq!(answer.status, status, "{host}");
    }
}
