//! Tools called by name, with the JSON text that a model wrote.

use std::fmt::Display;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::arguments::{Decoder, display};
use crate::boxed::BoxFuture;
use crate::gate::ApprovalGate;
use crate::refusal::Refusal;
use crate::scope::ByName;
use crate::tool::{Tool, ToolRef};

/// A call of an annotated function, with its result as JSON or its error in words.
type Called = BoxFuture<'static, Result<Value, Box<str>>>;

/// The most characters of a tool's name that a model made up: it ends up in messages and logs.
const MAX_NAME: usize = 64;

/// A call by name that gave no result.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The tool did not run.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The tool ran and failed, or returned what has no JSON form.
    #[error("Action '{}' failed: {}", display::name(tool), display::name(message))]
    Failed {
        /// The tool.
        tool: Box<str>,
        /// What it says about it: data from the tool, and maybe from whomever it spoke to.
        message: Box<str>,
    },
}

impl CallError {
    /// Returns the error's name in snake case: that of the refusal, or `failed`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.code(),
            Self::Failed { .. } => "failed",
        }
    }
}

/// What a `callable` or `resumable` tool returns, for a caller that knows no types: `Result<T, E>` where `T: Serialize` and
/// `E: Display`, or `String`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no JSON form",
    label = "`callable` and `resumable` tools are called by those who know no types: a model, another process",
    note = "return `Result<T, E>` where `T: Serialize` and `E: Display`, or `String`"
)]
pub trait Returned {
    /// Returns the result as JSON, or what went wrong in words.
    ///
    /// # Errors
    /// The tool's own error in words.
    fn into_json(self) -> Result<Value, Box<str>>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize, E: Display> Returned for Result<T, E> {
    fn into_json(self) -> Result<Value, Box<str>> {
        // The alternate form of an `anyhow::Error` names its causes.
        let value = self.map_err(|error| format!("{error:#}"))?;
        serde_json::to_value(value).map_err(|_| "it ran, and what it returned has no JSON form".into())
    }
}

#[diagnostic::do_not_recommend]
impl Returned for String {
    fn into_json(self) -> Result<Value, Box<str>> {
        Ok(Value::String(self))
    }
}

impl ApprovalGate {
    /// Calls an annotated function by its name, with the JSON text of its arguments as a model wrote it.
    ///
    /// The function's attribute has to say `callable`. The text is read strictly: one object and nothing after it, no name
    /// twice and no field that the function would pass over, at any depth. Where serde sets fields aside before it knows their
    /// type (`flatten`, `untagged`, `tag`) it does not say which it passes over: put `deny_unknown_fields` there. Such a field
    /// reaches neither the reviewer nor the function.
    ///
    /// From there it is a call like any other: the function is called in this gate's [`scope`](Self::scope), with the current
    /// [agent](crate::Agent).
    ///
    /// ```
    /// # #[cfg(feature = "macros")] mod tools {
    /// # use approval_runtime::{Agent, ApprovalGate, CallError, Refusal, requires_approval};
    /// #[requires_approval(callable, auto_approve = amount < 10)]
    /// async fn repay(customer: String, amount: u32) -> Result<String, Refusal> {
    ///     Ok(format!("{amount} to {customer}"))
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let gate = ApprovalGate::builder().without_notifier().build()?;
    /// let agent = Agent::new("support").call_id("call_17");
    /// let result = agent.scope(gate.call_json("repay", r#"{"customer": "Anna", "amount": 5}"#)).await?;
    /// assert_eq!(result, "5 to Anna");
    ///
    /// let error = gate.call_json("repay", r#"{"customer": "Anna", "amount": 5, "amount": 5000}"#).await.unwrap_err();
    /// assert_eq!(error.code(), "duplicate_key");
    /// # Ok(()) }
    /// # }
    /// # #[cfg(feature = "macros")] tools::main().unwrap();
    /// ```
    ///
    /// # Errors
    /// [`CallError::Refused`] with [`Refusal::UnknownTool`] or [`Refusal::NotCallable`] for the name, with
    /// [`Refusal::Invalid`] for the text, and with every refusal that the function itself may get; [`CallError::Failed`] for
    /// the function's own error. Their texts are meant for the model.
    ///
    /// # Cancel safety
    /// As for [`call`](Self::call).
    pub async fn call_json(&self, name: &str, arguments: impl AsRef<[u8]>) -> Result<Value, CallError> {
        let (tool, called) = self.invoke(name, arguments.as_ref())?;
        // The text has been read; a call may wait for days.
        drop(arguments);
        let by_name = Arc::new(ByName::new(tool));
        let returned = self.scope_by_name(Arc::clone(&by_name), called).await;
        match by_name.refusal() {
            Some(refusal) => Err(refusal.into()),
            None => returned.map_err(|message| CallError::Failed { tool: tool.name().into(), message }),
        }
    }

    /// Finds the function and makes its call, which has not begun then.
    fn invoke(&self, name: &str, arguments: &[u8]) -> Result<(&'static Tool, Called), Refusal> {
        let Some(tool) = self.tool(name) else {
            let tool: Box<str> = name.chars().take(MAX_NAME).collect();
            let nearest = self.nearest_callable(&tool);
            return Err(Refusal::UnknownTool { tool, nearest });
        };
        let (&ToolRef::Static(tool), Some(invoke)) = (tool, tool.invoke().filter(|_| tool.is_callable())) else {
            return Err(Refusal::NotCallable { tool: tool.name().into() });
        };
        let called = Decoder::from_json(arguments).and_then(|mut decoder| invoke(&mut decoder));
        match called {
            Ok(called) => Ok((tool, called)),
            Err(error) => Err(Refusal::Invalid { tool: tool.name().into(), id: None, error }),
        }
    }
}
