//! The page, as a browser without scripts sees it.

use std::time::Duration;

use approval_runtime::{
    Agent, ApprovalGate, ApprovalGateBuilder, ApprovalPolicy, ApprovalStatus, Decision, NewRequest, Refusal, Reviewer, Tool,
};
use serde_json::{Value, json};

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
        assert_eq!((decided.comment(), decided.votes()[0].door.as_ref()), (Some("a line\nand another"), "page"));
    }
}

/// A form that says one thing twice says nothing.
#[tokio::test]
async fn ambiguous_form_decides_nothing() {
    let served = served().await;
    let browser = served.sign_in().await;
    let request = served.ask_mail().await;
    let (key, digest) = (hidden(&browser.page("/").await, "key").to_owned(), request.digest().to_string());
    let fields = [("key", &*key), ("digest", &*digest), ("decision", "reject")];
    for again in [("decision", "approve"), ("decision", "reject"), ("digest", &*digest), ("key", &*key), ("reviewer", "bob")] {
        let form = [&fields[..], &[again]].concat();
        let answer = browser.call("POST", &decide_path(&request)).form(&form).send().await;
        assert_eq!((answer.status, &*answer.problem()), (400, "invalid_form"), "{again:?}");
    }
    assert_eq!(served.gate.get_request(request.id()).await.expect("it is kept").version(), request.version());
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

#[tokio::test(start_paused = true)]
async fn page_leads_to_those_it_does_not_show() {
    let served = served().await;
    let browser = served.sign_in().await;
    let mut asked = Vec::new();
    for _ in 0..137 {
        tokio::time::advance(Duration::from_millis(1)).await;
        asked.push(served.ask_mail().await);
    }
    let card = |request: &approval_runtime::ApprovalRequest| format!("id=\"call-{}\"", request.id());
    let page = browser.page("/").await;
    assert!(page.contains("137 calls wait") && page.contains("37 more wait"), "{page}");
    assert!(page.contains(&card(&asked[99])) && !page.contains(&card(&asked[100])));

    let (_, next) = page.split_once("<a href=\"page?after=").expect("a way on");
    let after = next.split('"').next().expect("a cursor");
    let page = browser.page(&format!("/page?after={after}")).await;
    assert!(page.contains("37 more calls wait") && page.contains("Show those that have waited longest"), "{page}");
    assert!(page.contains(&card(&asked[100])) && page.contains(&card(&asked[136])) && !page.contains(&card(&asked[99])));

    // Deciding there leads back there.
    let (_, form) = page.split_once(&format!("action=\"approvals/{}/decide\"", asked[101].id())).expect("a form");
    let fields = ["key", "digest", "after"].map(|name| (name, hidden(form, name)));
    let call = browser.call("POST", &decide_path(&asked[101])).form(&[&fields[..], &[("decision", "reject")]].concat());
    let page = browser.follow(&call.send().await).await;
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} is not on the page"));
    assert!(at(&card(&asked[100])) < at("was rejected by you") && at("was rejected by you") < at(&card(&asked[102])));
    assert!(!page.contains(&card(&asked[99])));
}

/// A press leads back to where its card stood, so that the next one follows what is said about it.
#[tokio::test(start_paused = true)]
async fn news_stands_where_the_card_stood() {
    let served = served().await;
    let browser = served.sign_in().await;
    let mut cards = Vec::new();
    for _ in 0..3 {
        tokio::time::advance(Duration::from_millis(1)).await;
        cards.push(served.ask(Tool::named("pay").quorum(2), json!({})).await);
    }
    let order = |page: &str| {
        let mut found: Vec<_> = cards.iter().map(|card| (page.find(&format!("id=\"call-{}\"", card.id())), "card")).collect();
        found.push((page.find("id=\"news\""), "news"));
        found.retain(|(at, _)| at.is_some());
        found.sort();
        found.into_iter().map(|(_, what)| what).collect::<Vec<_>>()
    };
    let page = browser.follow(&browser.press(&cards[1], "approve", "").await).await;
    assert_eq!(order(&page), ["card", "news", "card", "card"], "it still waits: above its own card");
    let page = browser.follow(&browser.press(&cards[2], "reject", "").await).await;
    assert_eq!(order(&page), ["card", "card", "news"]);
    let page = browser.follow(&browser.press(&cards[0], "reject", "").await).await;
    assert_eq!(order(&page), ["news", "card"]);
}

