//! What is known of a tool, in the binary or as a record keeps it.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::{Effect, Tool, ToolRef, registered};

/// One argument of an annotated function: its name, and its type as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Argument<'a> {
    name: &'a str,
    type_name: &'a str,
}

impl<'a> Argument<'a> {
    #[doc(hidden)]
    #[must_use]
    pub const fn new(name: &'a str, type_name: &'a str) -> Self {
        Self { name, type_name }
    }

    /// Returns the name that the argument has in the captured JSON.
    #[must_use]
    pub const fn name(&self) -> &'a str {
        self.name
    }

    /// Returns the argument's type as the annotated function writes it.
    #[must_use]
    pub const fn type_name(&self) -> &'a str {
        self.type_name
    }
}

/// Text that is either in the binary or shared.
#[derive(Clone, Debug)]
pub(super) enum Name {
    Static(&'static str),
    Shared(Arc<str>),
}

impl Name {
    pub(super) fn as_str(&self) -> &str {
        match self {
            Self::Static(name) => name,
            Self::Shared(name) => name,
        }
    }
}

/// A list of texts that is either in the binary or shared.
#[derive(Clone, Debug)]
pub(super) enum Names {
    Static(&'static [&'static str]),
    Shared(Arc<[Box<str>]>),
}

impl Names {
    pub(super) const NONE: Self = Self::Static(&[]);

    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        let (fixed, shared): (&[&'static str], &[Box<str>]) = match self {
            Self::Static(names) => (names, &[]),
            Self::Shared(names) => (&[], names),
        };
        fixed.iter().copied().chain(shared.iter().map(AsRef::as_ref))
    }

    pub(super) fn shared<I, S>(names: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<Box<str>>,
    {
        Self::Shared(names.into_iter().map(Into::into).collect())
    }
}

/// Name and type of an argument, as a record keeps them.
type Kept = (Box<str>, Box<str>);

/// The arguments that a function declares, in the binary or as a record keeps them.
#[derive(Clone, Debug)]
pub(super) enum Declared {
    Static(&'static [Argument<'static>]),
    Shared(Arc<[Kept]>),
}

impl Declared {
    pub(super) fn iter(&self) -> impl Iterator<Item = Argument<'_>> {
        let (fixed, shared): (&[Argument<'static>], &[Kept]) = match self {
            Self::Static(arguments) => (arguments, &[]),
            Self::Shared(arguments) => (&[], arguments),
        };
        fixed.iter().copied().chain(shared.iter().map(|(name, type_name)| Argument::new(name, type_name)))
    }
}

/// What a record keeps of its tool: all that people and rules go by, and nothing that runs.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Facts {
    name: Arc<str>,
    arguments: Vec<Kept>,
    not_reviewed: Vec<Box<str>>,
    redact: Vec<Box<str>>,
    timeout: u64,
    max_wait: Option<Duration>,
    effect: Option<Effect>,
    approvers: Vec<Box<str>>,
    quorum: u32,
    auto_approve: Option<Arc<str>>,
    resumable: bool,
    record: bool,
}

fn owned<'a>(names: impl Iterator<Item = &'a str>) -> Vec<Box<str>> {
    names.map(Into::into).collect()
}

impl Facts {
    pub(super) fn of(tool: &Tool) -> Self {
        Self {
            name: tool.name().into(),
            arguments: tool.arguments().map(|argument| (argument.name.into(), argument.type_name.into())).collect(),
            not_reviewed: owned(tool.not_reviewed()),
            redact: owned(tool.redacted_paths()),
            timeout: tool.timeout.as_secs(),
            max_wait: tool.max_wait,
            effect: tool.effect,
            approvers: owned(tool.named_approvers()),
            quorum: tool.quorum,
            auto_approve: tool.auto_approve().map(Into::into),
            resumable: tool.resumable,
            record: tool.record,
        }
    }

    pub(super) fn to_json(&self) -> Box<str> {
        serde_json::to_string(self).expect("names and numbers have a JSON form").into()
    }

    fn tool(self) -> Tool {
        let mut tool = Tool::named(self.name);
        tool.arguments = Declared::Shared(self.arguments.into());
        tool.not_reviewed = Names::shared(self.not_reviewed);
        tool.redact = Names::shared(self.redact);
        tool.timeout = Duration::from_secs(self.timeout);
        tool.max_wait = self.max_wait;
        tool.effect = self.effect;
        tool.approvers = Names::shared(self.approvers);
        tool.quorum = self.quorum;
        tool.auto_approve = self.auto_approve.map(Name::Shared);
        tool.resumable = self.resumable;
        tool.record = self.record;
        tool
    }
}

/// How many tools are remembered: more than a deployment has, with the past versions of each.
const REMEMBERED: usize = 1_024;

/// Tools by their facts, so that the records of one tool share it.
static KNOWN: LazyLock<Mutex<FxHashMap<Box<str>, ToolRef>>> = LazyLock::new(Mutex::default);

/// Returns the tool of these facts; `None` if they are none that this version writes.
pub(super) fn known(json: &str) -> Option<ToolRef> {
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(tool) = known.get(json) {
        return Some(tool.clone());
    }
    let facts: Facts = serde_json::from_str(json).ok().filter(|facts: &Facts| facts.quorum >= 1)?;
    let annotated = registered().into_iter().find(|tool| tool.name() == &*facts.name && tool.facts() == json);
    let tool = annotated.map_or_else(|| ToolRef::Shared(Arc::new(facts.tool())), ToolRef::Static);
    if known.len() >= REMEMBERED {
        known.clear();
    }
    known.insert(json.into(), tool.clone());
    Some(tool)
}
