//! Claims about arguments as a whole: in as Rust values or JSON text, out as the body's values.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;

const CANARY: &str = "CANARY-7f3a";

/// Keeps what [`CaptureSettings`] borrows.
struct Settings {
    names: SecretNames,
    key: RedactionKey,
    redact: Vec<&'static str>,
}

impl Settings {
    fn new(redact: &[&'static str]) -> Self {
        Self { names: SecretNames::default(), key: RedactionKey::new([7; 32]), redact: redact.to_vec() }
    }

    fn settings(&self) -> CaptureSettings<'_> {
        CaptureSettings { secret_names: &self.names, redact: &self.redact, key: &self.key }
    }

    fn capture(&self, put: impl FnOnce(&mut Capture<'_>)) -> Result<Captured, Invalid> {
        let mut capture = Capture::new(self.settings());
        put(&mut capture);
        capture.finish()
    }

    fn read(&self, json: &str) -> Result<Captured, Invalid> {
        Arguments::from_json(json.as_bytes(), self.settings())
    }
}

/// Captures `value` as the argument `a`.
fn capture<T: Serialize + ?Sized>(value: &T) -> Result<Captured, Invalid> {
    Settings::new(&[]).capture(|capture| capture.argument("a", value))
}

/// The canonical text of `value`, which is the argument `a`.
fn canonical<T: Serialize + ?Sized>(value: &T) -> String {
    let arguments = capture(value).expect("a value that can be captured").arguments;
    let text = arguments.canonical().strip_prefix("{\"a\":").and_then(|text| text.strip_suffix('}'));
    text.expect("one argument").to_owned()
}

fn refused<T: Serialize + ?Sized>(value: &T) -> &'static str {
    capture(value).expect_err("a value that cannot be captured").error()
}

fn read(json: &str) -> Result<Captured, Invalid> {
    Settings::new(&[]).read(json)
}

fn decoded<T: serde::de::DeserializeOwned>(captured: &Captured) -> Result<T, Invalid> {
    Decoder::new(&captured.arguments, captured.hidden.as_deref())?.take("a")
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Card {
    number: String,
    holder: String,
}

// Canonical form

#[test]
fn arguments_are_sorted() {
    let captured = Settings::new(&[]).capture(|capture| {
        capture.argument("to", "bob");
        capture.argument("amount", &5_u8);
        capture.flatten(&json!({"z": {"é": 1, "e": 2, "\n": 3, "": 4}, "b": [2, 1]}));
    });
    assert_eq!(captured.unwrap().arguments.canonical(), r#"{"amount":5,"b":[2,1],"to":"bob","z":{"":4,"\n":3,"e":2,"é":1}}"#);
}

#[test]
fn every_shape_is_written_as_serde_json_writes_it() {
    #[derive(Serialize)]
    struct Unit;
    #[derive(Serialize)]
    struct Newtype(u8);
    #[derive(Serialize)]
    struct Pair(u8, char);
    #[derive(Serialize)]
    enum Shape {
        Unit,
        Newtype(Newtype),
        Tuple(u8, bool),
        Struct { a: Option<u8>, b: () },
    }
    #[derive(Serialize)]
    struct All<'a> {
        array: [i8; 2],
        bytes: Bytes<'a>,
        char: char,
        displayed: fmt::Arguments<'a>,
        float: f32,
        floats: [f64; 4],
        ints: (i16, i32, i64, i128, u16, u32, u64, u128),
        keys: BTreeMap<i32, bool>,
        other_keys: [HashMap<Key, u8>; 3],
        pair: Pair,
        shapes: Vec<Shape>,
        unit: Unit,
    }
    struct Bytes<'a>(&'a [u8]);
    impl Serialize for Bytes<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_bytes(self.0)
        }
    }
    #[derive(PartialEq, Eq, Hash)]
    enum Key {
        Bool(bool),
        Char(char),
        Some(&'static str),
    }
    impl Serialize for Key {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match self {
                Self::Bool(key) => serializer.serialize_bool(*key),
                Self::Char(key) => serializer.serialize_char(*key),
                Self::Some(key) => serializer.serialize_some(key),
            }
        }
    }

    let all = All {
        array: [-1, 2],
        bytes: Bytes(b"\x00\xFF"),
        char: 'é',
        displayed: format_args!("{}", "\"\\/\u{8}\u{c}\n\r\t\u{1f}\u{7f}"),
        float: 0.1,
        floats: [5.0, -0.0, 1e300, 2.5e-10],
        ints: (-1, -2, i64::MIN, i64::MIN.into(), 1, 2, u64::MAX, u64::MAX.into()),
        keys: BTreeMap::from([(-1, true)]),
        other_keys: [Key::Bool(true), Key::Char('x'), Key::Some("y")].map(|key| HashMap::from([(key, 1)])),
        pair: Pair(1, 'x'),
        shapes: vec![Shape::Unit, Shape::Newtype(Newtype(1)), Shape::Tuple(1, false), Shape::Struct { a: None, b: () }],
        unit: Unit,
    };
    assert_eq!(canonical(&all), serde_json::to_string(&all).unwrap());
}

