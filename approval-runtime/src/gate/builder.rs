//! [`ApprovalGateBuilder`]: what a gate is made of, checked once before the first call.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::IsTerminal;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use tokio::sync::OnceCell;
use uuid::Uuid;

use super::driver::Driver;
use super::{ApprovalGate, INSTALLED, Inner, Running};
use crate::arguments::{RedactionKey, SecretNames, display};
use crate::events::{EventKind, Hub};
use crate::notify::{Channel, Notifier, Report, Terminal};
use crate::policy::{ApprovalPolicy, Compiled, PassThroughConflict, conflicts};
use crate::store::{ApprovalStore, MemoryStore};
use crate::tool::{Tool, ToolRef, registered};

/// How many requests may be pending at once unless the builder says otherwise.
pub(super) const DEFAULT_MAX_PENDING: usize = 10_000;

/// Why a gate was not made. Each message says what to change.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A policy names a tool that is not there.
    #[error("a policy names the tool {}, and this binary has none of that name\nhelp: {}", display::name(name), nearest(nearest_name.as_deref(), "declare it with `.tool(Tool::named(..))` if it runs through `ApprovalGate::call`"))]
    UnknownTool {
        /// The name in the policy.
        name: Box<str>,
        /// The nearest name that is there.
        nearest_name: Option<Box<str>>,
    },
    /// A tool that must be gated has no `#[requires_approval]` in this binary.
    #[error("the tool {} is not gated: no `#[requires_approval]` of that name is in this binary\nhelp: {}", display::name(name), nearest(nearest_name.as_deref(), "put `#[requires_approval]` above every other attribute of the function: some macros drop what stands below them"))]
    NotGated {
        /// The name that was required.
        name: Box<str>,
        /// The nearest name that is gated.
        nearest_name: Option<Box<str>>,
    },
    /// Two tools have one name, so that rules and reviewers could not tell them apart.
    #[error(
        "two tools are named {}: {first} and {second}\nhelp: give one of them another name: `#[requires_approval(name = \"…\")]`",
        display::name(name)
    )]
    DuplicateTool {
        /// The name.
        name: Box<str>,
        /// Where one is.
        first: Box<str>,
        /// Where the other one is.
        second: Box<str>,
    },
    /// A policy lets a tool pass that something else restricts.
    #[error(
        "a policy lets every call of {} pass, and {because}\nhelp: leave out `pass_through`, or what restricts the tool",
        display::name(tool)
    )]
    PassThroughConflict {
        /// The tool.
        tool: Box<str>,
        /// What restricts it.
        because: &'static str,
    },
    /// Nobody would learn that a call waits.
    #[error(
        "no reviewer can be reached: stdin is not a terminal, and no notifier is named\nhelp: add `.notifier(..)` to the builder, or `.without_notifier()` if reviewers look for themselves, for example on approval-server's page"
    )]
    NowhereToAsk,
    /// The process has a gate.
    #[error(
        "a gate is installed already\nhelp: install one gate at start-up; use `ApprovalGate::scope` for another one, for example in tests"
    )]
    AlreadyInstalled,
    /// The thread that looks after a shared store could not be started.
    #[error("the thread that looks after the store could not be started")]
    Driver(#[source] std::io::Error),
    /// A notifier's thread could not be started.
    #[error("the thread of a notifier could not be started")]
    Thread(#[source] std::io::Error),
}

fn nearest(name: Option<&str>, otherwise: &str) -> String {
    name.map_or_else(|| otherwise.to_owned(), |name| format!("did you mean {}? Otherwise {otherwise}", display::name(name)))
}

/// Makes an [`ApprovalGate`]. Only [`build`](Self::build) and [`install`](Self::install) can fail.
#[must_use = "a builder does nothing until `build` or `install`"]
pub struct ApprovalGateBuilder {
    store: Option<Arc<dyn ApprovalStore>>,
    namespace: Arc<str>,
    policy: ApprovalPolicy,
    by_agent: BTreeMap<Box<str>, ApprovalPolicy>,
    notifiers: Vec<Arc<dyn Notifier>>,
    asks_nobody: bool,
    tools: Vec<Tool>,
    max_pending: usize,
    redaction_key: Option<RedactionKey>,
    secret_names: SecretNames,
    #[cfg(feature = "testing")]
    observer: Option<Arc<dyn super::Observer>>,
}

impl std::fmt::Debug for ApprovalGateBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApprovalGateBuilder").field("namespace", &self.namespace).finish_non_exhaustive()
    }
}

