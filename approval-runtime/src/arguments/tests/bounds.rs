//! What is refused.

use super::*;

#[test]
fn t04_unrepresentable_numbers_are_refused() {
    for float in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(refused(&float), "number_out_of_range");
        assert_eq!(refused(&[float as f32]), "number_out_of_range");
    }
    assert_eq!(refused(&(u128::from(u64::MAX) + 1)), "number_out_of_range");
    assert_eq!(refused(&(i128::from(i64::MIN) - 1)), "number_out_of_range");
}

#[test]
fn hostile_json_is_refused() {
    for (json, error) in [
        (r#"{"to":"bob","amount":5,"amount":5000}"#, "duplicate_key"),
        (r#"{"to":"bob","\u0061mount":5,"amount":5000}"#, "duplicate_key"),
        (r#"{"z":1,"a":{"c":1,"b":1,"c":1}}"#, "duplicate_key"),
        (r#"{"to":"bob","amount":1e400}"#, "number_out_of_range"),
        (r#"{"amount":18446744073709551616}"#, "number_out_of_range"),
        (r#"{"amount":-9223372036854775809}"#, "number_out_of_range"),
        (r#"{"to":"bob","amount":{"$serde_json::private::Number":"1"}}"#, "type_mismatch"),
        (r#"{"amount":{"$serde_json::private::RawValue":"1"}}"#, "type_mismatch"),
        (r#"{"to":"bob","amount":5}{"amount":5000}"#, "invalid_json"),
        (r#"{"a":{"$redacted":"x"}}"#, "reserved_key"),
        ("[]", "type_mismatch"),
        ("\"x\"", "type_mismatch"),
        ("[1", "invalid_json"),
        ("", "invalid_json"),
        ("\u{FEFF}{}", "invalid_json"),
        (r#"{"a":"\ud800"}"#, "invalid_json"),
        ("{\"a\":\"\n\"}", "invalid_json"),
        (r#"{"a":1,}"#, "invalid_json"),
        (r#"{,"a":1}"#, "invalid_json"),
        (r#"{"a":[1,]}"#, "invalid_json"),
        (r#"{"a":[1 2]}"#, "invalid_json"),
        (r#"{"a":01}"#, "invalid_json"),
        (r#"{"a":+1}"#, "invalid_json"),
        (r#"{"a":1.}"#, "invalid_json"),
        (r#"{"a":1e}"#, "invalid_json"),
        (r#"{"a":NaN}"#, "invalid_json"),
        (r#"{"a":nul}"#, "invalid_json"),
        (r#"{"a" 1}"#, "invalid_json"),
        (r#"{a:1}"#, "invalid_json"),
        (r#"{"a":"\é"}"#, "invalid_json"),
        (r#"{"a":"\"#, "invalid_json"),
    ] {
        assert_eq!(read(json).expect_err(json).error(), error, "{json}");
    }
    let bytes = b"{\"to\":\"\xFF\xC0\xAF\"}";
    let error = strict::object(bytes).unwrap_err();
    assert_eq!(error, Invalid::InvalidJson { at: 7 });
}

#[test]
fn t34_bounds_are_refused() {
    let deep = |count: usize| format!("{}1{}", "[".repeat(count), "]".repeat(count));
    assert_eq!(read(&deep(10_000)).unwrap_err().error(), "too_deep");
    assert!(read(&format!("{{\"a\":{}}}", deep(MAX_DEPTH - 1))).is_ok());
    assert_eq!(read(&format!("{{\"a\":{}}}", deep(MAX_DEPTH))).unwrap_err().error(), "too_deep");

    let long = |len: usize| format!("{{\"a\":\"{}\"}}", "A".repeat(len));
    assert_eq!(read(&long(8 * 1024 * 1024)).unwrap_err().error(), "too_large");
    assert_eq!(read(&long(MAX_BYTES - 8)).unwrap().arguments.len(), MAX_BYTES);
    assert_eq!(read(&long(MAX_BYTES - 7)).unwrap_err().error(), "too_large");
    assert_eq!(refused(&"\u{1}".repeat(MAX_BYTES / 2)), "too_large");
    assert_eq!(refused(&vec![Vec::<u8>::new(); MAX_BYTES]), "too_large");

    // A document around arguments may be as much larger as it takes to hold the largest.
    let around = |arguments: &str| strict::object(format!("{{\"approved\":true,\"edited_arguments\":{arguments}}}").as_bytes());
    assert!(around(&long(MAX_BYTES - 8)).is_ok());
    assert_eq!(around(&long(MAX_BYTES + 16 * 1024)).unwrap_err().error(), "too_large");
    assert!(around(&format!("{{\"a\":{}}}", deep(MAX_DEPTH - 1))).is_ok());
    assert_eq!(around(&format!("{{\"a\":{}}}", deep(MAX_DEPTH))).unwrap_err().error(), "too_deep");

    let wide = |count: usize| (0..count).map(|key| (key, ())).collect::<BTreeMap<_, _>>();
    assert!(capture(&wide(MAX_KEYS - 1)).is_ok());
    assert_eq!(refused(&wide(MAX_KEYS)), "too_many_keys");
}

/// A value that is built in code can be as deep as it likes.
#[test]
fn deep_values_are_refused() {
    let mut value = json!(1);
    for _ in 0..1_000 {
        value = json!([value]);
    }
    assert_eq!(refused(&value), "too_deep");
}

#[test]
fn secrets_count_towards_the_bound() {
    let value = json!({"password": "x".repeat(MAX_BYTES / 2), "secret": "x".repeat(MAX_BYTES / 2)});
    assert_eq!(refused(&value), "too_large");
}

#[test]
fn reserved_names_are_refused() {
    assert_eq!(refused(&json!({"$redacted": "00"})), "reserved_key");
    assert_eq!(refused(&json!({"$serde_json::private::x": 1})), "reserved_key");
    assert_eq!(refused(&json!({"password": {"$redacted": "00"}})), "reserved_key");
    assert!(capture(&json!({"$redacted!": 1, "$": 1})).is_ok());
}

#[test]
fn only_objects_join_the_top_level() {
    let whole = |value: Value| Settings::new(&[]).capture(|capture| capture.whole(&value));
    assert_eq!(whole(json!({"b": 1, "a": 2})).unwrap().arguments.canonical(), r#"{"a":2,"b":1}"#);
    for value in [json!([1]), json!("a"), json!(1), json!(null)] {
        assert_eq!(whole(value).unwrap_err().error(), "type_mismatch");
    }
    let twice = Settings::new(&[]).capture(|capture| {
        capture.argument("a", &1);
        capture.flatten(&json!({"a": 2}));
    });
    assert_eq!(twice.unwrap_err().error(), "duplicate_key");
}

/// An error inside a value is not lost when the value around it ignores it.
#[test]
fn swallowed_errors_are_refused() {
    struct Swallows;
    impl Serialize for Swallows {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq as _;
            struct Fails;
            impl Serialize for Fails {
                fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                    let mut seq = serializer.serialize_seq(None)?;
                    seq.serialize_element(&1)?;
                    Err(serde::ser::Error::custom(CANARY))
                }
            }
            let mut seq = serializer.serialize_seq(None)?;
            let _ = seq.serialize_element(&Fails);
            let _ = seq.serialize_element(&1);
            seq.end()
        }
    }
    let error = capture(&Swallows).unwrap_err();
    assert_eq!(error.to_string(), "`a[0][0]` cannot be written as JSON: give it another type, or keep it out of review");
}

#[test]
fn halves_of_maps_are_refused() {
    struct Half(bool);
    impl Serialize for Half {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeMap as _;
            let mut map = serializer.serialize_map(None)?;
            if self.0 {
                map.serialize_key("x")?;
            } else {
                map.serialize_value("y")?;
            }
            map.end()
        }
    }
    assert_eq!(refused(&Half(true)), "unsupported");
    assert_eq!(refused(&Half(false)), "unsupported");
    assert_eq!(refused(&HashMap::from([(Vec::<u8>::new(), 1)])), "unsupported");
}

#[test]
fn errors_name_the_place() {
    let error = read(r#"{"b":{"items":[{"n":1},{"n":1,"n":2}]}}"#).unwrap_err();
    assert_eq!(error.to_string(), "`b.items[1].n` is given twice: give each field once");
    let error = read(r#"{"b":{"items":[1e999]}}"#).unwrap_err();
    assert!(error.to_string().starts_with("`b.items[0]` is a number out of range"), "{error}");
}
