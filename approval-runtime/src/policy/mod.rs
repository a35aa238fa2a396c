//! [`ApprovalPolicy`]: which calls pass, which wait, which are refused.

mod rule;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustc_hash::FxHashMap;
use serde_json::Value;

pub use self::rule::{Answers, AutoApproveRule};
use self::rule::{Rule, Says};
use crate::arguments::Flags;
use crate::tool::Tool;

/// The rules that people wrote, for all agents or for one.
///
/// The order is fixed: a deny rule beats everything, an ask rule marked *always* beats every allowance, an ask rule beats an
/// allow rule, and what no rule speaks about gets the default. A rule that errors or panics means *ask*, and so does a call
/// that a rule allows but whose arguments have a [flag](crate::Flag) that a person has to look at.
///
/// ```
/// use approval_runtime::ApprovalPolicy;
/// use serde_json::{Value, json};
///
/// let policy = ApprovalPolicy::new()
///     .pass_through("search_records")
///     .add_deny_rule("process_payment", "amounts over 10,000 go through the bank", |args: &Value| {
///         args["amount"].as_f64().is_none_or(|amount| amount > 10_000.0)
///     })
///     .add_auto_approve_rule("process_payment", "the amount is over 0 and under 10", |args: &Value| {
///         args["amount"].as_f64().is_some_and(|amount| 0.0 < amount && amount < 10.0)
///     });
/// assert!(!policy.needs_approval("process_payment", &json!({"amount": 9.5})));
/// assert!(policy.needs_approval("process_payment", &json!({"amount": -1_000_000})));
/// ```
#[derive(Clone, Debug)]
pub struct ApprovalPolicy {
    listed: bool,
    pass_through: BTreeSet<Box<str>>,
    sensitive: BTreeSet<Box<str>>,
    rules: BTreeMap<Box<str>, Vec<Arc<Rule>>>,
    version: u32,
}

impl Default for ApprovalPolicy {
    fn default() -> Self {
        Self::new()
    }
}

impl ApprovalPolicy {
    /// Makes a policy that asks for every annotated tool.
    #[must_use]
    pub const fn new() -> Self {
        Self { listed: false, pass_through: BTreeSet::new(), sensitive: BTreeSet::new(), rules: BTreeMap::new(), version: 1 }
    }

    /// Makes a policy that asks only for the tools that [`mark_sensitive`](Self::mark_sensitive) names.
    ///
    /// Every other annotated tool runs ungated; each is logged once when a gate is built. Deny and ask rules hold for those
    /// too, and a tool that asks for approvers or a quorum is sensitive by itself.
    #[must_use]
    pub const fn listed() -> Self {
        let mut policy = Self::new();
        policy.listed = true;
        policy
    }

    /// Lets every call of a tool pass: nothing is captured, recorded or asked.
    #[must_use]
    pub fn pass_through(mut self, tool: impl Into<Box<str>>) -> Self {
        self.pass_through.insert(tool.into());
        self
    }

    /// Makes *ask* the default of a tool. Allow rules still let calls through.
    #[must_use]
    pub fn mark_sensitive(mut self, tool: impl Into<Box<str>>) -> Self {
        self.sensitive.insert(tool.into());
        self
    }

    /// Lets calls of a tool through whose arguments meet a condition. `condition` says it in words; it is recorded.
    ///
    /// The check sees the arguments as JSON, with redacted values as slots, and answers `bool` or `Result<bool, E>`.
    #[must_use]
    pub fn add_auto_approve_rule<A: Answers>(
        self,
        tool: impl Into<Box<str>>,
        condition: impl Into<Arc<str>>,
        check: impl Fn(&Value) -> A + Send + Sync + 'static,
    ) -> Self {
        self.add_rule(AutoApproveRule::new(tool, condition, check))
    }

    /// Adds a rule that was made elsewhere.
    #[must_use]
    pub fn add_rule(mut self, rule: AutoApproveRule) -> Self {
        let (tool, rule) = rule.into_parts();
        self.rules.entry(tool).or_default().push(Arc::new(rule));
        self
    }

    /// Refuses calls of a tool whose arguments meet a condition, and approved ones again when they are about to start.
    ///
    /// A deny rule that errors or panics makes the call wait for a person.
    #[must_use]
    pub fn add_deny_rule<A: Answers>(
        self,
        tool: impl Into<Box<str>>,
        condition: impl Into<Arc<str>>,
        check: impl Fn(&Value) -> A + Send + Sync + 'static,
    ) -> Self {
        self.push(tool.into(), Rule::new(Says::Deny, condition.into(), check))
    }

    /// Asks about calls of a tool whose arguments meet a condition, whatever allow rules say.
    #[must_use]
    pub fn add_ask_rule<A: Answers>(
        self,
        tool: impl Into<Box<str>>,
        condition: impl Into<Arc<str>>,
        check: impl Fn(&Value) -> A + Send + Sync + 'static,
    ) -> Self {
        self.push(tool.into(), Rule::new(Says::Ask, condition.into(), check))
    }