impl ApprovalGateBuilder {
    pub(super) fn new() -> Self {
        Self {
            store: None,
            namespace: "default".into(),
            policy: ApprovalPolicy::new(),
            by_agent: BTreeMap::new(),
            notifiers: Vec::new(),
            asks_nobody: false,
            tools: Vec::new(),
            max_pending: DEFAULT_MAX_PENDING,
            redaction_key: None,
            secret_names: SecretNames::default(),
            #[cfg(feature = "testing")]
            observer: None,
        }
    }

    /// Sets the policy of every agent that has none of its own. The default asks about every annotated tool.
    pub fn policy(mut self, policy: ApprovalPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the policy that governs the calls of one agent, in place of the common one. Deny rules of the common one hold too.
    pub fn policy_for(mut self, agent: impl Into<Box<str>>, policy: ApprovalPolicy) -> Self {
        self.by_agent.insert(agent.into(), policy);
        self
    }

    /// Sets where requests are kept. The default is a new [`MemoryStore`].
    pub fn store(mut self, store: impl ApprovalStore) -> Self {
        self.store = Some(Arc::new(store));
        self
    }

    /// Sets a store that other gates use too.
    pub fn shared_store(mut self, store: Arc<dyn ApprovalStore>) -> Self {
        self.store = Some(store);
        self
    }

    /// Adds a way to tell reviewers, in place of the default: asking in the terminal.
    pub fn notifier(mut self, notifier: impl Notifier) -> Self {
        self.notifiers.push(Arc::new(notifier));
        self
    }

    /// Says that reviewers look for themselves, on a page or through the API, so that nobody has to be told.
    pub const fn without_notifier(mut self) -> Self {
        self.asks_nobody = true;
        self
    }

    /// Declares a tool that has no annotated function and runs through [`ApprovalGate::call`].
    pub fn tool(mut self, tool: Tool) -> Self {
        self.tools.push(tool);
        self
    }

    /// Sets the namespace (tenant) that the gate's requests belong to. The default is `default`.
    pub fn namespace(mut self, namespace: impl Into<Arc<str>>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Sets how many requests may be pending at once; a call over it gets
    /// [`Refusal::TooManyPending`](crate::Refusal::TooManyPending). The default is 10,000.
    pub const fn max_pending(mut self, max_pending: usize) -> Self {
        self.max_pending = max_pending;
        self
    }

    /// Sets the key of the hashes that stand in for redacted values, so that they are the same in every process.
    pub fn redaction_key(mut self, key: RedactionKey) -> Self {
        self.redaction_key = Some(key);
        self
    }

    /// Sets the names whose values are redacted wherever they stand, in place of
    /// [`SECRET_NAMES`](crate::arguments::SECRET_NAMES).
    pub fn secret_names(mut self, names: SecretNames) -> Self {
        self.secret_names = names;
        self
    }

    /// Makes the gate.
    ///
    /// # Errors
    /// [`BuildError`]; nothing was started then.
    pub fn build(self) -> Result<ApprovalGate, BuildError> {
        let tools = collect(self.tools)?;
        let known: Vec<&Tool> = tools.values().map(|tool| &**tool).collect();
        for policy in self.by_agent.values().chain([&self.policy]) {
            check_names(policy, &tools)?;
            if let Some(PassThroughConflict { tool, because }) = conflicts(policy, &self.policy, &known) {
                return Err(BuildError::PassThroughConflict { tool, because });
            }
        }
        let mut notifiers = self.notifiers;
        if notifiers.is_empty() && !self.asks_nobody {
            if !std::io::stdin().is_terminal() {
                return Err(BuildError::NowhereToAsk);
            }
            notifiers.push(Arc::new(Terminal::new()));
        }
        let compile = |policy: &ApprovalPolicy| Compiled::new(policy, Some(&self.policy), known.iter().copied());
        let policy = compile(&self.policy);
        let by_agent: HashMap<_, _> = self.by_agent.iter().map(|(agent, policy)| (agent.clone(), compile(policy))).collect();
        for policy in self.by_agent.values().chain([&self.policy]) {
            let left_open = known.iter().filter(|tool| policy.leaves_open(tool));
            for tool in left_open.map(|tool| tool.name()).collect::<BTreeSet<_>>() {
                tracing::warn!(tool, "this annotated tool runs ungated: the policy lists sensitive tools and does not list it");
            }
        }
        let hub = Arc::new(Hub::new());
        let report = report(&hub);
        let channels = notifiers
            .into_iter()
            .map(|notifier| Channel::open(notifier, Arc::clone(&report)))
            .collect::<Result<_, _>>()
            .map_err(BuildError::Thread)?;
        let store = self.store.unwrap_or_else(|| Arc::new(MemoryStore::new()));
        let namespace = self.namespace;
        let inner = Arc::new(Inner {
            driver: OnceLock::new(),
            store,
            namespace,
            policy,
            by_agent,
            tools,
            channels,
            asks_nobody: self.asks_nobody,
            hub,
            max_pending: self.max_pending,
            redaction_key: self.redaction_key.unwrap_or_else(RedactionKey::random),
            secret_names: self.secret_names,
            shutting_down: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            running: Running::default(),
            instance: Uuid::new_v4(),
            known: OnceCell::new(),
            #[cfg(feature = "testing")]
            observer: self.observer,
        });
        if inner.store.is_shared() {
            let (store, namespace) = (Arc::clone(&inner.store), Arc::clone(&inner.namespace));
            let driver = Driver::start(&Arc::downgrade(&inner), store, namespace).map_err(BuildError::Driver)?;
            inner.driver.get_or_init(|| driver);
        }
        Ok(ApprovalGate { inner })
    }

    /// Makes a gate that the test kit watches and replies to, or says why this builder is not for a test.
    #[cfg(feature = "testing")]
    pub(crate) fn build_observed(mut self, observer: Arc<dyn super::Observer>) -> Result<ApprovalGate, String> {
        if self.store.is_some() {
            return Err("a test gate keeps its requests in a memory store of its own, and the builder names one\nhelp: leave \
                        `.store(..)` to the program's start, behind the function that tests share with it"
                .into());
        }
        if !self.notifiers.is_empty() {
            return Err("a test gate tells nobody, and the builder names a notifier\nhelp: leave `.notifier(..)` to the \
                        program's start, behind the function that tests share with it"
                .into());
        }
        self.observer = Some(observer);
        self.without_notifier().build().map_err(|error| error.to_string())
    }

    /// Makes the gate and installs it as the process's gate, where every annotated call goes that no other gate is named for.
    ///
    /// # Errors
    /// [`BuildError`]; [`BuildError::AlreadyInstalled`] when there is one.
    pub fn install(self) -> Result<ApprovalGate, BuildError> {
        if INSTALLED.get().is_some() {
            return Err(BuildError::AlreadyInstalled);
        }
        let gate = self.build()?;
        INSTALLED.set(gate.clone()).map_err(|_| BuildError::AlreadyInstalled)?;
        Ok(gate)
    }
}

fn report(hub: &Arc<Hub>) -> Report {
    let hub = Arc::clone(hub);
    Arc::new(move |request, channel, result| {
        if let Err(error) = &result {
            tracing::error!(channel = &**channel, request = %request.id(), error = &**error, "a reviewer was not told");
        }
        let kind = || match result {
            Ok(()) => EventKind::Delivered { channel: Arc::clone(channel) },
            Err(error) => EventKind::NotDelivered { channel: Arc::clone(channel), error },
        };
        hub.tell(kind, request);
    })
}

fn collect(declared: Vec<Tool>) -> Result<BTreeMap<Box<str>, ToolRef>, BuildError> {
    let mut tools = BTreeMap::new();
    let declared = declared.into_iter().map(|tool| ToolRef::Shared(Arc::new(tool)));
    for tool in registered().into_iter().map(ToolRef::Static).chain(declared) {
        let second = place(&tool);
        if let Some(first) = tools.insert(Box::<str>::from(tool.name()), tool) {
            let first: ToolRef = first;
            return Err(BuildError::DuplicateTool { name: first.name().into(), first: place(&first), second });
        }
    }
    Ok(tools)
}

fn place(tool: &Tool) -> Box<str> {
    match tool.location() {
        Some((file, line)) => format!("{file}:{line}").into(),
        None => "`.tool(..)` of the builder".into(),
    }
}

fn check_names(policy: &ApprovalPolicy, tools: &BTreeMap<Box<str>, ToolRef>) -> Result<(), BuildError> {
    match policy.names().find(|name| !tools.contains_key(*name)) {
        None => Ok(()),
        Some(name) => {
            Err(BuildError::UnknownTool { name: name.into(), nearest_name: nearest_of(name, tools.keys().map(AsRef::as_ref)) })
        }
    }
}

pub(super) fn require_gated<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<(), BuildError> {
    let gated = registered();
    let names = names.into_iter().collect::<Vec<_>>();
    match names.into_iter().find(|name| !gated.iter().any(|tool| tool.name() == *name)) {
        None => Ok(()),
        Some(name) => Err(BuildError::NotGated {
            name: name.into(),
            nearest_name: nearest_of(name, gated.iter().map(|tool| tool.name())),
        }),
    }
}

/// Returns the name that looks most like `name`, if one looks like it at all.
pub(super) fn nearest_of<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<Box<str>> {
    const ALIKE: f64 = 0.6;
    let scored = names.map(|known| (strsim::normalized_damerau_levenshtein(name, known), known));
    let best = scored.filter(|(score, _)| *score >= ALIKE).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, known)| known.into())
}
