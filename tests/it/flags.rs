//! What a call whose arguments can mislead needs: a person who looks.

use std::sync::atomic::{AtomicUsize, Ordering};

use approval_runtime::{ApprovalGate, ApprovalPolicy, ApprovalStatus, Decision, Flag, Flags, Refusal, Tool, requires_approval};
use serde_json::{Value, json};

use crate::tools::{Starts, alice, approve, builder, gate, pay, pending, reject};

/// One text for each flag that needs a person.
const MISLEADING: &[(&str, Flag)] = &[
    ("invoice\u{202E}fdp.exe", Flag::Bidi),
    ("alice\u{200B}@company.com", Flag::Invisible),
    ("p\u{335}\u{336}\u{338}ay", Flag::Combining),
    ("аdmin@company.com", Flag::Confusable),
    ("helloмир", Flag::MixedScript),
    ("١٠٠٠", Flag::NonAsciiDigits),
    ("xn--pple-43d.com", Flag::Punycode),
    ("https://company.com@evil.example/", Flag::UrlUserinfo),
    ("bob\u{1B}[2J", Flag::Control),
    ("ls          ; rm -rf /", Flag::Padding),
];

fn harmless() -> [String; 4] {
    ["bob@company.com".into(), "שלום עולם".into(), "a".repeat(3001), "Вопрос о цене, т.е. 5 €".into()]
}

fn lax() -> ApprovalGate {
    let policy = ApprovalPolicy::new().add_auto_approve_rule("pay", "always", |_: &Value| true).add_auto_approve_rule(
        "post_note",
        "always",
        |_: &Value| true,
    );
    builder().policy(policy).build().unwrap()
}

