//! [`Tool`]: the static facts of a function that waits for approval, and the registry of annotated functions.

mod facts;

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use serde_json::Value;

pub use self::facts::Argument;
use self::facts::{Declared, Facts, Name, Names};

use crate::arguments::{Decoder, Digest, Invalid};
use crate::boxed::BoxFuture;

/// How long reviewers have when a tool names no `timeout`: the 300 seconds of the article this system grew from.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(300);

/// The longest time a request may stay open: 30 days.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What is at stake when a tool runs. Reviewers see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Effect {
    /// It can be undone.
    Reversible,
    /// It leaves the system (a message, a call to somebody else's API) and cannot be taken back by us.
    External,
    /// It cannot be undone. What a tool counts as when it does not say.
    Irreversible,
}

impl Effect {
    /// Returns the effect's name in records, in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reversible => "reversible",
            Self::External => "external",
            Self::Irreversible => "irreversible",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A captured argument's name, and how it decodes.
pub(crate) type Field = (&'static str, Decodes);

/// Decodes one argument as the body would, or with the others taken out all that is left, and drops the result.
pub type Decodes = fn(&mut Decoder, &'static str) -> Result<(), Invalid>;

/// Calls the annotated function with arguments out of a decoder. The future gives what it returned as JSON, or what it failed
/// with.
pub(crate) type Invoke = fn(&mut Decoder) -> Result<BoxFuture<'static, Result<Value, Box<str>>>, Invalid>;

/// The facts about a tool that do not change from call to call.
///
/// `#[requires_approval]` makes one for each function it stands above. A tool without the attribute is named here and
/// run through [`ApprovalGate::call`](crate::ApprovalGate::call).
///
/// ```
/// use std::time::Duration;
/// use approval_runtime::{Effect, Tool};
///
/// let tool = Tool::named("delete_record")
///     .timeout(Duration::from_secs(60))
///     .effect(Effect::Irreversible)
///     .approvers(["dba"]);
/// assert_eq!(tool.name(), "delete_record");
/// ```
#[derive(Clone)]
pub struct Tool {
    name: Name,
    location: Option<(&'static str, u32)>,
    arguments: Declared,
    not_reviewed: Names,
    redact: Names,
    timeout: Duration,
    max_wait: Option<Duration>,
    effect: Option<Effect>,
    approvers: Names,
    quorum: u32,
    auto_approve: Option<Name>,
    callable: bool,
    resumable: bool,
    record: bool,
    invoke: Option<Invoke>,
    fingerprint: OnceLock<Digest>,
    facts: OnceLock<Box<str>>,
    fields: OnceLock<Box<[Field]>>,
}

impl fmt::Debug for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tool").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl Tool {
    /// Names a tool that has no annotated function in this binary.
    ///
    /// The defaults are those of the attribute: 300 seconds, one reviewer, any reviewer, irreversible.
    #[must_use]
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        Self { name: Name::Shared(name.into()), ..Self::bare("") }
    }

    const fn bare(name: &'static str) -> Self {
        Self {
            name: Name::Static(name),
            location: None,
            arguments: Declared::Static(&[]),
            not_reviewed: Names::NONE,
            redact: Names::NONE,
            timeout: DEFAULT_TIMEOUT,
            max_wait: None,
            effect: None,
            approvers: Names::NONE,
            quorum: 1,
            auto_approve: None,
            callable: false,
            resumable: false,
            record: false,
            invoke: None,
            fingerprint: OnceLock::new(),
            facts: OnceLock::new(),
            fields: OnceLock::new(),
        }
    }

    /// Sets how long reviewers have: whole seconds, at least 1 second and at most [`MAX_TIMEOUT`].
    ///
    /// # Panics
    /// If the time is outside that range.
    #[must_use]
    #[track_caller]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        assert!(timeout.as_secs() >= 1, "`timeout` is under a second: reviewers need time to read");
        assert!(timeout.as_secs() <= MAX_TIMEOUT.as_secs(), "`timeout` is over 30 days, the longest a request stays open");
        self.timeout = Duration::from_secs(timeout.as_secs());
        self
    }

    /// Sets how long a caller waits before it gets [`Refusal::Pending`](crate::Refusal::Pending) while the request lives on.
    #[must_use]
    pub const fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = Some(max_wait);
        self
    }

    /// Sets what is at stake.
    #[must_use]
    pub const fn effect(mut self, effect: Effect) -> Self {
        self.effect = Some(effect);
        self
    }

