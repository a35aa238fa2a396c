//! Who gets in, and what keeps other web pages out.

use approval_runtime::ApprovalStatus;
use serde_json::json;

use super::{HTML, decide_path, hidden, served};
use crate::support::Call;

#[tokio::test]
async fn nothing_is_shown_to_strangers() {
    let served = served().await;
    let request = served.ask_mail().await;
    let one = format!("/approvals/{}", request.id());
    let strangers = [
        None,
        Some("Bearer".to_owned()),
        Some("Bearer ".to_owned()),
        Some(format!("Bearer {}", "0".repeat(64))),
        Some(format!("Bearer {}x", served.token)),
        Some(format!("Basic {}", served.token)),
        Some(served.token.clone()),
    ];
    for authorization in &strangers {
        let sent = |call: Call| match authorization {
            Some(authorization) => call.header("Authorization", authorization),
            None => call,
        };
        for target in ["/", "/?token=0", "/approvals/pending", &one] {
            let answer = sent(served.anonymous("GET", target)).send().await;
            assert_eq!((answer.status, &*answer.problem()), (401, "unauthenticated"), "{target}");
            assert!(answer.header("www-authenticate").is_some_and(|it| it.starts_with("Bearer ")));
            assert!(!answer.text().contains("send_email"));
        }
        let body = json!({"approved": true, "digest": request.digest()});
        let answer = sent(served.anonymous("POST", &decide_path(&request))).json(&body).send().await;
        assert_eq!((answer.status, &*answer.problem()), (401, "unauthenticated"));
    }
    for target in ["/", "/?token=0"] {
        let answer = served.anonymous("GET", target).header("Accept", HTML).send().await;
        assert_eq!(answer.status, 401);
        assert!(answer.text().contains("Open the link") && !answer.text().contains("send_email"));
    }
    assert_eq!(served.status(&request).await, ApprovalStatus::Pending);
}

#[tokio::test]
async fn link_signs_a_browser_in() {
    let served = served().await;
    let request = served.ask_mail().await;
    let target = format!("/?token={}", served.token);
    let answer = served.anonymous("GET", &target).header("Accept", HTML).send().await;
    let cookie = answer.header("set-cookie").expect("a session");
    for attribute in ["; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(attribute), "{cookie}");
    }
    assert!(!cookie.contains("Path="), "it goes for the folder that set it, wherever the router is mounted: {cookie}");
    assert!(cookie.starts_with(&format!("approvals_{}=", served.address.port())), "ports share cookies: {cookie}");
    assert!(!cookie.contains(&served.token), "the cookie is not the token");
    assert_eq!(answer.header("location"), Some("page"), "the token does not stay in the address");

    let page = served.sign_in().await.page("/").await;
    assert!(page.contains(&request.id().to_string()));
    assert!(!page.contains(&served.token));
}

#[tokio::test]
async fn link_gives_curl_the_pending_ones() {
    let served = served().await;
    let request = served.ask_mail().await;
    let target = format!("/?token={}", served.token);
    let answer = served.anonymous("GET", &target).header("Accept", "*/*").send().await;
    assert_eq!((answer.status, &answer.json()[0]["id"]), (200, &json!(request.id())));
}

#[tokio::test]
async fn bad_token_beats_a_good_cookie() {
    let served = served().await;
    let browser = served.sign_in().await;
    let answer = browser.call("GET", "/approvals/pending").send().await;
    assert_eq!(answer.status, 200);
    let answer = browser.call("GET", "/approvals/pending").header("Authorization", "Bearer 0").send().await;
    assert_eq!((answer.status, &*answer.problem()), (401, "unauthenticated"));
}

#[tokio::test]
async fn cookie_alone_decides_nothing() {
    let served = served().await;
    let request = served.ask_mail().await;
    let browser = served.sign_in().await;
    let body = json!({"approved": true, "digest": request.digest()});
    let answer = browser.call("POST", &decide_path(&request)).json(&body).send().await;
    assert_eq!((answer.status, &*answer.problem()), (401, "unauthenticated"));

    let digest = request.digest().to_string();
    let other = served.sign_in().await.page("/").await;
    let keys = [None, Some(""), Some("0"), Some(hidden(&other, "key"))];
    for key in keys {
        let mut fields = vec![("digest", &*digest), ("decision", "approve")];
        fields.extend(key.map(|key| ("key", key)));
        let answer = browser.call("POST", &decide_path(&request)).form(&fields).send().await;
        assert!(matches!(answer.status, 400 | 403), "{key:?}: {}", answer.status);
    }
    assert_eq!(served.status(&request).await, ApprovalStatus::Pending);
}

