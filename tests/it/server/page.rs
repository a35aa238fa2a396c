//! The page, as a browser without scripts sees it.

use std::time::Duration;

use approval_runtime::{Agent, ApprovalStatus, Decision, NewRequest, Reviewer, Tool};
use serde_json::json;

use super::{decide_path, hidden, pass, served};

#[tokio::test]
async fn page_shows_every_fact() {
    let served = served().await;
    let arguments = json!({
        "amount": 9_007_199_254_740_993_u64,
        "to": "Jürgen <b>&",
        "file": "invoice\u{202e}fdp.exe",
        "body": "x".repeat(5_000),
    });
    let tool = Tool::named("pay").approvers(["finance"]).quorum(2);
    let agent = Agent::new("billing").run_id("run-17").on_behalf_of("carol").handed_off_by(&Agent::new("support"));
    let request = served.gate.create_request(NewRequest::new(tool, arguments).agent(agent)).await.expect("filed");
    let page = served.sign_in().await.page("/").await;

    for text in ["9007199254740993", "&quot;Jürgen &lt;b&gt;&amp;&quot;", r"\u{202E}", &"x".repeat(5_000)] {
        assert!(page.contains(text), "{text}");
    }
    for text in ["support", "billing", "carol", "run-17", "2 of finance", "cannot be undone", &request.short_code()] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains('\u{202e}'));
    assert_eq!(hidden(&page, "digest"), request.digest().to_string());
}

#[tokio::test]
async fn t08_agents_words_come_last_and_marked() {
    let served = served().await;
    let reason = "Approved by security.\n</blockquote><script>alert(1)</script>\u{200b} Click Approve.";
    let request = NewRequest::new(Tool::named("pay"), json!({"amount": 12_345})).reason(reason);
    served.gate.create_request(request).await.expect("filed");
    let page = served.sign_in().await.page("/").await;

    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is not on the page"));
    assert!(at("12345") < at("Nobody has checked this"));
    assert!(at("Nobody has checked this") < at("Approved by security."));
    assert!(!page.contains("<script"), "active markup");
    assert!(page.contains(r"\u{200B}") && !page.contains('\u{200b}'));
}

#[tokio::test]
async fn form_decides_and_says_so() {
    let served = served().await;
    let browser = served.sign_in().await;
    for (button, status, words) in [
        ("approve", ApprovalStatus::Approved, "was approved by you"),
        ("reject", ApprovalStatus::Rejected, "was rejected by you. It does not run."),
    ] {
        let request = served.ask_mail().await;
        let answer = browser.press(&request, button, "a line\r\nand another").await;
        let location = answer.header("location").expect("a way back").to_owned();
        assert!(!location.contains("anna") && !location.contains("line"), "no value in an address: {location}");
        assert!(browser.follow(&answer).await.contains(words));

        let decided = served.gate.get_request(request.id()).await.expect("it is kept");
        assert_eq!((decided.status(), decided.decided_by()), (status, Some("alice")));
        assert_eq!((decided.comment(), decided.votes()[0].door), (Some("a line\nand another"), "page"));
    }
}

#[tokio::test]
async fn late_press_tells_what_happened() {
    let served = served().await;
    let browser = served.sign_in().await;
    let page_for = async |request: &approval_runtime::ApprovalRequest, key: &str, digest: &str, decision: &str| {
        let fields = [("key", key), ("digest", digest), ("decision", decision), ("comment", "")];
        let answer = browser.call("POST", &decide_path(request)).form(&fields).send().await;
        browser.follow(&answer).await
    };

    let request = served.ask_mail().await;
    let digest = request.digest().to_string();
    let key = hidden(&browser.page("/").await, "key").to_owned();
    for button in ["approve", "reject"] {
        let page = page_for(&request, &key, &"0".repeat(64), button).await;
        assert!(page.contains("are not those you saw"), "{page}");
    }

    let bob = Decision::reject(Reviewer::new("bob"));
    served.gate.decide(request.id(), bob).await.expect("the first decision");
    let page = page_for(&request, &key, &digest, "approve").await;
    assert!(page.contains("Nothing changed: ") && page.contains("was rejected by bob"), "{page}");

    let request = served.ask_mail().await;
    pass(Duration::from_secs(301)).await;
    let page = page_for(&request, &key, &request.digest().to_string(), "approve").await;
    assert!(page.contains("Too late") && page.contains("It does not run."), "{page}");
    assert_eq!(served.status(&request).await, ApprovalStatus::TimedOut);
}

#[tokio::test]
async fn form_is_kept_from_those_who_may_not() {
    let served = served().await;
    let browser = served.sign_in().await;
    served.ask(Tool::named("migrate").approvers(["dba"]), json!({})).await;
    let own = NewRequest::new(Tool::named("refund"), json!({})).agent(Agent::new("billing").on_behalf_of("alice"));
    served.gate.create_request(own).await.expect("filed");
    let page = browser.page("/").await;
    assert!(page.contains("not yours to decide") && page.contains("on your behalf"));
    assert!(!page.contains("/decide\""), "{page}");

    let request = served.ask(Tool::named("pay").quorum(2), json!({})).await;
    let page = browser.follow(&browser.press(&request, "approve", "").await).await;
    assert!(page.contains("Your approval of pay") && page.contains("1 of 2"), "{page}");
    assert!(page.contains("It waits for another reviewer") && !page.contains("/decide\""));
}

#[tokio::test]
async fn reload_never_eats_a_comment() {
    let served = served().await;
    let browser = served.sign_in().await;
    assert!(browser.page("/").await.contains("http-equiv=\"refresh\""), "nothing to lose on an empty page");
    served.ask_mail().await;
    assert!(!browser.page("/").await.contains("http-equiv"));
}

#[tokio::test]
async fn page_loads_nothing_from_elsewhere() {
    let served = served().await;
    served.ask_mail().await;
    let page = served.sign_in().await.page("/").await;
    for active in ["<script", "<style", " style=", " onclick=", "http://", "https://"] {
        assert!(!page.contains(active), "{active}");
    }
    let style = served.anonymous("GET", "/style.css").send().await;
    assert_eq!((style.status, style.header("content-type")), (200, Some("text/css; charset=utf-8")));
    assert!(!style.text().contains("url("));
}

#[tokio::test]
async fn ended_session_says_so() {
    let served = served().await;
    let request = served.ask_mail().await;
    let fields = [("key", "0"), ("digest", "0"), ("decision", "approve")];
    let answer = served.anonymous("POST", &decide_path(&request)).header("Cookie", "approvals_1=0").form(&fields).send().await;
    assert_eq!(answer.status, 401);
    assert!(answer.text().contains("Nothing was decided") && answer.text().contains("Open the link"));
}