    /// Names who may decide: reviewers by name, or by a role they have. Nobody named means every reviewer may.
    #[must_use]
    pub fn approvers<I, S>(mut self, approvers: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<Box<str>>,
    {
        self.approvers = Names::shared(approvers);
        self
    }

    /// Sets how many reviewers must approve. One rejection is always enough to end a request.
    ///
    /// # Panics
    /// If the number is 0.
    #[must_use]
    #[track_caller]
    pub const fn quorum(mut self, quorum: u32) -> Self {
        assert!(quorum >= 1, "`quorum` is 0: at least one reviewer has to approve");
        self.quorum = quorum;
        self
    }

    /// Names the arguments, by dotted path, that reviewers see as `[redacted]`, beside those with a secret-looking name.
    #[must_use]
    pub fn redact<I, S>(mut self, paths: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<Box<str>>,
    {
        self.redact = Names::shared(paths);
        self
    }

    /// Returns the tool's name.
    #[must_use]
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Returns file and line of the annotated function.
    #[must_use]
    pub const fn location(&self) -> Option<(&'static str, u32)> {
        self.location
    }

    /// Returns the captured arguments in the order the function declares them; none for a tool without an annotation.
    pub fn arguments(&self) -> impl Iterator<Item = Argument<'_>> {
        self.arguments.iter()
    }

    /// Returns the names of the arguments that reviewers do not see, or that run as they are when the body starts.
    pub fn not_reviewed(&self) -> impl Iterator<Item = &str> {
        self.not_reviewed.iter()
    }

    /// Returns the arguments that are shown and run as they are when the body starts.
    pub(crate) fn live_arguments(&self) -> impl Iterator<Item = &str> {
        self.not_reviewed().filter(|name| self.arguments().any(|argument| argument.name() == *name))
    }

    /// Returns the dotted paths that are redacted.
    pub fn redacted_paths(&self) -> impl Iterator<Item = &str> {
        self.redact.iter()
    }

    /// Returns how long reviewers have.
    #[must_use]
    pub const fn reviewers_time(&self) -> Duration {
        self.timeout
    }

    /// Returns how long a caller waits, where that is limited.
    #[must_use]
    pub const fn callers_wait(&self) -> Option<Duration> {
        self.max_wait
    }

    /// Returns what is at stake; [`Effect::Irreversible`] where nothing was said.
    #[must_use]
    pub const fn stake(&self) -> Effect {
        match self.effect {
            Some(effect) => effect,
            None => Effect::Irreversible,
        }
    }

    /// Returns who may decide; empty where every reviewer may.
    pub fn named_approvers(&self) -> impl Iterator<Item = &str> {
        self.approvers.iter()
    }

    /// Returns how many reviewers must approve.
    #[must_use]
    pub const fn required_quorum(&self) -> u32 {
        self.quorum
    }

    /// Returns the source text of the attribute's `auto_approve` rule.
    #[must_use]
    pub fn auto_approve(&self) -> Option<&str> {
        self.auto_approve.as_ref().map(Name::as_str)
    }

    /// Says whether [`ApprovalGate::call_json`](crate::ApprovalGate::call_json) can call it.
    #[must_use]
    pub const fn is_callable(&self) -> bool {
        self.callable
    }

    /// Says whether another process may finish an approved call.
    #[must_use]
    pub const fn is_resumable(&self) -> bool {
        self.resumable
    }

    /// Says whether the result's JSON is kept.
    #[must_use]
    pub const fn records_result(&self) -> bool {
        self.record
    }

    /// Returns the SHA-256 of what reviewers rely on: name, argument names and types, effect, approvers, quorum.
    ///
    /// The body is not part of it: fixing a bug keeps pending approvals, changing what an argument means by changing its
    /// type does not.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        *self.fingerprint.get_or_init(|| {
            let facts = serde_json::json!({
                "name": self.name(),
                "arguments": self.arguments().collect::<Vec<_>>(),
                "effect": self.stake(),
                "approvers": self.named_approvers().collect::<Vec<_>>(),
                "quorum": self.quorum,
            });
            Digest::of(facts.to_string().as_bytes())
        })
    }

    /// Returns everything about the tool that records keep, as JSON.
    pub(crate) fn facts(&self) -> &str {
        self.facts.get_or_init(|| Facts::of(self).to_json())
    }

    /// Decodes `arguments` as the body would, where the attribute left a way to; `None` where it could not.
    pub(crate) fn check(&self, decoder: &mut Decoder) -> Option<Result<(), Invalid>> {
        // The call has not begun, and never does.
        self.invoke.map(|invoke| invoke(decoder).map(drop))
    }

    /// Returns how the first call that was captured decodes.
    pub(crate) fn fields(&self) -> Option<&[Field]> {
        self.fields.get().map(AsRef::as_ref)
    }

    /// Keeps how a call decodes if it is the first, and says whether it was.
    pub(crate) fn keep_fields(&self, fields: &[Field]) -> bool {
        let mut first = false;
        self.fields.get_or_init(|| {
            first = true;
            fields.into()
        });
        first
    }

    pub(crate) const fn invoke(&self) -> Option<Invoke> {
        self.invoke
    }

    pub(crate) fn names_approvers(&self) -> bool {
        self.quorum > 1 || self.approvers.iter().next().is_some()
    }
}

