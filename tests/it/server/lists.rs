//! Lists of requests over HTTP, page by page.

use approval_runtime::{ApprovalGate, ApprovalPolicy, ApprovalStatus, Decision, Reviewer, Tool};
use serde_json::{Value, json};

use super::{Served, served};

/// Returns where the next page is, as a client resolves it against the page's own address.
fn next(path: &str, link: Option<&str>) -> Option<String> {
    let reference = link?.strip_prefix('<').and_then(|link| link.strip_suffix(">; rel=\"next\"")).expect("one link");
    assert!(reference.starts_with('?'), "{reference} leads away from {path}");
    Some(format!("{path}{reference}"))
}

/// Reads page after page; the ids, and how many each page had.
async fn pages(served: &Served, path: &str, query: &str) -> (Vec<String>, Vec<usize>) {
    let (mut ids, mut sizes) = (Vec::new(), Vec::new());
    let mut target = Some(format!("{path}{query}"));
    while let Some(at) = target {
        let answer = served.get(&at).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{at}");
        let page: Vec<_> = answer.json().as_array().expect("an array").iter().map(|it| it["id"].to_string()).collect();
        sizes.push(page.len());
        ids.extend(page.into_iter().map(|id| id.trim_matches('"').to_owned()));
        target = next(path, answer.header("link"));
    }
    (ids, sizes)
}

#[tokio::test(start_paused = true)]
async fn links_lead_through_all_pages() {
    let served = served().await;
    let mut asked = Vec::new();
    for _ in 0..250 {
        tokio::time::advance(std::time::Duration::from_millis(1)).await;
        asked.push(served.ask_mail().await.id().to_string());
    }
    assert_eq!(pages(&served, "/approvals/pending", "").await, (asked.clone(), vec![100, 100, 50]));
    assert_eq!(pages(&served, "/approvals/pending", "?limit=125").await, (asked.clone(), vec![125, 125]));
    assert_eq!(pages(&served, "/approvals", "?status=pending&limit=1000").await, (asked.clone(), vec![250]));
    asked.reverse();
    assert_eq!(pages(&served, "/approvals", "?limit=200").await, (asked, vec![200, 50]));

    // From the root, which answers programs with the same list, the way leads into the folder.
    let answer = served.get("/").await;
    let link = answer.header("link").expect("there is more");
    assert!(link.starts_with("<approvals/pending?after="), "{link}");
}

#[tokio::test]
async fn decided_requests_are_found_by_status() {
    let policy = ApprovalPolicy::new().add_auto_approve_rule("greet", "greetings are free", |_: &Value| true);
    let gate = ApprovalGate::builder().tool(Tool::named("greet")).policy(policy).without_notifier().build().expect("in order");
    let served = super::served_at(gate.clone()).await;
    gate.call(Tool::named("greet"), json!({}), async |_: Value| Ok::<_, approval_runtime::Refusal>(())).await.expect("allowed");
    let rejected = served.ask_mail().await;
    gate.decide(rejected.id(), Decision::reject(Reviewer::new("bob"))).await.expect("it waits");
    served.ask_mail().await;

    let allowed = served.get("/approvals?status=auto_approved").await.json();
    assert_eq!(allowed.as_array().map(Vec::len), Some(1));
    assert_eq!((&allowed[0]["status"], &allowed[0]["decided_by"]), (&json!("auto_approved"), &json!("policy")));
    assert_eq!(allowed[0]["matched_rule"], "greetings are free");
    assert!(allowed[0]["policy_version"].is_u64());
    let found = served.get("/approvals?status=rejected").await.json();
    assert_eq!((found.as_array().map(Vec::len), &found[0]["decided_by"]), (Some(1), &json!("bob")));
    assert_eq!(served.get("/approvals").await.json().as_array().map(Vec::len), Some(3));
    for status in ["approved", "timed_out", "cancelled", "expired"] {
        assert_eq!(served.get(&format!("/approvals?status={status}")).await.json(), json!([]), "{status}");
    }
    assert_eq!(served.status(&rejected).await, ApprovalStatus::Rejected);
}

#[tokio::test]
async fn wrong_parameters_are_named() {
    let served = served().await;
    let cursor = "1763914632000000.6a1b0c9e-94a5-4d05-8a2b-0123456789ab";
    for (query, named) in [
        ("limit=0", "`limit`"),
        ("limit=1001", "`limit`"),
        ("limit=-1", "`limit`"),
        ("limit=%2B5", "`limit`"),
        ("limit=", "`limit`"),
        ("limit=ten", "`limit`"),
        ("limit=99999999999999999999", "`limit`"),
        ("after=", "`after`"),
        ("after=canary-7f3a", "`after`"),
        ("after=6a1b0c9e-94a5-4d05-8a2b-0123456789ab", "`after`"),
        ("limit=5&limit=6", "`limit`"),
        (&format!("after={cursor}&after={cursor}"), "`after`"),
        ("page=2", "`after`"),
        ("canary-7f3a", "`limit`"),
    ] {
        for path in ["/approvals/pending", "/approvals"] {
            let answer = served.get(&format!("{path}?{query}")).await;
            assert_eq!((answer.status, &*answer.problem()), (400, "invalid_parameter"), "{path}?{query}");
            assert!(answer.text().contains(named) && !answer.text().contains("canary"), "{}", answer.text());
        }
    }
    for query in ["status=done", "status=", "status=Pending", "status=pending&status=approved"] {
        let answer = served.get(&format!("/approvals?{query}")).await;
        assert_eq!((answer.status, &*answer.problem()), (400, "invalid_parameter"), "{query}");
        assert!(answer.text().contains("`status`"), "{}", answer.text());
    }
    let answer = served.get("/approvals/pending?status=approved").await;
    assert_eq!(answer.status, 400, "what is asked for here is in the path");
    assert_eq!(served.get(&format!("/approvals?after={cursor}&limit=1000")).await.status, 200);
}

/// I28: a page ends before it is too large to make, and says where it goes on.
#[tokio::test]
async fn i28_large_requests_make_short_pages() {
    let served = served().await;
    let mut asked = Vec::new();
    for at in 0..12 {
        asked
            .push(served.ask(Tool::named("send_email"), json!({"at": at, "body": "é".repeat(120_000)})).await.id().to_string());
    }
    let (mut ids, sizes) = pages(&served, "/approvals/pending", "?limit=1000").await;
    // As JSON in ASCII, each of them is 720 KB.
    assert_eq!(sizes, [2; 6]);
    ids.sort();
    asked.sort();
    assert_eq!(ids, asked);
}
