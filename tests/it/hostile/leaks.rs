//! I23, T32: no value gets out where nobody reviews it, on any way that a call can go.

use approval_runtime::testing::TestGate;
use approval_runtime::{ApprovalGate, ApprovalPolicy};
use serde_json::{Value as Json, json};

use super::corpus::{Bite, Case, Input, biting, texts};
use super::heard::{EXPECTED, Mark};
use super::said::{Said, Value, assert_not_heard};
use super::scan::assert_plain;
use super::tools::{Unspeakable, effects, keep, say};
use super::ways::Subject;

/// Tries a text in every way that is about texts, and returns what was said.
async fn said_about(text: &str) -> Said {
    let subject = Subject { tool: "corpus.write_down", arguments: json!({"body": text}) };
    let mut said = subject.on_every_way().await;
    refused_by_name(text, &mut said).await;
    unspeakable(text, &mut said).await;
    said
}

/// Bodies that a tool cannot take, each wrong at a value.
async fn refused_by_name(text: &str, said: &mut Said) {
    let gate = TestGate::silent(ApprovalGate::builder());
    let quoted = json!(text).to_string();
    let wrong = [
        ("type_mismatch", format!(r#"{{"text":[{quoted}]}}"#)),
        ("type_mismatch", format!(r#"{{"text":{{"deep":{quoted}}}}}"#)),
        ("type_mismatch", format!(r#"{{"text":"","number":{quoted}}}"#)),
        ("type_mismatch", format!(r#"{{"text":"","mode":{quoted}}}"#)),
        ("type_mismatch", format!(r#"{{"text":"","mode":{{"fancy":{{"level":{quoted}}}}}}}"#)),
        ("type_mismatch", format!(r#"{{"text":"","code":{quoted}}}"#)),
        ("type_mismatch", format!(r#"{{"text":"","time":{quoted}}}"#)),
        ("type_mismatch", format!(r#"{{"text":"","many":[1,{quoted}]}}"#)),
        ("type_mismatch", quoted.clone()),
        ("duplicate_key", format!(r#"{{"text":{quoted},"text":{quoted}}}"#)),
        ("unknown_field", format!(r#"{{"text":{quoted},"extra":{quoted}}}"#)),
        ("missing_field", format!(r#"{{"code":{quoted}}}"#)),
        ("number_out_of_range", format!(r#"{{"text":{quoted},"number":1e400}}"#)),
        ("reserved_key", format!(r#"{{"text":{{"$redacted":{quoted}}}}}"#)),
        ("invalid_json", format!(r#"{{"text":{quoted}}} {quoted}"#)),
        ("invalid_json", format!(r#"{{"text":{quoted}"#)),
        ("invalid_json", text.to_owned()),
    ];
    for (code, body) in wrong {
        let error = gate.call_json("corpus.parse", &body).await.expect_err(&body);
        assert_eq!(error.code(), code, "{body}");
        said.call(&format!("a body with {code}"), &error).await;
    }
    // A name that a model made up is said, so that it can be put right: cut, and in the display form.
    let body = json!({"text": "", text: 1}).to_string();
    for (tool, body) in [(text, "{}"), ("corpus.parse", &*body)] {
        let error = gate.call_json(tool, body).await.expect_err("there is no such name").to_string();
        assert_plain(text, "an error about a name", &error);
        assert!(!error.contains('\n') && error.len() < 1_000, "{error}");
    }
    gate.assert_nothing_asked();
    let error = gate.call_json("corpus.doubt", json!({"text": text}).to_string()).await.expect_err("nobody decides");
    said.call("a call whose typed rule panics", &error).await;
    gate.assert_asked("corpus.doubt");
}

/// Values that JSON has no form for.
async fn unspeakable(text: &str, said: &mut Said) {
    assert!(ApprovalGate::installed().is_none(), "no test of this program installs a gate");
    said.refusal("a call without a gate", &keep(text.to_owned(), [].into()).await.expect_err("there is no gate")).await;
    let gate = TestGate::silent(ApprovalGate::builder());
    for (number, it) in [(f64::NAN, None), (1.0, Some(Unspeakable(text.to_owned())))] {
        let refusal = gate.scope(say(text.to_owned(), number, it)).await.expect_err("it cannot be shown");
        assert!(matches!(refusal.code(), "number_out_of_range" | "unsupported"), "{refusal}");
        said.refusal("what cannot be shown", &refusal).await;
    }
    gate.assert_nothing_asked();
}

/// I23: of a value there is nothing in any error, debug output, event, log or panic.
#[tokio::test(start_paused = true)]
async fn i23_values_stay_where_they_are_reviewed() {
    let all = Mark::now();
    // Says so in the log for each annotated tool of this program.
    ApprovalGate::builder().policy(ApprovalPolicy::listed()).without_notifier().build().expect("a gate");
    for case in texts() {
        let _trying = case.trying();
        let (value, mark) = (Value::new(case.text()), Mark::now());
        said_about(case.text()).await.assert_without(&case.id, &value);
        assert_not_heard(&case.id, &mark.since(), &value);
    }
    let all = all.since();
    for said in [
        "a call waits for approval",
        "a reviewer was not told",
        "a rule could not answer",
        "the outcome of a call could not be recorded",
        "runs ungated",
    ] {
        assert!(all.lines.iter().any(|line| line.contains(said)), "the log was to say that {said}");
    }
    assert!(all.panics.iter().any(|panic| panic.message.starts_with(EXPECTED)), "a body was to panic");
}

/// T32: a value that is not named as a secret is on what reviewers look at, and nowhere else.
#[tokio::test(start_paused = true)]
async fn t32_free_text_stays_where_it_is_reviewed() {
    for case in canaries() {
        let _trying = case.trying();
        let (id, Some(leaks)) = (&*case.id, case.expect.canary_leaks_outside_review_surfaces) else { continue };
        assert_eq!(leaks, 0, "{id}: nobody knows how to count leaks that may be");
        let arguments: Json = serde_json::from_slice(case.body()).expect("an object");
        let text = arguments["body"].as_str().expect("a text");
        let (value, mark) = (Value::new("CANARY-7f3a-freetext"), Mark::now());
        assert!(text.contains("CANARY-7f3a-freetext"), "{id}");
        said_about(text).await.assert_without(id, &value);
        assert_not_heard(id, &mark.since(), &value);

        let gate = TestGate::approve_all(ApprovalGate::builder());
        gate.call_json("corpus.write_down", case.body()).await.expect("it is approved");
        let record = serde_json::to_string(&gate.asked()[0]).expect("JSON");
        assert!(value.find(&record).is_some() && value.find(&gate.snapshot()).is_some(), "{id}: reviewers see it");
        assert_eq!(effects().pop(), Some(arguments), "{id}");
    }
}

/// T32: a named secret is nowhere but in the body's arguments: not in the record, on no card, in no error.
#[tokio::test(start_paused = true)]
async fn t32_named_secrets_reach_the_body_only() {
    for case in canaries() {
        let _trying = case.trying();
        let (id, Some(leaks)) = (&*case.id, case.expect.canary_leaks) else { continue };
        assert_eq!(leaks, 0, "{id}: nobody knows how to count leaks that may be");
        let (value, mark) = (Value::new("CANARY"), Mark::now());
        let arguments = serde_json::from_slice(case.body()).expect("an object");
        let subject = Subject { tool: "corpus.sign_in", arguments };
        subject.on_every_way().await.assert_without(id, &value);
        effects();

        let gate = TestGate::approve_all(ApprovalGate::builder());
        gate.call_json(subject.tool, case.body()).await.expect("it is approved");
        assert_eq!(effects(), std::slice::from_ref(&subject.arguments), "{id}: the body gets it");
        // A program's own words may repeat it.
        gate.create_request(subject.new_request()).await.expect("it can be filed");
        let records = serde_json::to_string_pretty(&gate.asked()).expect("JSON");
        assert!(records.contains("because {"), "{id}: there is a reason");
        for (what, text) in [("a record", &records), ("a card", &gate.snapshot())] {
            assert_eq!(value.find(text), None, "{id}: {what} holds a secret: {text}");
        }
        assert_not_heard(id, &mark.since(), &value);
    }
}

/// The bodies that something must not leak out of, wherever that is.
fn canaries() -> Vec<&'static Case> {
    let surfaces = [Bite::Audit, Bite::ErrorMessages, Bite::Logs, Bite::Panic, Bite::Url];
    let mut cases: Vec<_> = surfaces.into_iter().flat_map(biting).collect();
    cases.retain(|case| matches!(case.input, Input::Body(_)));
    cases.sort_by_key(|case| &case.id);
    cases.dedup_by_key(|case| &case.id);
    for case in &cases {
        let counted = case.expect.canary_leaks.or(case.expect.canary_leaks_outside_review_surfaces);
        assert!(counted.is_some(), "{}: nobody knows what to expect", case.id);
    }
    cases
}
