//! Claims about arguments as a whole: in as Rust values or JSON text, out as the body's values.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::*;

mod body;
mod bounds;
mod canonical;
mod properties;
mod secrets;

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
