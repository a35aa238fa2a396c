//! The arguments of one call on their way to the policy.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::Asked;
use crate::agent::Agent;
use crate::arguments::{Arguments, Capture, Captured, Decoder, Digest, Hidden, Invalid};
use crate::boxed::BoxFuture;
use crate::check::{Check, Fields};
use crate::gate::{ApprovalGate, Asking};
use crate::policy::{Judgement, Ruling};
use crate::refusal::Refusal;
use crate::request::RequestId;
use crate::tool::{Decodes, ToolRef};

/// A call whose arguments are being captured.
pub struct Capturing<'a> {
    gate: &'a ApprovalGate,
    tool: &'a ToolRef,
    agent: Option<&'a Agent>,
    capture: Option<Capture<'a>>,
    captured: Option<Result<Captured, Invalid>>,
    judged: Option<(Judgement, u32)>,
    decoder: Option<Decoder>,
    reason: Option<Box<str>>,
    call_id: Option<Box<str>>,
    cancel: Option<BoxFuture<'static, ()>>,
    fields: Fields<'a>,
    annotated: bool,
}

impl fmt::Debug for Capturing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capturing").field("tool", &self.tool.name()).finish_non_exhaustive()
    }
}

impl<'a> Capturing<'a> {
    pub(super) fn new(gate: &'a ApprovalGate, tool: &'a ToolRef, agent: Option<&'a Agent>, redact: &'a [&'a str]) -> Self {
        Self {
            gate,
            tool,
            agent,
            capture: Some(Capture::new(gate.capture_settings(redact))),
            captured: None,
            judged: None,
            decoder: None,
            reason: None,
            call_id: None,
            cancel: None,
            fields: Fields::of(tool),
            annotated: true,
        }
    }

    /// Captures an argument that the body runs on as it was captured.
    pub fn argument<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T, decodes: Decodes) {
        self.show(name, value);
        self.fields.push((name, decodes));
    }

    /// Captures a value whose fields are arguments. It comes last.
    pub fn flatten<T: Serialize>(&mut self, value: &T, decodes: Decodes) {
        if let Some(capture) = &mut self.capture {
            capture.flatten(value);
        }
        self.fields.push(("", decodes));
    }

