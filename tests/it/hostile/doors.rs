//! I23 over a socket: problem documents, headers and addresses hold no value. T33: nor does a sentence hold a comment.

use approval_runtime::{CallError, Decision, Refusal};
use serde_json::{Value as Json, json};

use super::corpus::{Agent, Bite, biting, texts};
use super::said::{Said, Value};
use super::tools::effects;
use crate::server::{Served, decide_path, served};
use crate::support::Answer;
use crate::tools::{alice, pending};

/// Makes decisions that are not taken, and one that is.
async fn decided(served: &Served, text: &str, said: &mut Said) {
    let tool = approval_runtime::Tool::named("corpus.write_down");
    let request = served.ask(tool, json!({"body": text})).await;
    let digest = request.digest();
    let wrong = [
        (400, json!({"approved": true, "comment": text})),
        (409, json!({"approved": true, "digest": "0".repeat(64), "comment": text})),
        (400, json!({"approved": text})),
        (400, json!({"approved": true, "digest": text})),
        (400, json!({"approved": true, "digest": digest, "comment": [text]})),
        (400, json!({"approved": true, "digest": digest, "reviewer": text})),
        (400, json!({"approved": true, "digest": digest, "note": text})),
        (400, json!({"approved": false, "edited_arguments": {"body": text}})),
        (400, json!({"approved": true, "digest": digest, "edited_arguments": {"body": {"$redacted": text}}})),
        (422, json!({"approved": true, "digest": digest, "edited_arguments": [text]})),
        (422, json!({"approved": true, "digest": digest, "edited_arguments": text})),
    ];
    for (status, body) in wrong {
        let answer = served.decide(&request, body.clone()).await;
        assert_eq!(answer.status, status, "{body}: {}", answer.text());
        said.answer("a wrong decision", &answer);
    }
    let raw = served.call("POST", &decide_path(&request)).body("application/json", text).send().await;
    assert_eq!(raw.problem(), "invalid_json");
    said.answer("a decision that is no JSON", &raw);
    // An address that a client made up is not repeated.
    let encoded: String = text.bytes().take(1_000).map(|byte| format!("%{byte:02X}")).collect();
    for target in
        [format!("/approvals/{encoded}"), format!("/{encoded}"), format!("/approvals/pending/{encoded}?{encoded}={encoded}")]
    {
        said.answer("a made-up address", &served.get(&target).await);
    }

    let browser = served.sign_in().await;
    said.answer("a press of a button", &browser.press(&request, "approve", text).await);
    let late = served.decide(&request, json!({"approved": false})).await;
    assert_eq!((late.status, late.problem()), (409, "already_decided".to_owned()));
    said.answer("a late decision", &late);
    said.answer("a request", &served.get(&format!("/approvals/{}", request.id())).await);
}

/// I23: what a server says of a request holds none of its values, outside of the record that reviewers are shown.
#[tokio::test]
async fn i23_addresses_and_problems_hold_no_value() {
    let served = served().await;
    for case in texts() {
        let _trying = case.trying();
        let mut said = Said::default();
        decided(&served, case.text(), &mut said).await;
        said.assert_without(&case.id, &Value::new(case.text()));
    }
    for case in biting(Bite::Url) {
        let _trying = case.trying();
        let (id, arguments) = (&*case.id, serde_json::from_slice::<Json>(case.body()).expect("an object"));
        let tool = if arguments["body"].is_string() { "corpus.write_down" } else { "corpus.sign_in" };
        let request = served.ask(approval_runtime::Tool::named(tool), arguments).await;
        let browser = served.sign_in().await;
        let page = browser.page("/").await;
        // Whatever leads anywhere, and whatever a form takes along.
        let tags: Vec<_> = page.split('<').filter_map(|tag| tag.split_once('>').map(|(tag, _)| tag)).collect();
        assert!(tags.len() > 10 && tags.iter().all(|tag| !tag.contains("CANARY")), "{id}: a tag holds a value");
        let mut said = Said::default();
        said.answer("a press of a button", &browser.press(&request, "approve", "").await);
        for target in ["/", "/approvals/pending", &format!("/approvals/{}", request.id())] {
            said.answer("an answer", &served.get(target).await);
        }
        said.text("the tags of the page", tags.concat());
        said.assert_without(id, &Value::new("CANARY"));
    }
}

/// The ways on which a reviewer's comment comes in.
enum Door {
    Rust,
    Json,
    Form,
}

/// Rejects a call with a comment, and returns how its caller learns of that.
async fn rejected(served: &Served, door: &Door, comment: &str) -> Refusal {
    let body = r#"{"body": "hello"}"#;
    let (returned, answer) = tokio::join!(served.gate.call_json("corpus.write_down", body), async {
        let request = pending(&served.gate).await;
        let answer: Option<Answer> = match door {
            Door::Rust => {
                let decision = Decision::reject(alice()).comment(comment);
                served.gate.decide(request.id(), decision).await.expect("it is pending");
                None
            }
            Door::Json => Some(served.decide(&request, json!({"approved": false, "comment": comment})).await),
            Door::Form => Some(served.sign_in().await.press(&request, "reject", comment).await),
        };
        answer
    });
    assert!(answer.is_none_or(|answer| matches!(answer.status, 200 | 303)));
    assert_eq!(effects(), [] as [Json; 0]);
    match returned.expect_err("it was rejected") {
        CallError::Refused(refusal) => refusal,
        error => panic!("{error}"),
    }
}

/// T33: what a reviewer writes reaches the caller as data of its own, capped and without controls, and in no sentence.
#[tokio::test]
async fn t33_comments_are_data() {
    let served = served().await;
    for case in biting(Bite::Agent) {
        let _trying = case.trying();
        let (id, Some(Agent::TypedAndCapped)) = (&*case.id, case.expect.agent) else {
            panic!("{}: nobody knows what to expect", case.id)
        };
        let controls = format!("{}\u{1b}[2J\u{9b}2J\u{8}\0\u{7f}", case.text());
        let long = case.text().repeat(1_000);
        let comments = [case.text(), &*controls, &*long];
        for (door, comment) in
            [Door::Rust, Door::Json, Door::Form].iter().flat_map(|door| comments.map(|comment| (door, comment)))
        {
            let refusal = rejected(&served, door, comment).await;
            let Refusal::Rejected { comment: Some(data), .. } = &refusal else { panic!("{id}: {refusal:?}") };
            let kept: String = comment.chars().filter(|char| !char.is_control() || *char == '\n').collect();
            match kept.char_indices().nth(2_000) {
                None => assert_eq!(**data, *kept, "{id}"),
                Some(_) => {
                    assert!(data.chars().count() == 2_000 && data.ends_with('…'), "{id}: {} characters", data.chars().count());
                    assert!(kept.starts_with(data.trim_end_matches('…')), "{id}");
                }
            }
            let mut json: Json = serde_json::to_value(&refusal).expect("JSON");
            assert_eq!(json["comment"].take(), **data, "{id}");
            let sentence = refusal.to_string();
            assert_eq!(sentence, "Action 'corpus.write_down' was rejected by alice.", "{id}");
            for said in [sentence, json.to_string()] {
                assert_eq!(Value::new(case.text()).find(&said), None, "{id}: {said}");
            }
        }
    }
}
