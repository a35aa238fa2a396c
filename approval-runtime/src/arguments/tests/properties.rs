//! What holds for all JSON.

use super::*;

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
            prop_assert!(Arguments::from_canonical(captured.arguments.canonical()).is_ok());
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
        value["deep"] = json!([{"x": {"client_secret": {CANARY: [CANARY, secret]}, "n": 1}}]);
        let settings = Settings::new(&[]);
        let captured = settings.capture(|capture| capture.whole(&value)).unwrap();
        prop_assert!(!captured.arguments.canonical().contains(CANARY));
        let shown = format!("{captured:?}");
        prop_assert!(!shown.contains(CANARY));
        let mut decoder = Decoder::new(&captured.arguments, captured.hidden.as_deref()).unwrap();
        prop_assert_eq!(&decoder.value()["deep"], &value["deep"]);
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
