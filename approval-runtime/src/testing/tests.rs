use std::fmt;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use super::*;
use crate::refusal::Refusal;
use crate::tool::Tool;

/// Keeps the warnings, as text.
#[derive(Clone, Default)]
struct Warnings(Arc<Mutex<Vec<String>>>);

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0 += &format!("{field}={value:?} ");
    }
}

impl Subscriber for Warnings {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() == Level::WARN
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line(String::new());
        event.record(&mut line);
        self.0.lock().unwrap().push(line.0);
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// T38, I23: a test gate is in the log once when it is made and once for each request, without an argument's value.
#[tokio::test(start_paused = true)]
async fn t38_test_gate_is_in_the_log() {
    let warnings = Warnings::default();
    let _here = tracing::subscriber::set_default(warnings.clone());
    let gate = TestGate::approve_all(ApprovalGate::builder());
    for _ in 0..2 {
        let pay = gate.call(Tool::named("pay"), json!({"to": "bob"}), |_| async { Ok::<_, Refusal>(()) });
        pay.await.unwrap();
    }
    let lines = warnings.0.lock().unwrap();
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert!(lines[0].contains("a test gate is in use") && lines[0].contains("testing/tests.rs:"), "{lines:?}");
    assert!(lines[1..].iter().all(|line| line.contains("no person decides this") && line.contains("\"pay\"")), "{lines:?}");
    assert!(!lines.concat().contains("bob"));
}