#[tokio::test]
async fn t18_only_the_own_page_decides() {
    const FORM: &str = "application/x-www-form-urlencoded";
    const JSON: &str = "application/json";
    let types = [
        FORM,
        JSON,
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "text/json",
        "application/octet-stream",
        "",
    ];
    let sites = [None, Some("same-origin"), Some("none"), Some("same-site"), Some("cross-site")];
    let served = served().await;
    let own = format!("http://{}", served.address);
    let near = format!("http://localhost:{}", served.address.port());
    let origins = [None, Some(&*own), Some(&*near), Some("null"), Some("http://evil.test")];
    let browser = served.sign_in().await;
    let bearer = format!("Bearer {}", served.token);

    let mut decided = 0;
    for content_type in types {
        for site in sites {
            for origin in origins {
                for credential in [("Cookie", &*browser.cookie), ("Authorization", &*bearer)] {
                    let request = served.ask_mail().await;
                    let digest = request.digest().to_string();
                    let page = browser.page("/").await;
                    // As if the stranger had found out everything that the page holds.
                    let body = match content_type {
                        JSON => json!({"approved": true, "digest": digest}).to_string(),
                        _ => format!("key={}&digest={digest}&decision=approve", hidden(&page, "key")),
                    };
                    let mut call = served.anonymous("POST", &decide_path(&request)).header(credential.0, credential.1);
                    if let Some(site) = site {
                        call = call.header("Sec-Fetch-Site", site);
                    }
                    if let Some(origin) = origin {
                        call = call.header("Origin", origin);
                    }
                    let answer = call.body(content_type, body).send().await;

                    let is_own =
                        matches!(site, None | Some("same-origin" | "none")) && origin.is_none_or(|origin| origin == own);
                    let fits = (content_type, credential.0) == (FORM, "Cookie")
                        || (content_type, credential.0) == (JSON, "Authorization");
                    let cell = format!("{content_type:?}, {site:?}, {origin:?}, {}", credential.0);
                    let expected = if is_own && fits { ApprovalStatus::Approved } else { ApprovalStatus::Pending };
                    assert_eq!(served.status(&request).await, expected, "{cell}: {}", answer.status);
                    if !is_own {
                        assert_eq!((answer.status, &*answer.problem()), (403, "cross_site"), "{cell}");
                    }
                    decided += usize::from(expected == ApprovalStatus::Approved);
                }
            }
        }
    }
    assert_eq!(decided, 2 * 3 * 2);
}

#[tokio::test]
async fn t15_reading_changes_nothing() {
    let served = served().await;
    let request = served.ask_mail().await;
    let before = serde_json::to_value(&request).expect("JSON");
    let paths =
        ["/".to_owned(), format!("/?token={}", served.token), format!("/approvals/{}", request.id()), decide_path(&request)];
    let queries = ["", "approved=true&reviewer=alice", "decision=approve"];
    let agents = ["curl/8.0", "Slackbot-LinkExpanding 1.0", "Mozilla/5.0 (compatible; SafeLinks)", "facebookexternalhit/1.1"];
    let cookie = served.sign_in().await.cookie;
    for method in ["GET", "HEAD", "OPTIONS"] {
        for agent in agents {
            for path in &paths {
                for query in queries {
                    let joint = if path.contains('?') { '&' } else { '?' };
                    let call = served.call(method, &format!("{path}{joint}{query}"));
                    let body = json!({"approved": true, "digest": request.digest()});
                    let with_body = call.clone().json(&body).send().await;
                    let without =
                        call.header("User-Agent", agent).header("Cookie", &cookie).header("Accept", HTML).send().await;
                    assert!(with_body.status < 500 && without.status < 500);
                }
            }
        }
    }
    let after = served.get(&format!("/approvals/{}", request.id())).await.json();
    assert_eq!(after, before, "and the token is still good");
}

