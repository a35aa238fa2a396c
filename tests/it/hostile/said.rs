//! What the system says where nobody reviews: errors, debug output, problem documents, headers, events.

use std::error::Error;
use std::fmt::Debug;

use approval_runtime::arguments::display;
use approval_runtime::{CallError, DecideError, Refusal};
use approval_server::RefusalResponse;
use axum::response::IntoResponse;

use super::heard::Heard;
use crate::support::Answer;

/// Texts outside of what reviewers look at, each with where it comes from.
#[derive(Debug, Default)]
pub(super) struct Said(Vec<(String, String)>);

impl Said {
    pub(super) fn text(&mut self, from: impl Into<String>, text: impl Into<String>) {
        self.0.push((from.into(), text.into()));
    }

    pub(super) fn debug(&mut self, from: &str, it: &dyn Debug) {
        self.text(format!("Debug of {from}"), format!("{it:?}"));
    }

    /// Takes an error with its causes.
    pub(super) fn error(&mut self, from: &str, error: &dyn Error) {
        let mut next = Some(error);
        while let Some(error) = next {
            self.text(from, error.to_string());
            self.debug(from, &error);
            next = error.source();
        }
    }

    /// Takes a refusal as a program, a model and an HTTP client get it.
    pub(super) async fn refusal(&mut self, from: &str, refusal: &Refusal) {
        self.error(from, refusal);
        self.text(format!("JSON of {from}"), serde_json::to_string(refusal).expect("a refusal has a JSON form"));
        let response = RefusalResponse::from(refusal.clone()).into_response();
        self.debug(&format!("the head of {from}"), response.headers());
        let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("it is in memory");
        self.text(format!("problem document of {from}"), String::from_utf8_lossy(&body));
    }

    pub(super) async fn call(&mut self, from: &str, error: &CallError) {
        self.error(from, error);
        if let CallError::Refused(refusal) = error {
            self.refusal(from, refusal).await;
        }
    }

    /// Takes what a server answered, but for the records in it, which are for reviewers.
    pub(super) fn answer(&mut self, from: &str, answer: &Answer) {
        self.text(format!("the head of {from}"), answer.head());
        if answer.header("content-type") == Some("application/problem+json") {
            let mut document = answer.json();
            document.as_object_mut().expect("an object").remove("request");
            self.text(format!("the problem of {from}"), document.to_string());
        }
    }

    pub(super) fn decision(&mut self, from: &str, error: &DecideError) {
        self.error(from, error);
    }

    /// Asserts that no text of it holds the value, and that none steers a terminal.
    #[track_caller]
    pub(super) fn assert_without(&self, id: &str, value: &Value) {
        assert!(self.0.len() > 3, "{id}: next to nothing was said");
        for (from, text) in &self.0 {
            if let Some(found) = value.find(text) {
                panic!("{id}: {from} holds the value, as {found:?}:\n{text}");
            }
            let steers = text.chars().find(|char| char.is_control() && *char != '\n');
            assert_eq!(steers, None, "{id}: {from} holds a raw control: {text:?}");
        }
    }
}

/// Asserts that nothing that was heard holds the value; but a panic of the tests' own may.
#[track_caller]
pub(super) fn assert_not_heard(id: &str, heard: &Heard, value: &Value) {
    assert!(!heard.lines.is_empty(), "{id}: the log is silent");
    for line in &heard.lines {
        assert_eq!(value.find(line), None, "{id}: the log holds the value: {line:?}");
        assert_eq!(line.find(char::is_control), None, "{id}: the log holds a raw control: {line:?}");
    }
    for panic in &heard.panics {
        // A rule or a body that panics with a value prints it: the program's message is the program's.
        if !panic.file.starts_with("tests/") {
            assert_eq!(value.find(&panic.message), None, "{id}: {panic:?}");
        }
    }
}

/// A value, in each form in which it might get out.
#[derive(Debug)]
pub(super) struct Value(Vec<String>);

impl Value {
    /// A part this long that gets out is a leak too.
    const PART: usize = 24;

    pub(super) fn new(value: &str) -> Self {
        let json = serde_json::to_string(value).expect("a string has a JSON form");
        let mut forms = vec![value.to_owned()];
        for quoted in [display::text(value), json, format!("{value:?}")] {
            forms.push(quoted[1..quoted.len() - 1].to_owned());
        }
        for form in forms.clone() {
            let chars = form.chars().count();
            if chars > Self::PART {
                forms.push(form.chars().take(Self::PART).collect());
                forms.push(form.chars().skip(chars - Self::PART).collect());
            }
        }
        forms.sort();
        forms.dedup();
        Self(forms)
    }

    /// Returns the form in which a text holds it.
    pub(super) fn find(&self, text: &str) -> Option<&str> {
        self.0.iter().find(|form| text.contains(&**form)).map(String::as_str)
    }
}