#[test]
fn number_formats_are_kept() {
    assert_eq!(canonical(&9_007_199_254_740_993_u64), "9007199254740993");
    assert_eq!(canonical(&5.0_f64), "5.0");
    assert_eq!(canonical(&0.1_f32), "0.1");
    assert_eq!(
        read(r#"{"n":[5e0,-0,-0.0,0.10,9.999999999999999,1e2,18446744073709551615]}"#).unwrap().arguments.canonical(),
        r#"{"n":[5.0,-0.0,-0.0,0.1,9.999999999999998,100.0,18446744073709551615]}"#
    );
}

#[test]
fn foreign_json_is_read_strictly() {
    let raw = |text: &str| RawValue::from_string(text.to_owned()).unwrap();
    assert_eq!(canonical(&raw(r#"{ "b" : 1.50, "\u0061": [ ] }"#)), r#"{"a":[],"b":1.5}"#);
    assert_eq!(refused(&raw(r#"{"x":1,"\u0078":2}"#)), "duplicate_key");
    assert_eq!(refused(&raw("1e400")), "number_out_of_range");
    assert_eq!(canonical(&json!([1, -1, 2.5])), "[1,-1,2.5]");
}

/// What `serde_json` does with its feature `arbitrary_precision`, whether or not it is on here.
#[test]
fn number_texts_are_judged() {
    struct Number(&'static str);
    impl Serialize for Number {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeStruct as _;
            let mut number = serializer.serialize_struct("$serde_json::private::Number", 1)?;
            number.serialize_field("$serde_json::private::Number", self.0)?;
            number.end()
        }
    }
    assert_eq!(canonical(&Number("9007199254740993")), "9007199254740993");
    assert_eq!(canonical(&Number("1e2")), "100.0");
    assert_eq!(canonical(&Number("-0")), "-0.0");
    assert_eq!(refused(&Number("18446744073709551616")), "number_out_of_range");
    assert_eq!(refused(&Number("1e400")), "number_out_of_range");
    assert_eq!(refused(&Number("1,\"b\":2")), "invalid_json");
    assert_eq!(refused(&Number(" 1")), "invalid_json");
}

// Refusals

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
                fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
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
    assert_eq!(error.to_string(), "`a[0]` cannot be written as JSON: give it another type, or keep it out of review");
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

// Redaction

#[test]
fn t32_secrets_do_not_leave() {
    let settings = Settings::new(&["card.number", "list.pin_code"]);
    let card = Card { number: format!("{CANARY}-card"), holder: "Bob".into() };
    let captured = settings
        .capture(|capture| {
            capture.argument("a~/b", &json!({"Authorization": [CANARY]}));
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
    assert_eq!(decoder.value()["a~/b"]["Authorization"][0], CANARY);
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

    let moved = captured.arguments.canonical().replace("token", "other");
    let moved = Arguments::from_canonical(moved).unwrap();
    let error = Decoder::new(&moved, captured.hidden.as_deref()).unwrap_err();
    assert_eq!(error.error(), "redacted_changed");
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

// Decoding

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
    assert_eq!(decoded::<f32>(&capture(&0.1_f32).unwrap()).unwrap(), 0.1);
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

// Edits

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

// Properties

/// JSON values of all kinds, some with names that look secret and some with hostile ones.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        any::<f32>().prop_filter("finite", |float| float.is_finite()).prop_map(|float| Value::from(f64::from(float))),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::hash_map(any_name(), inner, 0..6).prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z]{0,3}",
        1 => any::<String>(),
        1 => prop::sample::select(vec!["password", "X-Api-Key", "é", "a\"b", "a/b~c", "\u{0}", "$"]).prop_map(String::from),
    ]
}

fn any_arguments() -> impl Strategy<Value = Value> {
    prop::collection::hash_map(any_name(), any_json(), 0..6).prop_map(|fields| Value::Object(fields.into_iter().collect()))
}

/// Whether the names of all objects come in the order of their bytes.
fn is_sorted(text: &str) -> bool {
    struct Names(bool);
    impl<'de> Deserialize<'de> for Names {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(Self(true))
        }
    }
    impl<'de> serde::de::Visitor<'de> for Names {
        type Value = Self;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("JSON")
        }
        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
            let (mut sorted, mut before) = (true, None);
            while let Some((name, Self(inside))) = map.next_entry::<String, Self>()? {
                sorted &= inside && before.as_ref().is_none_or(|before| *before < name);
                before = Some(name);
            }
            Ok(Self(sorted))
        }
        fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
            let mut sorted = true;
            while let Some(Self(inside)) = seq.next_element()? {
                sorted &= inside;
            }
            Ok(Self(sorted))
        }
        fn visit_unit<E>(self) -> Result<Self, E> {
            Ok(self)
        }
        fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
            Ok(self)
        }
        fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
            Ok(self)
        }
        fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
            Ok(self)
        }
        fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
            Ok(self)
        }
        fn visit_str<E>(self, _: &str) -> Result<Self, E> {
            Ok(self)
        }
    }
    serde_json::from_str::<Names>(text).is_ok_and(|Names(sorted)| sorted)
}