#[tokio::test]
async fn t19_every_answer_carries_the_headers() {
    let served = served().await;
    let request = served.ask_mail().await;
    let browser = served.sign_in().await;
    let one = format!("/approvals/{}", request.id());
    let answers = [
        served.get("/style.css").await,
        served.get("/").await,
        served.get("/approvals/pending").await,
        served.get(&one).await,
        served.get("/nowhere").await,
        served.anonymous("GET", "/").send().await,
        served.anonymous("GET", "/").header("Accept", HTML).send().await,
        served.anonymous("GET", &format!("/?token={}", served.token)).header("Accept", HTML).send().await,
        served.call("DELETE", &one).send().await,
        served.call("GET", "/").header("Host", "evil.test").send().await,
        served.call("POST", &decide_path(&request)).header("Origin", "http://evil.test").send().await,
        served.call("POST", &decide_path(&request)).body("text/plain", "x").send().await,
        browser.call("GET", "/").send().await,
        browser.call("POST", &decide_path(&request)).form(&[("key", "x")]).send().await,
        browser.press(&request, "reject", "").await,
        served.approve(&request).await,
    ];
    for answer in answers {
        assert_eq!(answer.header("cache-control"), Some("no-store"), "{}", answer.status);
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        let csp = answer.header("content-security-policy").expect("a policy");
        let directives =
            ["default-src 'none'", "style-src 'self'", "form-action 'self'", "frame-ancestors 'none'", "base-uri 'none'"];
        assert_eq!(csp.split("; ").collect::<Vec<_>>(), directives);
        let is_page = answer.header("content-type").is_some_and(|it| it.starts_with("text/html"));
        // Under `no-referrer` a browser would send the page's own form with `Origin: null`.
        assert_eq!(answer.header("referrer-policy"), Some(if is_page { "same-origin" } else { "no-referrer" }));
        assert!(answer.header("access-control-allow-origin").is_none());
    }
}

#[tokio::test]
async fn t20_other_names_are_refused() {
    let served = served().await;
    let request = served.ask_mail().await;
    let port = served.address.port();
    for host in ["127.0.0.1", "localhost", "LocalHost", "[::1]"] {
        let answer = served.get("/approvals/pending").await;
        assert_eq!(answer.status, 200);
        let answer = served.call("GET", "/approvals/pending").header("Host", &format!("{host}:{port}")).send().await;
        assert_eq!(answer.status, 200, "{host}");
    }
    let other = if port == 1 { 2 } else { port - 1 };
    let hosts = [
        "evil.test".to_owned(),
        format!("evil.test:{port}"),
        format!("127.0.0.1.evil.test:{port}"),
        format!("0.0.0.0:{port}"),
        format!("[::]:{port}"),
        format!("127.0.0.1:{other}"),
        format!("127.0.0.1:{port}@evil.test"),
        format!("localhost.:{port}"),
        "127.0.0.1".to_owned(),
        "localhost".to_owned(),
        String::new(),
    ];
    let one = format!("/approvals/{}", request.id());
    let decide = decide_path(&request);
    for host in &hosts {
        for target in ["/", "/style.css", "/approvals/pending", &one, &decide, "/nowhere"] {
            for method in ["GET", "POST", "OPTIONS"] {
                let body = json!({"approved": true, "digest": request.digest()});
                let answer = served.call(method, target).header("Host", host).json(&body).send().await;
                assert_eq!((answer.status, &*answer.problem()), (403, "host_not_allowed"), "{host:?} {method} {target}");
            }
        }
    }
    let answer = served.call("GET", "/").without("Host").send().await;
    assert_eq!(answer.status, 403);
    let answer = served.call("GET", "/").header("host", &served.address.to_string()).send().await;
    assert_eq!(answer.status, 403, "two are as good as none");
    let answer = served.call("GET", "http://evil.test/approvals/pending").send().await;
    assert_eq!((answer.status, &*answer.problem()), (403, "host_not_allowed"), "the target names another host");
    assert_eq!(served.status(&request).await, ApprovalStatus::Pending);
}
