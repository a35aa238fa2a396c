//! One rule: a condition in words, and the code that checks it.

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use serde_json::Value;

/// What a check may answer: `bool`, or `Result<bool, E>` where it can fail.
pub trait Answers {
    /// Turns the answer into yes, no, or why there is none.
    ///
    /// # Errors
    /// The check's own error.
    fn answer(self) -> Result<bool, Box<dyn Error + Send + Sync>>;
}

impl Answers for bool {
    fn answer(self) -> Result<bool, Box<dyn Error + Send + Sync>> {
        Ok(self)
    }
}

impl<E: Into<Box<dyn Error + Send + Sync>>> Answers for Result<bool, E> {
    fn answer(self) -> Result<bool, Box<dyn Error + Send + Sync>> {
        self.map_err(Into::into)
    }
}

/// What a rule says when its condition is met, in the order in which rules are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Says {
    Deny,
    AlwaysAsk,
    Ask,
    Allow,
}

type Check = dyn Fn(&Value) -> Result<bool, Box<dyn Error + Send + Sync>> + Send + Sync;

pub(super) struct Rule {
    pub(super) says: Says,
    pub(super) condition: Arc<str>,
    check: Box<Check>,
    reported: AtomicBool,
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule").field("says", &self.says).field("condition", &self.condition).finish_non_exhaustive()
    }
}

impl Rule {
    pub(super) fn new<A: Answers>(
        says: Says,
        condition: Arc<str>,
        check: impl Fn(&Value) -> A + Send + Sync + 'static,
    ) -> Self {
        Self { says, condition, check: Box::new(move |arguments| check(arguments).answer()), reported: AtomicBool::new(false) }
    }

    /// Asks the rule; `None` when it errors or panics, which is logged the first time.
    pub(super) fn ask(&self, tool: &str, arguments: &Value) -> Option<bool> {
        // What an error says may hold argument values: only its kind is logged.
        let answer = unwinding(|| (self.check)(arguments).map_err(|_| Box::from("it returned an error")));
        match answer.and_then(|answer| answer) {
            Ok(answer) => Some(answer),
            Err(error) => {
                report_once(&self.reported, tool, &self.condition, &error);
                None
            }
        }
    }
}

pub(super) fn unwinding<T>(ask: impl FnOnce() -> T) -> Result<T, Box<str>> {
    catch_unwind(AssertUnwindSafe(ask)).map_err(|_| Box::from("it panicked"))
}

pub(super) fn report_once(reported: &AtomicBool, tool: &str, condition: &str, error: &str) {
    if super::first(reported) {
        tracing::error!(tool, rule = condition, error, "a rule could not answer: its calls wait for a reviewer");
    }
}

/// A rule that lets calls of one tool through: the article's `AutoApproveRule`.
#[derive(Debug)]
pub struct AutoApproveRule {
    tool: Box<str>,
    rule: Rule,
}

impl AutoApproveRule {
    /// Makes a rule from a tool's name, its condition in words, and the code that checks it.
    #[must_use]
    pub fn new<A: Answers>(
        tool: impl Into<Box<str>>,
        condition: impl Into<Arc<str>>,
        check: impl Fn(&Value) -> A + Send + Sync + 'static,
    ) -> Self {
        Self { tool: tool.into(), rule: Rule::new(Says::Allow, condition.into(), check) }
    }

    pub(super) fn into_parts(self) -> (Box<str>, Rule) {
        (self.tool, self.rule)
    }
}