    /// Asks about calls of a tool whose arguments meet a condition, whatever allow rules or remembered approvals say.
    #[must_use]
    pub fn add_always_ask_rule<A: Answers>(
        self,
        tool: impl Into<Box<str>>,
        condition: impl Into<Arc<str>>,
        check: impl Fn(&Value) -> A + Send + Sync + 'static,
    ) -> Self {
        self.push(tool.into(), Rule::new(Says::AlwaysAsk, condition.into(), check))
    }

    fn push(mut self, tool: Box<str>, rule: Rule) -> Self {
        self.rules.entry(tool).or_default().push(Arc::new(rule));
        self
    }

    /// Sets the version that records of calls under this policy carry. It starts at 1.
    #[must_use]
    pub const fn version(mut self, version: u32) -> Self {
        self.version = version;
        self
    }

    /// Says whether a person has to approve this call, as far as the policy alone knows.
    ///
    /// A tool's own `auto_approve` rule is not asked, and a call that a deny rule refuses needs no approval either: it does
    /// not run.
    #[must_use]
    pub fn needs_approval(&self, tool: &str, arguments: &Value) -> bool {
        let tool = Tool::named(tool);
        let policy = Compiled::new(self, None, [&tool]);
        match policy.rules(tool.name()) {
            Ruling::Pass => false,
            Ruling::Judge(rules) => {
                let judgement = rules.judge(&tool, arguments, None);
                matches!(judgement.unless_flagged(|| Flags::of_value(arguments)), Judgement::Ask)
            }
        }
    }

    /// Says whether a listed policy lets a tool pass only because it does not list it.
    pub(crate) fn leaves_open(&self, tool: &Tool) -> bool {
        let name = tool.name();
        self.listed && !self.sensitive.contains(name) && !self.pass_through.contains(name) && !tool.names_approvers()
    }

    /// Returns every tool that the policy names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.pass_through.iter().chain(&self.sensitive).chain(self.rules.keys()).map(AsRef::as_ref)
    }
}

/// What the policy says about one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    Deny(Arc<str>),
    Ask,
    Allow(Arc<str>),
}

impl Judgement {
    /// Leaves it to people where a rule allows what can mislead who reads it: a rule compares what it was written for.
    pub(crate) fn unless_flagged(self, flags: impl FnOnce() -> Flags) -> Self {
        match self {
            Self::Allow(_) if !flags().allows_auto_approval() => Self::Ask,
            judgement => judgement,
        }
    }
}

/// What the policy says about a tool, before it has seen arguments.
#[derive(Debug)]
pub(crate) enum Ruling<'a> {
    /// Every call passes, and nothing is captured.
    Pass,
    /// The arguments decide.
    Judge(&'a Arc<Rules>),
}

/// A policy that makes no sense for the tools that are there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PassThroughConflict {
    pub(crate) tool: Box<str>,
    pub(crate) because: &'static str,
}

/// A policy with its rules laid out by tool, ready for calls.
#[derive(Debug)]
pub(crate) struct Compiled {
    /// Its keys are written in the program, so no caller can choose them to collide.
    by_tool: FxHashMap<Box<str>, Entry>,
    /// For tools nobody declared: ask.
    unknown: Arc<Rules>,
}

#[derive(Debug)]
enum Entry {
    Pass,
    Judge(Arc<Rules>),
}

impl Compiled {
    /// Lays out `own`, with the deny rules of `everywhere` on top.
    pub(crate) fn new<'a>(
        own: &ApprovalPolicy,
        everywhere: Option<&ApprovalPolicy>,
        tools: impl IntoIterator<Item = &'a Tool>,
    ) -> Self {
        let by_tool = tools.into_iter().map(|tool| (tool.name().into(), Entry::new(own, everywhere, tool))).collect();
        Self { by_tool, unknown: Arc::new(Rules::new(own.version, Otherwise::Ask)) }
    }

    #[inline]
    pub(crate) fn rules(&self, tool: &str) -> Ruling<'_> {
        match self.by_tool.get(tool) {
            Some(Entry::Pass) => Ruling::Pass,
            Some(Entry::Judge(rules)) => Ruling::Judge(rules),
            None => Ruling::Judge(&self.unknown),
        }
    }
}