/// I22, T5: no rule approves what a reader can be deceived by, wherever it stands.
#[tokio::test(start_paused = true)]
async fn i22_flagged_call_asks_a_person() {
    let gate = lax();
    for (text, flag) in MISLEADING {
        for arguments in [json!({"to": text}), json!({"deep": [{"er": {"to": text}}]}), json!({"deep": {*text: 1}})] {
            let starts = Starts::default();
            let (returned, request) = tokio::join!(starts.pay(&gate, arguments), reject(&gate));
            assert!(returned.is_err_and(|refusal| refusal.is_rejected()));
            assert!(request.flags().contains(*flag), "{flag}: {}", request.flags());
            assert_eq!(starts.count(), 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn harmless_flags_pass_by_rule() {
    let gate = lax();
    let starts = Starts::default();
    for text in harmless() {
        let arguments = json!({"to": text, "password": "hunter2"});
        assert_eq!(starts.pay(&gate, arguments.clone()).await.unwrap(), arguments);
    }
    assert_eq!(starts.count(), harmless().len());
}

static NOTES: AtomicUsize = AtomicUsize::new(0);

#[requires_approval(auto_approve = !text.is_empty())]
async fn write_note(text: String) -> Result<usize, Refusal> {
    assert!(!text.is_empty());
    Ok(NOTES.fetch_add(1, Ordering::SeqCst))
}

#[requires_approval]
async fn post_note(text: String) -> Result<usize, Refusal> {
    assert!(!text.is_empty());
    Ok(NOTES.fetch_add(1, Ordering::SeqCst))
}

/// I22: through the macro, by its own rule and by the policy's.
#[tokio::test(start_paused = true)]
async fn i22_flagged_annotated_call_asks_a_person() {
    let gate = lax();
    for (text, flag) in MISLEADING {
        for own in [true, false] {
            let call = async {
                let text = (*text).to_owned();
                if own { write_note(text).await } else { post_note(text).await }
            };
            let (returned, request) = tokio::join!(gate.scope(call), reject(&gate));
            assert!(returned.is_err_and(|refusal| refusal.is_rejected()), "{flag}");
            assert_eq!(request.facts()[0].flags, request.flags());
        }
    }
    assert_eq!(NOTES.load(Ordering::SeqCst), 0);
    for (count, text) in harmless().into_iter().enumerate() {
        assert_eq!(gate.scope(write_note(text.clone())).await.unwrap(), 2 * count);
        assert_eq!(gate.scope(post_note(text)).await.unwrap(), 2 * count + 1);
    }
}

/// I10: what a deny rule refuses is refused, flagged or not.
#[tokio::test(start_paused = true)]
async fn i10_deny_beats_a_flag() {
    let policy = ApprovalPolicy::new().add_auto_approve_rule("pay", "always", |_: &Value| true).add_deny_rule(
        "pay",
        "nothing to evil.example",
        |args: &Value| args["to"].as_str().is_none_or(|to| to.contains("evil.example")),
    );
    let gate = builder().policy(policy).build().unwrap();
    let starts = Starts::default();
    let refusal = starts.pay(&gate, json!({"to": "https://company.com@evil.example/"})).await.unwrap_err();
    assert!(matches!(&refusal, Refusal::Rejected { by, .. } if &**by == "policy"), "{refusal:?}");
    assert_eq!(starts.count(), 0);
}

/// A listed policy leaves a tool open that another rule names; a flagged call of it is recorded and asked about.
#[tokio::test(start_paused = true)]
async fn i22_open_tool_asks_when_flagged() {
    let policy = ApprovalPolicy::listed().add_deny_rule("pay", "never", |_: &Value| false);
    let gate = builder().policy(policy).build().unwrap();
    let starts = Starts::default();
    starts.pay(&gate, json!({"to": "bob"})).await.unwrap();
    let (returned, request) = tokio::join!(starts.pay(&gate, json!({"to": "bоb"})), approve(&gate));
    returned.unwrap();
    assert_eq!((request.status(), starts.count()), (ApprovalStatus::Approved, 2));
}

#[test]
fn flagged_arguments_need_approval() {
    let policy = ApprovalPolicy::new().add_auto_approve_rule("pay", "always", |_: &Value| true);
    assert!(!policy.needs_approval("pay", &json!({"to": "bob"})));
    assert!(policy.needs_approval("pay", &json!({"to": "bоb"})));
}

/// The record's flags are those of what would run: the edit's, once there is one.
#[tokio::test(start_paused = true)]
async fn record_has_the_flags_of_what_runs() {
    let gate = gate();
    let starts = Starts::default();
    let review = async {
        let request = pending(&gate).await;
        assert_eq!(serde_json::to_value(&request).unwrap()["flags"], json!(["confusable", "mixed_script", "redacted"]));
        let facts: Vec<_> = request.facts().into_iter().map(|fact| (fact.name, fact.flags.to_string())).collect();
        let expected = [("amount", ""), ("password", "redacted"), ("to", "confusable, mixed_script")];
        assert_eq!(facts, expected.map(|(name, flags)| (name.to_owned(), flags.to_owned())));
        let edit = json!({"to": "bob\u{A0}", "amount": 5});
        gate.decide(request.id(), Decision::approve(alice(), request.digest()).edited_arguments(edit)).await.unwrap()
    };
    let call = starts.pay(&gate, json!({"to": "bоb", "amount": 5, "password": "hunter2"}));
    let (returned, request) = tokio::join!(call, review);
    assert_eq!(returned.unwrap(), json!({"to": "bob\u{A0}", "amount": 5}));
    assert_eq!(request.flags(), Flags::from(Flag::Invisible));
    assert_eq!(serde_json::to_value(&request).unwrap()["flags"], json!(["invisible"]));
}

/// A tool that nobody gates is not looked at.
#[tokio::test(start_paused = true)]
async fn passed_through_tool_is_not_flagged() {
    let gate = builder().policy(ApprovalPolicy::new().pass_through("pay")).build().unwrap();
    let starts = Starts::default();
    starts.call(&gate, Tool::named(pay().name()), json!({"to": "bоb\u{202E}"})).await.unwrap();
    assert_eq!(starts.count(), 1);
}
