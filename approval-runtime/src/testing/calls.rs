//! [`Calls`]: closer looks at what was asked.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::Value;

use super::TestGate;
use super::desk::Kind;
use crate::arguments::{Capture, Captured, display};
use crate::request::{ApprovalRequest, ExecutionState};

/// Some calls that a [`TestGate`] saw; never none.
///
/// Each look keeps those that it is true of, and panics when there is none: `.with(..).times(2)` are two calls with these
/// arguments. The panic lists all that the gate saw, in the display form, with secrets as `[redacted]`.
#[derive(Debug)]
pub struct Calls<'a> {
    gate: &'a TestGate,
    calls: Vec<ApprovalRequest>,
    looked_for: String,
}

impl<'a> Calls<'a> {
    #[track_caller]
    pub(super) fn of(gate: &'a TestGate, kind: Kind, tool: &str) -> Self {
        gate.assert_replies();
        let what = match kind {
            Kind::Asked => "that asked",
            Kind::AutoApproved => "that a rule let through",
            Kind::Denied => "that a deny rule refused",
        };
        let calls = gate.desk.requests(kind);
        let looked_for = format!("of {} {what}", display::name(tool));
        Self { gate, calls, looked_for }.keep(|call| call.tool_name() == tool)
    }

    #[track_caller]
    fn keep(mut self, is_meant: impl Fn(&ApprovalRequest) -> bool) -> Self {
        self.calls.retain(is_meant);
        if self.calls.is_empty() {
            self.fail("a call", "there was none");
        }
        self
    }

    #[track_caller]
    fn fail(&self, expected: &str, found: &str) -> ! {
        panic!("expected {expected} {}, and {found}\n{}", self.looked_for, list(&self.gate.desk.everything()))
    }

    /// Asserts how many calls are left.
    ///
    /// # Panics
    /// If there is another number of them.
    #[track_caller]
    pub fn times(self, times: usize) -> Self {
        if self.calls.len() != times {
            let calls = |number| if number == 1 { "1 call".to_owned() } else { format!("{number} calls") };
            self.fail(
                &calls(times),
                &format!("there {} {}", if self.calls.len() == 1 { "was" } else { "were" }, self.calls.len()),
            );
        }
        self
    }

    /// Keeps the calls whose arguments have these values, whatever their other arguments are.
    ///
    /// Each value is compared whole, as the reviewer was shown it: a float has its point, `5.0`. A redacted argument is
    /// compared too, without showing it.
    ///
    /// # Panics
    /// If there is none, or if `arguments` is not an object that a call could have.
    #[track_caller]
    pub fn with(self, arguments: impl Serialize) -> Self {
        self.compare("with", &arguments, |expected, actual| {
            expected.as_object().is_some_and(|expected| expected.iter().all(|(name, value)| actual.get(name) == Some(value)))
        })
    }

    /// Keeps the calls that have these arguments and no others.
    ///
    /// # Panics
    /// As [`with`](Self::with) does.
    #[track_caller]
    pub fn with_only(self, arguments: impl Serialize) -> Self {
        self.compare("with only", &arguments, |expected, actual| expected == actual)
    }

    #[track_caller]
    fn compare(mut self, how: &str, arguments: &impl Serialize, is_same: impl Fn(&Value, &Value) -> bool) -> Self {
        // Redacted as the call's own were, with the same key: equal secrets have equal slots.
        let Some(first) = self.calls.first() else { return self };
        let paths: Vec<_> = first.tool().redacted_paths().collect();
        let mut capture = Capture::new(self.gate.capture_settings(&paths));
        capture.flatten(arguments);
        let expected = match capture.finish() {
            Ok(Captured { arguments, .. }) => arguments.to_value(),
            Err(error) => panic!("no call can have the arguments that are looked for: {error}"),
        };
        let _ = write!(self.looked_for, " {how} {}", display::value(&expected));
        self.keep(|call| is_same(&expected, &call.arguments().to_value()))
    }

    /// Keeps the calls that this agent made.
    ///
    /// # Panics
    /// If there is none.
    #[track_caller]
    pub fn by_agent(mut self, agent: &str) -> Self {
        let _ = write!(self.looked_for, " by {}", display::name(agent));
        self.keep(|call| call.agent_name() == Some(agent))
    }

    /// Returns the calls that are left, as they stand.
    #[must_use]
    pub fn requests(&self) -> &[ApprovalRequest] {
        &self.calls
    }
}

/// Lists calls, one a line.
pub(super) fn list(calls: &[ApprovalRequest]) -> String {
    if calls.is_empty() {
        return "the gate saw no call: was it made in the gate's `scope`?".into();
    }
    let mut text = String::from("the gate saw:");
    for (at, call) in calls.iter().enumerate() {
        let (tool, arguments) = (display::name(call.tool_name()), display::value(&call.arguments().to_value()));
        let _ = write!(text, "\n  {}. {tool} {arguments}", at + 1);
        if let Some(agent) = call.agent_name() {
            let _ = write!(text, " by {}", display::name(agent));
        }
        let _ = write!(text, ": {}", call.status());
        if let Some(rule) = call.matched_rule() {
            let _ = write!(text, " by the rule {}", display::text(rule));
        }
        if call.execution().state != ExecutionState::NotStarted {
            let _ = write!(text, ", {}", call.execution().state);
        }
    }
    text
}
