//! What the whole test program logs and panics with, at every level and on every thread.

use std::fmt::{self, Write as _};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());
static PANICS: Mutex<Vec<Panic>> = Mutex::new(Vec::new());

/// How the panics of the tests' own rules, bodies and notifiers begin. They are not printed.
pub(super) const EXPECTED: &str = "a test panics on purpose";

/// A panic as it was raised.
#[derive(Clone, Debug)]
pub(super) struct Panic {
    pub(super) file: String,
    pub(super) message: String,
}

fn lock<T>(heard: &Mutex<Vec<T>>) -> MutexGuard<'_, Vec<T>> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

fn listen() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::subscriber::set_global_default(Listener).expect("no other test sets the program's subscriber");
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let file = panic.location().map_or_else(String::new, |location| location.file().to_owned());
            let message = panic.payload_as_str().unwrap_or_default().to_owned();
            if !message.starts_with(EXPECTED) {
                hook(panic);
            }
            lock(&PANICS).push(Panic { file, message });
        }));
    });
}

/// What was heard from some point on.
pub(super) struct Heard {
    pub(super) lines: Vec<String>,
    pub(super) panics: Vec<Panic>,
}

/// A point in what is heard.
#[derive(Clone, Copy)]
pub(super) struct Mark(usize, usize);

impl Mark {
    /// Listens, and returns the point where it stands.
    pub(super) fn now() -> Self {
        listen();
        Self(lock(&LINES).len(), lock(&PANICS).len())
    }

    /// Returns all that was heard since, on every thread.
    pub(super) fn since(self) -> Heard {
        Heard { lines: lock(&LINES)[self.0..].to_vec(), panics: lock(&PANICS)[self.1..].to_vec() }
    }
}

/// Takes fields as they come. A formatter might escape what should not have been there in the first place.
struct Listener;

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let mut line = Line::of(span.metadata());
        span.record(&mut line);
        line.end();
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        let mut line = Line("span".into());
        values.record(&mut line);
        line.end();
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::of(event.metadata());
        event.record(&mut line);
        line.end();
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Line(String);

impl Line {
    fn of(metadata: &Metadata<'_>) -> Self {
        Self(format!("{} {} {}", metadata.level(), metadata.target(), metadata.name()))
    }

    fn end(self) {
        lock(&LINES).push(self.0);
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = write!(self.0, " {field}={value}");
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {field}={value:?}");
    }
}