proptest! {
    #[test]
    fn capture_equals_reading_the_text(value in any_arguments()) {
        let settings = Settings::new(&["a.b", "a"]);
        let captured = settings.capture(|capture| capture.whole(&value)).unwrap();
        let text = serde_json::to_string_pretty(&value).unwrap();
        let read = settings.read(&text).unwrap();
        prop_assert_eq!(&captured.arguments, &read.arguments);
        prop_assert!(is_sorted(captured.arguments.canonical()));
        prop_assert_eq!(captured.hidden.is_some(), captured.arguments.is_redacted());
    }

    #[test]
    fn canonical_form_is_stable(value in any_arguments()) {
        let settings = Settings::new(&["a.b"]);
        let captured = settings.capture(|capture| capture.whole(&value)).unwrap();
        let decoder = Decoder::new(&captured.arguments, captured.hidden.as_deref()).unwrap();
        prop_assert_eq!(decoder.value(), &value);
        let again = settings.capture(|capture| capture.whole(decoder.value())).unwrap();
        prop_assert_eq!(&again.arguments, &captured.arguments);
        let stored = Arguments::from_canonical(captured.arguments.canonical()).unwrap();
        prop_assert_eq!(&stored, &captured.arguments);
        let edited = captured.arguments.edited(&captured.arguments.to_value(), settings.settings());
        prop_assert_eq!(edited.as_ref(), Ok(&captured.arguments));
    }

    #[test]
    fn floats_keep_their_bits(bits in any::<u64>()) {
        let float = f64::from_bits(bits);
        prop_assume!(float.is_finite());
        let captured = capture(&float).unwrap();
        prop_assert_eq!(decoded::<f64>(&captured).unwrap().to_bits(), bits);
        let single = f32::from_bits(bits as u32);
        if single.is_finite() {
            let captured = capture(&single).unwrap();
            prop_assert_eq!(decoded::<f32>(&captured).unwrap().to_bits(), single.to_bits());
        }
    }

    #[test]
    fn integers_keep_their_digits(signed in any::<i64>(), unsigned in any::<u64>()) {
        prop_assert_eq!(canonical(&signed), signed.to_string());
        prop_assert_eq!(canonical(&unsigned), unsigned.to_string());
        prop_assert_eq!(decoded::<i64>(&capture(&signed).unwrap()), Ok(signed));
        prop_assert_eq!(decoded::<u64>(&capture(&unsigned).unwrap()), Ok(unsigned));
    }

    #[test]
    fn strings_are_escaped_as_by_serde_json(string in any::<String>()) {
        prop_assert_eq!(canonical(&string), serde_json::to_string(&string).unwrap());
    }

    /// The two readers agree on what is JSON; ours refuses some of it with another error.
    #[test]
    fn reader_takes_what_serde_json_takes(
        value in any_arguments(),
        cut in any::<prop::sample::Index>(),
        put in "[ \\[\\]{}\",:0-9a-z\\\\.-]{0,2}",
    ) {
        let mut text = serde_json::to_string(&value).unwrap();
        let mut at = cut.index(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        text.insert_str(at, &put);
        let theirs = serde_json::from_str::<Value>(&text).is_ok();
        match read(&text) {
            Ok(_) => prop_assert!(theirs, "{}", text),
            Err(error) if error.error() == "invalid_json" => prop_assert!(!theirs, "{}", text),
            Err(_) => {}
        }
    }

    #[test]
    fn redaction_leaks_no_canary(value in any_arguments(), secret in any_json()) {
        let mut value = value;
        let at = |text: Value| json!([{"x": {"client_secret": text, "n": 1}}]);
        value["deep"] = at(json!({CANARY: [CANARY, secret]}));
        let settings = Settings::new(&[]);
        let captured = settings.capture(|capture| capture.whole(&value)).unwrap();
        prop_assert!(!captured.arguments.canonical().contains(CANARY));
        let shown = format!("{captured:?}");
        prop_assert!(!shown.contains(CANARY));
        let decoder = Decoder::new(&captured.arguments, captured.hidden.as_deref()).unwrap();
        prop_assert_eq!(&decoder.value()["deep"], &value["deep"]);
        let mut decoder = decoder;
        let errors = [
            decoder.peek::<Vec<HashMap<String, HashMap<String, u8>>>>("deep").unwrap_err(),
            decoder.rest::<HashMap<String, Vec<u8>>>().unwrap_err(),
        ];
        for error in errors {
            let shown = format!("{error} {error:?}");
            prop_assert!(!shown.contains(CANARY), "{}", shown);
        }
    }
}
