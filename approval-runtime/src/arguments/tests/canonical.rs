//! What the canonical text is.

use super::*;

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
    assert_eq!(canonical(&1e14_f32), "100000000000000.0");
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
