//! What the body gets.

use super::*;

#[test]
fn i05_body_gets_what_was_shown() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Money {
        Cents(i64),
        Dollars(f64),
    }
    for money in [Money::Cents(5), Money::Dollars(5.0), Money::Dollars(1e19), Money::Cents(i64::MIN)] {
        assert_eq!(decoded::<Money>(&capture(&money).unwrap()).unwrap(), money);
    }
    // The one short float whose shortest decimal is another one when it is rounded twice.
    for float in [0.1, f32::MIN_POSITIVE, f32::from_bits(0x15AE_43FD)] {
        assert_eq!(decoded::<f32>(&capture(&float).unwrap()), Ok(float));
    }
}

#[test]
fn skipped_fields_are_defaults() {
    #[derive(Debug, Serialize, Deserialize)]
    struct Mail {
        to: String,
        #[serde(skip)]
        bcc: String,
    }
    let mail = Mail { to: "bob".into(), bcc: "mallory".into() };
    let captured = capture(&mail).unwrap();
    assert_eq!(captured.arguments.canonical(), r#"{"a":{"to":"bob"}}"#);
    assert_eq!(decoded::<Mail>(&captured).unwrap().bcc, "");
}

#[test]
fn decode_errors_name_the_place() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[expect(dead_code, reason = "only decoded")]
        items: Vec<HashMap<u8, Item>>,
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "only decoded")]
    struct Item {
        count: u8,
        kind: Kind,
    }
    #[derive(Debug, Deserialize)]
    enum Kind {
        Good,
    }
    let explain = |order: Value| {
        let captured = capture(&order).unwrap();
        let error = decoded::<Order>(&captured).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(CANARY), "{error}");
        error.to_string()
    };
    let wrong = "has the wrong type or form: give what the tool takes there";
    assert_eq!(explain(json!(CANARY)), format!("`a` {wrong}"));
    assert_eq!(explain(json!({})), "`a.items` is missing: add it");
    assert_eq!(explain(json!({"items": [], "x": CANARY})), "`a.x` is not a field of this tool: leave it out");
    assert_eq!(explain(json!({"items": [{}, {"7": {"count": CANARY}}]})), format!("`a.items[1].7.count` {wrong}"));
    assert_eq!(explain(json!({"items": [{"7": {"count": 1}}]})), "`a.items[0].7.kind` is missing: add it");
    assert_eq!(explain(json!({"items": [{"7": {"count": 1, "kind": CANARY}}]})), format!("`a.items[0].7.kind` {wrong}"));
    assert_eq!(explain(json!({"items": [{"777": {"count": 1, "kind": "Good"}}]})), format!("`a.items[0]` {wrong}"));
}

#[test]
fn long_tuples_are_refused() {
    let captured = capture(&json!([[1, 2], [1, 2, 3]])).unwrap();
    let error = decoded::<Vec<(u8, u8)>>(&captured).unwrap_err();
    assert_eq!(error.to_string(), "`a[1]` has the wrong type or form: give what the tool takes there");
}

#[test]
fn arguments_are_taken_one_by_one() {
    let captured = read(r#"{"amount":5,"to":"bob"}"#).unwrap();
    let mut decoder = Decoder::new(&captured.arguments, None).unwrap();
    assert_eq!(decoder.peek::<String>("to").unwrap(), "bob");
    assert_eq!(decoder.take::<String>("to").unwrap(), "bob");
    assert_eq!(decoder.take::<String>("to").unwrap_err().error(), "missing_field");
    assert_eq!(decoder.take::<Option<String>>("cc").unwrap(), None);
    assert_eq!(decoder.take::<String>("amount").unwrap_err().error(), "type_mismatch");
    assert_eq!(decoder.finish().unwrap_err().to_string(), "`amount` is not a field of this tool: leave it out");
    assert_eq!(decoder.take::<u8>("amount").unwrap(), 5);
    assert_eq!(decoder.finish(), Ok(()));
}

#[test]
fn rest_skips_no_field() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Payment {
        amount: u8,
        to: Option<String>,
    }
    let rest = |json: &str| {
        let captured = read(json).unwrap();
        let mut decoder = Decoder::new(&captured.arguments, None).unwrap();
        let rest = decoder.rest::<Payment>();
        assert_eq!(decoder.finish(), Ok(()));
        rest
    };
    assert_eq!(rest(r#"{"amount":5}"#), Ok(Payment { amount: 5, to: None }));
    let error = rest(r#"{"amount":5,"bcc":"mallory"}"#).unwrap_err();
    assert_eq!(error.to_string(), "`bcc` is not a field of this tool: leave it out");
    assert_eq!(rest("{}").unwrap_err().to_string(), "`amount` is missing: add it");
    assert_eq!(rest(r#"{"amount":"x"}"#).unwrap_err().error(), "type_mismatch");
}

#[test]
fn edits_keep_or_drop_secrets() {
    let settings = Settings::new(&["card.number"]);
    let asked = json!({"card": {"number": "1", "holder": "Bob"}, "list": [{"pin": 1}], "to": "bob"});
    let captured = settings.capture(|capture| capture.whole(&asked)).unwrap();
    let arguments = &captured.arguments;
    let shown = arguments.to_value();
    let edited = |edit: &dyn Fn(&mut Value)| {
        let mut value = shown.clone();
        edit(&mut value);
        arguments.edited(&value, settings.settings())
    };
    let refused = |edit: &dyn Fn(&mut Value)| edited(edit).unwrap_err().error();

    assert_eq!(edited(&|_| {}).unwrap(), *arguments);

    let kept = edited(&|value| value["to"] = json!("alice")).unwrap();
    let decoder = Decoder::new(&kept, captured.hidden.as_deref()).unwrap();
    assert_eq!(decoder.value()["card"]["number"], "1");
    assert_eq!(decoder.value()["to"], "alice");

    let dropped = edited(&|value| value["list"] = json!([])).unwrap();
    let decoder = Decoder::new(&dropped, captured.hidden.as_deref()).unwrap();
    assert_eq!(decoder.value()["list"], json!([]));

    assert_eq!(refused(&|value| value["card"]["number"] = json!("2")), "redacted_changed");
    assert_eq!(refused(&|value| value["list"][0]["pin"] = Value::Null), "redacted_changed");
    assert_eq!(refused(&|value| value["password"] = json!("new")), "redacted_changed");
    assert_eq!(refused(&|value| value["to"] = value["list"][0]["pin"].clone()), "redacted_changed");
    assert_eq!(refused(&|value| value["card"]["number"] = value["list"][0]["pin"].clone()), "redacted_changed");
    assert_eq!(refused(&|value| value["card"]["number"] = json!({"$redacted": 1})), "reserved_key");
    assert_eq!(refused(&|value| *value = json!([])), "type_mismatch");
}

#[test]
fn arguments_serialize_as_they_are() {
    let arguments = capture(&json!({"z": 1.0, "a": 9_007_199_254_740_993_u64})).unwrap().arguments;
    assert_eq!(serde_json::to_string(&arguments).unwrap(), arguments.canonical());
    assert_eq!(serde_json::to_value(&arguments).unwrap(), arguments.to_value());
    let shown = format!("{arguments:?}");
    assert_eq!(shown, format!("Arguments({} bytes, {})", arguments.len(), arguments.digest()));
}
