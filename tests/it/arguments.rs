//! What the body gets is what was shown, value by value (I5). The suite runs this also with `serde_json`'s
//! `arbitrary_precision` and `preserve_order` on.

use approval_runtime::ApprovalRequest;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::tools::{Starts, approve, gate};

/// Returns what a reviewer saw, and what the body got.
async fn shown_and_run(arguments: Value) -> (ApprovalRequest, Value) {
    let (gate, starts) = (gate(), Starts::default());
    let (returned, request) = tokio::join!(starts.pay(&gate, arguments), approve(&gate));
    (request, returned.expect("it was approved"))
}

#[tokio::test(start_paused = true)]
async fn i05_integers_arrive_digit_for_digit() {
    for number in [0, 1, 9_007_199_254_740_993, u64::MAX, i64::MAX as u64] {
        let (request, run) = shown_and_run(json!({ "amount": number })).await;
        assert_eq!(request.arguments().canonical(), format!(r#"{{"amount":{number}}}"#));
        assert_eq!(run["amount"].as_u64(), Some(number));
    }
    let (request, run) = shown_and_run(json!({ "amount": i64::MIN })).await;
    assert_eq!(request.arguments().canonical(), r#"{"amount":-9223372036854775808}"#);
    assert_eq!(run["amount"].as_i64(), Some(i64::MIN));
}

#[tokio::test(start_paused = true)]
async fn i05_facts_are_shown_in_the_display_form() {
    let (request, _) = shown_and_run(json!({"to": "invoice\u{202e}fdp.exe", "amount": 5.0, "password": "hunter2"})).await;
    let facts: Vec<_> = request.facts().into_iter().map(|fact| (fact.name, fact.value)).collect();
    let shown = [("amount", "5.0"), ("password", "[redacted]"), ("to", r#""invoice\u{202E}fdp.exe""#)];
    assert_eq!(facts, shown.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

/// I23: a redacted value reaches the body and nothing else.
#[tokio::test(start_paused = true)]
async fn i23_secret_reaches_only_the_body() {
    let arguments = json!({"to": "bob", "nested": {"api_key": "CANARY-1"}, "password": "CANARY-2"});
    let (request, run) = shown_and_run(arguments.clone()).await;
    assert_eq!(run, arguments);
    for text in [serde_json::to_string(&request).unwrap(), format!("{request:?}"), request.arguments().canonical().to_owned()] {
        assert!(!text.contains("CANARY"), "{text}");
    }
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("finite", |number| number.is_finite()).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map("[0-9]{1,6}", inner, 0..6)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// I5: bytes shown = bytes approved = bytes the body's values come from, for any JSON; f64 bit for bit.
    #[test]
    fn i05_body_gets_what_was_shown(argument in value()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let fields: Map<String, Value> = [("value".to_owned(), argument)].into_iter().collect();
        let (request, run) = runtime.block_on(shown_and_run(Value::Object(fields.clone())));
        prop_assert_eq!(&run, &Value::Object(fields));
        let canonical: Value = serde_json::from_str(request.arguments().canonical()).unwrap();
        prop_assert_eq!(run, canonical);
    }

    #[test]
    fn i05_floats_arrive_bit_for_bit(number in any::<f64>().prop_filter("finite", |number| number.is_finite())) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let (_, run) = runtime.block_on(shown_and_run(json!({ "amount": number })));
        prop_assert_eq!(run["amount"].as_f64().map(f64::to_bits), Some(number.to_bits()));
    }
}