impl Entry {
    fn new(own: &ApprovalPolicy, everywhere: Option<&ApprovalPolicy>, tool: &Tool) -> Self {
        let name = tool.name();
        let everywhere = everywhere.filter(|everywhere| !std::ptr::eq(*everywhere, own));
        let denies =
            everywhere.and_then(|policy| policy.rules.get(name)).into_iter().flatten().filter(|rule| rule.says == Says::Deny);
        let mut rules: Vec<_> = own.rules.get(name).into_iter().flatten().chain(denies).cloned().collect();
        let restricts = |rule: &Arc<Rule>| rule.says != Says::Allow;
        let open = own.pass_through.contains(name) || own.leaves_open(tool);
        let otherwise = if open { Otherwise::Open } else { Otherwise::Ask };
        if open && !rules.iter().any(restricts) {
            return Self::Pass;
        }
        // Deny, always ask, ask, allow; within one kind in the order they were written.
        rules.sort_by_key(|rule| rule.says);
        Self::Judge(Arc::new(Rules { rules, ..Rules::new(own.version, otherwise) }))
    }
}

/// Finds the tools that a policy both lets pass and restricts.
pub(crate) fn conflicts(own: &ApprovalPolicy, everywhere: &ApprovalPolicy, tools: &[&Tool]) -> Option<PassThroughConflict> {
    tools.iter().find_map(|tool| {
        let name = tool.name();
        let passes = own.pass_through.contains(name);
        let restricted =
            |policy: &ApprovalPolicy| policy.rules.get(name).into_iter().flatten().any(|rule| rule.says != Says::Allow);
        let because = if passes && restricted(own) {
            "a deny or ask rule names it too"
        } else if passes && everywhere.rules.get(name).into_iter().flatten().any(|rule| rule.says == Says::Deny) {
            "a deny rule for all agents names it too"
        } else if passes && own.sensitive.contains(name) {
            "`mark_sensitive` names it too"
        } else if passes && tool.names_approvers() {
            "the tool asks for approvers or a quorum"
        } else {
            return None;
        };
        Some(PassThroughConflict { tool: name.into(), because })
    })
}

/// What happens to a call that no rule speaks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Otherwise {
    Ask,
    /// It is let through, and recorded: a tool that a `listed` policy leaves open but another rule names.
    Open,
}

/// The attribute's typed rule: its answer, or why it has none.
pub(crate) type TypedRule<'a> = &'a mut dyn FnMut() -> Result<bool, Box<str>>;

/// The rules for one tool, in the order in which they are asked.
#[derive(Debug)]
pub(crate) struct Rules {
    rules: Vec<Arc<Rule>>,
    otherwise: Otherwise,
    version: u32,
    typed_reported: AtomicBool,
}

impl Rules {
    const fn new(version: u32, otherwise: Otherwise) -> Self {
        Self { rules: Vec::new(), otherwise, version, typed_reported: AtomicBool::new(false) }
    }

    pub(crate) const fn version(&self) -> u32 {
        self.version
    }

    /// Says whether a rule looks at the arguments as JSON.
    pub(crate) fn read_json(&self) -> bool {
        !self.rules.is_empty()
    }

    /// Asks the rules in order, then the attribute's own.
    pub(crate) fn judge(&self, tool: &Tool, arguments: &Value, typed: Option<TypedRule<'_>>) -> Judgement {
        // A rule that cannot answer never lets a call through; one that forbids might have meant this call.
        let mut in_doubt = false;
        for rule in &self.rules {
            if in_doubt && rule.says == Says::Allow {
                return Judgement::Ask;
            }
            match (rule.ask(tool.name(), arguments), rule.says) {
                (None, _) => in_doubt = true,
                (Some(false), _) => {}
                (Some(true), Says::Deny) => return Judgement::Deny(Arc::clone(&rule.condition)),
                (Some(true), Says::AlwaysAsk | Says::Ask) => return Judgement::Ask,
                (Some(true), Says::Allow) => return Judgement::Allow(Arc::clone(&rule.condition)),
            }
        }
        if in_doubt {
            return Judgement::Ask;
        }
        if let (Some(source), Some(typed)) = (tool.auto_approve(), typed) {
            let answer = rule::unwinding(typed).and_then(|answer| answer);
            match answer {
                Ok(true) => return Judgement::Allow(source.into()),
                Ok(false) => {}
                Err(error) => {
                    rule::report_once(&self.typed_reported, tool.name(), source, &error);
                    return Judgement::Ask;
                }
            }
        }
        match self.otherwise {
            Otherwise::Ask => Judgement::Ask,
            Otherwise::Open => Judgement::Allow("not marked as sensitive".into()),
        }
    }

    /// Asks the deny rules again, for a call that is about to start.
    pub(crate) fn denies(&self, tool: &Tool, arguments: &Value) -> Option<Arc<str>> {
        let denies = self.rules.iter().take_while(|rule| rule.says == Says::Deny);
        // One that cannot answer leaves it to the person who approved.
        denies.into_iter().find(|rule| rule.ask(tool.name(), arguments) == Some(true)).map(|rule| Arc::clone(&rule.condition))
    }

    pub(crate) fn has_denies(&self) -> bool {
        self.rules.first().is_some_and(|rule| rule.says == Says::Deny)
    }
}

fn first(flag: &AtomicBool) -> bool {
    !flag.swap(true, Ordering::Relaxed)
}
