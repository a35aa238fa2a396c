//! What is redacted, and where it turns up again.

use super::*;

#[test]
fn t32_secrets_do_not_leave() {
    let settings = Settings::new(&["card.number", "list.pin_code"]);
    let card = Card { number: format!("{CANARY}-card"), holder: "Bob".into() };
    let captured = settings
        .capture(|capture| {
            capture.argument("a~1/b", &json!({"Authorization": [CANARY]}));
            capture.argument("card", &card);
            capture.argument("list", &json!([{"pin_code": CANARY}, {"pin_code": CANARY}]));
            capture.argument("password", CANARY);
        })
        .unwrap();
    let Captured { arguments, hidden } = &captured;
    let canonical = arguments.canonical();
    assert!(!canonical.contains(CANARY) && !format!("{captured:?}").contains(CANARY));
    assert_eq!(canonical.matches("{\"$redacted\":").count(), 5);
    assert!(canonical.contains(r#""holder":"Bob""#));
    assert_eq!(Arguments::from_canonical(canonical).unwrap(), *arguments);

    // Equal values in two places have two slots.
    let value = arguments.to_value();
    assert_ne!(value["list"][0]["pin_code"], value["list"][1]["pin_code"]);

    let mut decoder = Decoder::new(arguments, hidden.as_deref()).unwrap();
    assert!(!format!("{decoder:?}").contains(CANARY));
    assert_eq!(decoder.take::<Card>("card").unwrap(), card);
    assert_eq!(decoder.take::<String>("password").unwrap(), CANARY);
    assert_eq!(decoder.value()["a~1/b"]["Authorization"][0], CANARY);
    assert_eq!(decoder.value()["list"][1]["pin_code"], CANARY);
}

#[test]
fn slot_is_a_keyed_hash() {
    let captured = capture(&json!({"token": "x"})).unwrap();
    let slot = captured.arguments.to_value()["a"]["token"]["$redacted"].clone();
    // HMAC-SHA-256 of `/a/token`, NUL and `"x"` under 32 bytes of 7.
    assert_eq!(slot, "441a97ecbe346d6f203aaa30f13bea662fb0faa155abf265646670233c63c3eb");
    let other = Settings { key: RedactionKey::new([8; 32]), ..Settings::new(&[]) };
    let other = other.capture(|capture| capture.argument("a", &json!({"token": "x"}))).unwrap();
    assert_ne!(other.arguments.to_value()["a"]["token"]["$redacted"], slot);
}

#[test]
fn strange_slots_are_refused() {
    let captured = capture(&json!({"token": "x"})).unwrap();
    let without = Decoder::new(&captured.arguments, None).unwrap_err();
    assert_eq!(without.to_string(), "`a.token` is redacted: leave it as it stands, or leave it out");

    let slot = captured.hidden.as_ref().unwrap().values[0].slot.to_string();
    for (from, to) in [("token", "other"), (&*slot, &*"0".repeat(64))] {
        let changed = captured.arguments.canonical().replace(from, to);
        let changed = Arguments::from_canonical(changed).unwrap();
        let error = Decoder::new(&changed, captured.hidden.as_deref()).unwrap_err();
        assert_eq!(error.error(), "redacted_changed");
    }
}

#[test]
fn text_from_a_store_is_canonical() {
    for text in [r#"{"b":1,"a":2}"#, r#"{ "a":1}"#, r#"{"a":1.50}"#, r#"{"a":"\u0041"}"#] {
        assert_eq!(Arguments::from_canonical(text).unwrap_err().error(), "invalid_json", "{text}");
    }
    for slot in [r#"{"$redacted":"00"}"#, r#"{"$redacted":1}"#, r#"{"$redacted":1,"x":2}"#] {
        let error = Arguments::from_canonical(format!("{{\"a\":{slot}}}")).unwrap_err();
        assert_eq!(error.error(), "reserved_key");
    }
}

#[test]
fn i23_errors_name_nothing_inside_secrets() {
    let twice = read(&format!(r#"{{"b":[{{"token":{{"{CANARY}":1,"{CANARY}":2}}}}]}}"#)).unwrap_err();
    assert_eq!(twice.to_string(), "`b[0].token` is given twice: give each field once");

    let captured = capture(&json!({"token": {CANARY: "x"}})).unwrap();
    let error = decoded::<HashMap<String, HashMap<String, u8>>>(&captured).unwrap_err();
    assert_eq!(error.to_string(), "`a` has the wrong type or form: give what the tool takes there");
}

#[test]
fn redaction_paths_are_whole() {
    let settings = Settings::new(&["card.number", "a.b"]);
    let value = json!({
        "number": 1,
        "card": {"number": 2, "card": {"number": 3}, "x": [{"number": 4}]},
        "my_card": {"number": 5},
        "a": [[{"b": 6, "ab": 7}]],
        "xa": {"b": 8},
        "a.b": 9,
    });
    let captured = settings.capture(|capture| capture.whole(&value)).unwrap();
    let slots = captured.hidden.unwrap();
    let places: Vec<_> = slots.values.iter().map(|hidden| &*hidden.pointer).collect();
    assert_eq!(places.len(), 3, "{places:?}");
    for place in ["/a/0/0/b", "/a.b", "/card/number"] {
        assert!(places.contains(&place), "{places:?}");
    }
}
