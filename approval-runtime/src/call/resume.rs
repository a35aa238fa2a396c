//! Calls that are finished by another process than the one that made them.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use serde_json::Value;

use super::CallError;
use crate::arguments::{Decoder, display};
use crate::gate::ApprovalGate;
use crate::refusal::{Refusal, Stop};
use crate::request::{ApprovalRequest, ApprovalStatus, ExecutionState, RequestId};
use crate::review::DecideError;
use crate::scope::{ByName, Resuming};
use crate::store::{Cursor, Which};
use crate::tool::{Invoke, Tool, ToolRef};

/// Why an approved call could not be finished here. Where the body did not start, somebody else may still finish it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// The request could not be read.
    #[error(transparent)]
    Unread(#[from] DecideError),
    /// The tool is not in this binary, or its annotation does not say `resumable`.
    #[error(
        "{} cannot be run here for request {id}: no function of this binary has that name and `resumable`",
        display::name(tool)
    )]
    NotResumable {
        /// The tool.
        tool: Box<str>,
        /// The request.
        id: RequestId,
    },
    /// The tool is no longer the one that was approved, or does not take what was approved. The request is not started and
    /// expires.
    #[error("{} is no longer what was approved as request {id}: call it anew", display::name(tool))]
    Unrunnable {
        /// The tool.
        tool: Box<str>,
        /// The request.
        id: RequestId,
    },
    /// The call was refused, or ran and failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl From<Refusal> for ResumeError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unrunnable { tool, id } => Self::Unrunnable { tool, id },
            refusal => Self::Call(refusal.into()),
        }
    }
}

/// What [`ApprovalGate::recover`] came to.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Recovery {
    /// The calls that were started here, and what each returned.
    pub finished: Vec<(RequestId, Result<Value, ResumeError>)>,
    /// Approved calls that this binary cannot run, because the tool changed or is not here. They expire.
    pub unrunnable: Vec<RequestId>,
}

/// How many requests are read at once.
const PAGE: usize = 500;

impl ApprovalGate {
    /// Finishes an approved call that its own process did not start: because it ended, or because nobody waited
    /// ([`create_request`](Self::create_request), `max_wait`).
    ///
    /// The tool's annotation has to say `resumable`. Deny rules are asked again, allow rules are not. Whoever claims the start
    /// runs the body; everybody else gets the recorded outcome or a refusal. Returns what the function returned, as JSON.
    ///
    /// # Errors
    /// [`ResumeError`].
    ///
    /// # Cancel safety
    /// As for [`call`](Self::call): dropped while the body runs, or while its start is being written, the outcome is recorded as
    /// indeterminate. Dropped before, the approval stays.
    pub async fn resume(&self, id: RequestId) -> Result<Value, ResumeError> {
        let request = self.get_request(id).await?;
        if request.status() != ApprovalStatus::Approved || request.execution().state != ExecutionState::NotStarted {
            return given(Stop::of(&request));
        }
        let (tool, invoke) = self.resumable(&request)?;
        let unrunnable = || ResumeError::Unrunnable { tool: request.tool_name().into(), id };
        let called = Decoder::new(request.effective_arguments(), None).and_then(|mut decoder| invoke(&mut decoder));
        let called = called.map_err(|_| unrunnable())?;
        let by_name = Arc::new(ByName::new(tool));
        let resuming = Arc::new(Resuming::new(tool, request.clone()));
        let call = self.scope_resuming(Arc::clone(&by_name), resuming, called);
        let returned = match request.agent() {
            Some(agent) => agent.scope(call).await,
            None => call.await,
        };
        match by_name.refusal() {
            // Somebody else was faster, and may have kept what it returned.
            Some(Refusal::AlreadyExecuted { .. }) => given(Stop::of(&self.get_request(id).await?)),
            Some(refusal) => Err(refusal.into()),
            None => Ok(returned.map_err(|message| CallError::Failed { tool: tool.name().into(), message })?),
        }
    }

    /// Finds the function that can finish a request.
    fn resumable(&self, request: &ApprovalRequest) -> Result<(&'static Tool, Invoke), ResumeError> {
        let (name, id) = (|| request.tool_name().into(), request.id());
        let Some(tool) = self.tool(request.tool_name()).filter(|tool| tool.is_resumable()) else {
            return Err(ResumeError::NotResumable { tool: name(), id });
        };
        let (&ToolRef::Static(tool), Some(invoke)) = (tool, tool.invoke()) else {
            return Err(ResumeError::NotResumable { tool: name(), id });
        };
        if tool.fingerprint() == request.tool().fingerprint() && !request.effective_arguments().is_redacted() {
            Ok((tool, invoke))
        } else {
            Err(ResumeError::Unrunnable { tool: name(), id })
        }
    }

    /// Finishes all approved calls of resumable tools that nobody waits for, the oldest first and one after another.
    ///
    /// At start-up it finishes what an earlier process left approved. What is approved later wants it again: call it from time to
    /// time, or [`resume`](Self::resume) what [`events`](Self::events) say was approved. A call whose own process lives is left to it.
    /// A body that panics is recorded as failed, as everywhere, and the others are still finished.
    ///
    /// # Errors
    /// [`DecideError::Unavailable`] where the store cannot be read. What became of each call is in the [`Recovery`].
    ///
    /// # Cancel safety
    /// As for [`resume`](Self::resume), for the call that is being finished.
    pub async fn recover(&self) -> Result<Recovery, DecideError> {
        self.settle_lost().await?;
        let mut recovery = Recovery::default();
        let mut after = None;
        loop {
            let approved = self.select_page(Which::Unused, after, PAGE).await?;
            let Some(last) = approved.last().map(Cursor::of) else { return Ok(recovery) };
            after = Some(last);
            for request in approved.into_iter().filter(|request| !request.is_waited_for()) {
                match caught(self.resume(request.id())).await {
                    Some(Err(ResumeError::NotResumable { id, .. } | ResumeError::Unrunnable { id, .. })) => {
                        recovery.unrunnable.push(id);
                    }
                    returned => {
                        let panicked = || CallError::Failed { tool: request.tool_name().into(), message: "it panicked".into() };
                        recovery.finished.push((request.id(), returned.unwrap_or_else(|| Err(panicked().into()))));
                    }
                }
            }
        }
    }
}

/// Returns nothing where the future panics.
async fn caught<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    poll_fn(|context| match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
        Ok(polled) => polled.map(Some),
        Err(_) => Poll::Ready(None),
    })
    .await
}

/// Returns what a call came to that ran, or did not.
fn given(stop: Stop) -> Result<Value, ResumeError> {
    match stop {
        Stop::Recorded { otherwise, result } => serde_json::from_str(&result).map_err(|_| otherwise.into()),
        Stop::Refused(refusal) => Err(refusal.into()),
    }
}
