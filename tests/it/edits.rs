//! What a reviewer puts in place of the arguments, and what the body then gets.

use approval_runtime::testing::{Reply, TestGate};
use approval_runtime::{ApprovalPolicy, ApprovalStatus, Decision, EndedBecause, Refusal, Tool, requires_approval};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::tools::{Starts, alice, approve, builder, gate, pending};

#[requires_approval(live(rate))]
async fn convert_live(amount: u64, rate: u64) -> Result<u64, Refusal> {
    Ok(amount * rate)
}

/// I5: through `call` nothing of the annotated function is at hand, so everything that was shown runs.
#[tokio::test(start_paused = true)]
async fn i05_called_tool_gets_all_that_was_shown() {
    let _ = convert_live;
    let (gate, starts) = (gate(), Starts::default());
    let arguments = json!({"amount": 2, "rate": 9});
    let call = starts.call(&gate, Tool::named("convert_live"), arguments.clone());
    let (returned, request) = tokio::join!(call, approve(&gate));
    assert_eq!(request.arguments().to_value(), arguments);
    assert_eq!(returned.unwrap(), arguments);
}

#[derive(Serialize, Deserialize)]
struct Parameters<T>(T);

#[derive(Serialize, Deserialize)]
struct Note {
    text: String,
    context: Option<String>,
}

#[requires_approval(skip(context))]
async fn take_note(Parameters(note): Parameters<Note>, context: u8) -> Result<String, Refusal> {
    let _ = context;
    Ok(format!("{} {:?}", note.text, note.context))
}

/// I5: a field that is named like a skipped argument is a field.
#[tokio::test(start_paused = true)]
async fn i05_field_named_like_a_skipped_argument_arrives() {
    let gate = gate();
    let note = Note { text: "hi".into(), context: Some("urgent".into()) };
    let (returned, request) = tokio::join!(gate.scope(take_note(Parameters(note), 1)), approve(&gate));
    assert_eq!(request.arguments().to_value(), json!({"text": "hi", "context": "urgent"}));
    assert_eq!(returned.unwrap(), r#"hi Some("urgent")"#);
}

/// I27: the deny rules see what would run, not what was asked for.
#[tokio::test(start_paused = true)]
async fn i27_deny_sees_the_edit() {
    let large = |args: &Value| args["amount"].as_i64().is_none_or(|amount| amount > 100);
    let builder = builder().policy(ApprovalPolicy::new().add_deny_rule("pay", "over 100", large));
    let gate = TestGate::script(builder, [Reply::approve_with(json!({"amount": 500}))]);
    let starts = Starts::default();
    let refusal = starts.pay(&gate, json!({"amount": 5})).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Cancelled { because: Some(EndedBecause::Policy), .. }), "{refusal:?}");
    assert_eq!(starts.count(), 0);
}

/// While somebody decides, the hidden value is not at hand, so nobody can tell whether an edit fits.
#[requires_approval(redact(pin))]
async fn store_locked(value: u64, pin: String) -> Result<String, Refusal> {
    Ok(format!("{value}{pin}"))
}

/// An edit that does not fit and could not be checked is refused at the claim: both sides are told, nothing is stuck.
#[tokio::test(start_paused = true)]
async fn unfit_edit_is_refused_at_the_claim() {
    let gate = gate();
    for (field, value) in [("value", json!("five")), ("bcc", json!("mallory"))] {
        let review = async {
            let request = pending(&gate).await;
            let mut edit = request.arguments().to_value();
            edit[field] = value;
            let decision = Decision::approve(alice(), request.digest()).edited_arguments(edit);
            gate.decide(request.id(), decision).await.unwrap()
        };
        let (returned, request) = tokio::join!(gate.scope(store_locked(5, "1234".into())), review);
        let refusal = returned.unwrap_err();
        assert!(matches!(refusal, Refusal::Invalid { .. }), "{refusal:?}");
        let request = gate.get_request(request.id()).await.unwrap();
        assert_eq!((request.status(), request.ended_because()), (ApprovalStatus::Expired, Some(EndedBecause::Unrunnable)));
    }
}

#[requires_approval]
async fn store_any<T: Serialize + DeserializeOwned>(
    first: T,
    second: impl Serialize + DeserializeOwned,
) -> Result<String, Refusal> {
    Ok(serde_json::to_string(&(first, second)).unwrap_or_default())
}

/// What an edit has to fit is told by the call that waits, not by another one of the same function.
#[tokio::test(start_paused = true)]
async fn edit_fits_its_own_call() {
    let gate = gate();
    let (returned, _) = tokio::join!(gate.scope(store_any(1_u8, 2_u8)), approve(&gate));
    assert_eq!(returned.unwrap(), "[1,2]");
    for (refused, fits) in [(json!(300), json!("b")), (json!({}), json!(""))] {
        let review = async {
            let request = pending(&gate).await;
            let edit = |second| {
                let edited = json!({"first": 2, "second": second});
                gate.decide(request.id(), Decision::approve(alice(), request.digest()).edited_arguments(edited))
            };
            assert_eq!(edit(refused).await.unwrap_err().code(), "invalid_edit");
            edit(fits.clone()).await.unwrap()
        };
        let (returned, _) = tokio::join!(gate.scope(store_any(1_u8, "a".to_owned())), review);
        assert_eq!(returned.unwrap(), json!([2, fits]).to_string());
    }
}

/// Where a call waits here, an edit that does not fit is refused before it is saved.
#[tokio::test(start_paused = true)]
async fn unfit_edit_is_refused_before_it_is_saved() {
    let gate = gate();
    let review = async {
        let request = pending(&gate).await;
        for edit in [json!({"amount": "two", "rate": 9}), json!({"amount": 2, "rate": 1}), json!({"rate": 9})] {
            let decision = Decision::approve(alice(), request.digest()).edited_arguments(edit);
            assert_eq!(gate.decide(request.id(), decision).await.unwrap_err().code(), "invalid_edit");
        }
        let decision = Decision::approve(alice(), request.digest()).edited_arguments(json!({"amount": 3, "rate": 9}));
        gate.decide(request.id(), decision).await.unwrap()
    };
    let (returned, _) = tokio::join!(gate.scope(convert_live(2, 9)), review);
    assert_eq!(returned.unwrap(), 27);
}

#[requires_approval(auto_approve = true)]
async fn always_fine(amount: u64) -> Result<u64, Refusal> {
    Ok(amount)
}

/// I7: a rule of the policy that cannot answer asks, also where the tool's own rule would allow.
#[tokio::test(start_paused = true)]
async fn i07_broken_rule_beats_the_tools_own() {
    let policy = ApprovalPolicy::new().add_ask_rule("always_fine", "breaks", |_: &Value| Err::<bool, _>("no idea"));
    let gate = builder().policy(policy).build().unwrap();
    let (returned, request) = tokio::join!(gate.scope(always_fine(5)), approve(&gate));
    assert_eq!(returned.unwrap(), 5);
    assert_eq!(request.status(), ApprovalStatus::Approved);
}