#[tokio::test(start_paused = true)]
async fn page_tells_what_was_decided() {
    let policy = ApprovalPolicy::new().add_auto_approve_rule("greet", "it is \"free\"", |_: &Value| true).add_deny_rule(
        "pay",
        "not over <b>100",
        |args: &Value| args["amount"] == 101,
    );
    let tools = || [Tool::named("greet"), Tool::named("pay")];
    let gate = tools().into_iter().fold(ApprovalGate::builder(), ApprovalGateBuilder::tool);
    let served = super::served_at(gate.policy(policy).without_notifier().build().expect("in order")).await;
    let browser = served.sign_in().await;
    assert!(!browser.page("/").await.contains("Decided recently"));

    let eve = Reviewer::new("e\u{202e}ve");
    let rejected = served.ask(Tool::named("pay"), json!({"amount": 5})).await;
    served.gate.decide(rejected.id(), Decision::reject(eve).comment("canary-7f3a")).await.expect("it waits");
    served.gate.create_request(NewRequest::new(Tool::named("pay"), json!({"amount": 101}))).await.expect_err("denied");
    let page = browser.page("/").await;
    for text in ["Refused by the rule ", "not over &lt;b&gt;100", "Rejected by ", r"\u{202E}"] {
        assert!(page.contains(text), "{text} is not in {page}");
    }
    for _ in 0..30 {
        tokio::time::advance(Duration::from_millis(1)).await;
        let body = async |_: Value| Ok::<_, Refusal>(());
        served.gate.call(Tool::named("greet"), json!({}), body).await.expect("allowed");
    }
    let withdrawn = served.ask(Tool::named("pay"), json!({"amount": 6})).await;
    served.gate.cancel(withdrawn.id(), "operator").await.expect("it waits");

    let page = browser.page("/").await;
    let (_, past) = page.split_once("Decided recently").expect("a list");
    assert_eq!(past.matches("<li>").count(), 20, "{past}");
    assert_eq!(past.matches("Allowed by the rule").count(), 19);
    let at = |past: &str, text: &str| past.find(text).unwrap_or_else(|| panic!("{text} is not in {past}"));
    assert!(at(past, "Withdrawn.") < at(past, "Allowed by the rule"), "the last one comes first");
    assert!(past.contains("It ran.") && past.contains(&format!("href=\"approvals/{}\"", withdrawn.id())));

    // What people decided is there however often rules decide.
    tokio::time::advance(Duration::from_secs(1)).await;
    let late = served.ask(Tool::named("pay"), json!({"amount": 7})).await;
    for _ in 0..30 {
        tokio::time::advance(Duration::from_millis(1)).await;
        let body = async |_: Value| Ok::<_, Refusal>(());
        served.gate.call(Tool::named("greet"), json!({}), body).await.expect("allowed");
    }
    let eve = Reviewer::new("e\u{202e}ve");
    served.gate.decide(late.id(), Decision::reject(eve).comment("canary-7f3a")).await.expect("it waits");
    let page = browser.page("/").await;
    let (_, past) = page.split_once("Decided recently").expect("a list");
    assert!(at(past, "Rejected by") < at(past, "Allowed by the rule") && !past.contains('\u{202e}'));
    assert!(!page.contains("canary-7f3a") && !page.contains("<b>"));
}

/// I28: a page in memory is bounded, however large the calls are.
#[tokio::test]
async fn i28_large_calls_make_short_pages() {
    let served = served().await;
    for _ in 0..100 {
        served.ask(Tool::named("pay"), json!({"note": "a\u{200b}".repeat(62 * 1024)})).await;
    }
    let browser = served.sign_in().await;
    let (mut path, mut shown) = ("/page".to_owned(), 0);
    loop {
        let page = browser.page(&path).await;
        assert!(page.len() < 16 << 20, "{} bytes", page.len());
        shown += page.matches("<article").count();
        let Some((_, after)) = page.split_once("href=\"page?after=") else { break };
        path = format!("/page?after={}", after.split('"').next().expect("a cursor"));
    }
    assert_eq!(shown, 100, "all are reached");
}

/// Anybody can make a link to the page; it does not make up a vote.
#[tokio::test]
async fn link_does_not_make_up_a_vote() {
    let served = served().await;
    let request = served.ask_mail().await;
    let page = served.sign_in().await.page(&format!("/page?about={}", request.id())).await;
    assert!(page.contains("Nothing was decided about send_email") && !page.contains("Your approval"), "{page}");
}