/// The setters that generated code chains in a `static`. Not for hand-written code.
#[doc(hidden)]
impl Tool {
    #[must_use]
    pub const fn annotated(name: &'static str, file: &'static str, line: u32) -> Self {
        let mut tool = Self::bare(name);
        tool.location = Some((file, line));
        tool
    }

    #[must_use]
    pub const fn with_arguments(mut self, arguments: &'static [Argument<'static>]) -> Self {
        // `forget`, because a destructor cannot run in a constant; what is forgotten, here and below, is borrowed.
        std::mem::forget(std::mem::replace(&mut self.arguments, Declared::Static(arguments)));
        self
    }

    #[must_use]
    #[track_caller]
    pub const fn with_timeout(self, timeout: Duration) -> Self {
        self.timeout(timeout)
    }

    #[must_use]
    pub const fn with_max_wait(self, max_wait: Duration) -> Self {
        self.max_wait(max_wait)
    }

    #[must_use]
    pub const fn with_effect(self, effect: Effect) -> Self {
        self.effect(effect)
    }

    #[must_use]
    pub const fn with_approvers(mut self, approvers: &'static [&'static str]) -> Self {
        std::mem::forget(std::mem::replace(&mut self.approvers, Names::Static(approvers)));
        self
    }

    #[must_use]
    #[track_caller]
    pub const fn with_quorum(self, quorum: u32) -> Self {
        self.quorum(quorum)
    }

    #[must_use]
    pub const fn with_not_reviewed(mut self, names: &'static [&'static str]) -> Self {
        std::mem::forget(std::mem::replace(&mut self.not_reviewed, Names::Static(names)));
        self
    }

    #[must_use]
    pub const fn with_redact(mut self, paths: &'static [&'static str]) -> Self {
        std::mem::forget(std::mem::replace(&mut self.redact, Names::Static(paths)));
        self
    }

    #[must_use]
    pub const fn with_auto_approve(mut self, source: &'static str) -> Self {
        std::mem::forget(self.auto_approve.replace(Name::Static(source)));
        self
    }

    #[must_use]
    pub const fn with_callable(mut self) -> Self {
        self.callable = true;
        self
    }

    #[must_use]
    pub const fn with_resumable(mut self) -> Self {
        self.resumable = true;
        self
    }

    #[must_use]
    pub const fn with_record(mut self) -> Self {
        self.record = true;
        self
    }

    #[must_use]
    pub const fn with_invoke(mut self, invoke: Invoke) -> Self {
        self.invoke = Some(invoke);
        self
    }
}

/// A tool that lives in the binary or that calls share.
#[derive(Clone, Debug)]
pub(crate) enum ToolRef {
    Static(&'static Tool),
    Shared(Arc<Tool>),
}

impl ToolRef {
    /// Returns the tool of these facts: the annotated function of this binary if it is the same to the letter, else the tool
    /// as it was.
    pub(crate) fn of_facts(json: &str) -> Option<Self> {
        facts::known(json)
    }
}

impl std::ops::Deref for ToolRef {
    type Target = Tool;

    fn deref(&self) -> &Tool {
        match self {
            Self::Static(tool) => tool,
            Self::Shared(tool) => tool,
        }
    }
}

/// One annotated function, collected at link time.
#[doc(hidden)]
#[derive(Debug)]
pub struct Registered(pub &'static Tool);

inventory::collect!(Registered);

/// Returns every annotated function that is linked into this binary, by name.
pub(crate) fn registered() -> Vec<&'static Tool> {
    let mut tools: Vec<_> = inventory::iter::<Registered>.into_iter().map(|registered| registered.0).collect();
    tools.sort_by_key(|tool| (tool.name(), tool.location));
    tools
}