    /// Captures an argument that runs as it is.
    pub fn show<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) {
        if let Some(capture) = &mut self.capture {
            capture.argument(name, value);
        }
    }

    pub(super) fn whole(&mut self, arguments: &Value) {
        self.annotated = false;
        if let Some(capture) = &mut self.capture {
            capture.whole(arguments);
        }
    }

    /// Sets what reviewers read as the reason.
    pub fn reason(&mut self, reason: fmt::Arguments<'_>) {
        self.reason = Some(fmt::format(reason).into());
    }

    /// Sets the model's id of the call.
    pub fn call_id(&mut self, id: Option<Box<str>>) {
        self.call_id = id;
    }

    /// Sets a future that is ready when the caller no longer wants the call.
    pub fn cancel(&mut self, cancelled: BoxFuture<'static, ()>) {
        self.cancel = Some(cancelled);
    }

    /// Asks the policy, with the attribute's typed rule behind its allow rules.
    pub fn decide(&mut self, rule: impl FnOnce(&mut Decoder) -> Result<bool, Invalid>) {
        self.judge(Some(rule));
    }

    fn judge(&mut self, rule: Option<impl FnOnce(&mut Decoder) -> Result<bool, Invalid>>) {
        let Some(capture) = self.capture.take() else { return };
        let captured = self.captured.insert(capture.finish());
        let (Ok(captured), Ruling::Judge(rules)) = (captured, self.gate.ruling(self.agent, self.tool.name())) else { return };
        let json = if rules.read_json() { captured.arguments.to_value() } else { Value::Null };
        let mut rule = rule;
        let decoder = &mut self.decoder;
        let mut typed = || {
            let rule = rule.take().ok_or("it was asked twice")?;
            let decoder = decoder
                .insert(Decoder::new(&captured.arguments, captured.hidden.as_deref()).map_err(|error| describe(&error))?);
            rule(decoder).map_err(|error| describe(&error))
        };
        let judgement = rules.judge(self.tool, &json, Some(&mut typed));
        let judgement = judgement.unless_flagged(|| captured.arguments.flags());
        self.judged = Some((judgement, rules.version()));
    }

    pub(super) fn end(mut self) -> Result<Asked, Refusal> {
        self.judge(None::<fn(&mut Decoder) -> Result<bool, Invalid>>);
        let tool = || self.tool.name().into();
        let captured = match self.captured {
            Some(Ok(captured)) => captured,
            Some(Err(error)) => return Err(Refusal::Unrepresentable { tool: tool(), error }),
            None => return Err(Refusal::NoGate { tool: tool() }),
        };
        // A policy that lets the tool pass would not have led here; if it did, people are asked.
        let (judgement, policy_version) = self.judged.unwrap_or((Judgement::Ask, 0));
        let Captured { arguments, hidden } = captured;
        let reason = self.reason.map(|words| reason(words, hidden.as_deref()));
        let call_id = self.call_id.or_else(|| self.agent.and_then(Agent::call).map(Into::into));
        let key = key(self.agent, call_id.as_deref(), self.tool.name(), &arguments);
        Ok(Asked {
            gate: self.gate.clone(),
            asking: Asking {
                key,
                id: RequestId::random(),
                tool: self.tool.clone(),
                arguments,
                agent: self.agent.cloned(),
                call_id,
                reason,
                policy_version,
            },
            judgement,
            hidden,
            decoder: self.decoder,
            cancel: self.cancel,
            check: if self.annotated { self.fields.check() } else { Check::Unknown },
            annotated: self.annotated,
        })
    }
}

/// Returns what makes another call the same as this one, where the caller names run and call.
fn key(agent: Option<&Agent>, call_id: Option<&str>, tool: &str, arguments: &Arguments) -> Option<Box<Digest>> {
    let (agent, call_id) = (agent?, call_id?);
    let parts = (agent.run()?, call_id, agent.principal(), tool, arguments.digest());
    let text = serde_json::to_vec(&parts).expect("texts have a JSON form");
    Some(Box::new(Digest::of(&text)))
}

fn describe(error: &Invalid) -> Box<str> {
    error.to_string().into()
}

/// The most characters of a reason: it holds the agent's text, and reviewers read the arguments first.
const MAX_REASON: usize = 500;

/// Makes a reason of these words, without what is hidden. That comes out before anything is cut, so that none is left in part.
pub(super) fn reason(words: Box<str>, hidden: Option<&Hidden>) -> Box<str> {
    let reason = match hidden {
        Some(hidden) => hidden.scrub(&words),
        None => words,
    };
    match reason.char_indices().nth(MAX_REASON) {
        None => reason,
        Some(_) => reason.chars().take(MAX_REASON - 1).chain(['…']).collect::<String>().into(),
    }
}

/// What the attribute's `call_id = ..` may give: `&str`, `String`, and an `Option` of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no call id",
    label = "a call id is text",
    note = "write a `&str`, a `String` or an `Option` of one, as in `call_id = id.to_string()`"
)]
pub trait IntoCallId {
    /// Returns the id, if there is one.
    fn into_call_id(self) -> Option<Box<str>>;
}

#[diagnostic::do_not_recommend]
impl IntoCallId for &str {
    fn into_call_id(self) -> Option<Box<str>> {
        Some(self.into())
    }
}

#[diagnostic::do_not_recommend]
impl IntoCallId for String {
    fn into_call_id(self) -> Option<Box<str>> {
        Some(self.into())
    }
}

#[diagnostic::do_not_recommend]
impl<I: IntoCallId> IntoCallId for Option<I> {
    fn into_call_id(self) -> Option<Box<str>> {
        self.and_then(I::into_call_id)
    }
}
