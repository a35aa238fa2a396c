//! Requests that no call waits for.

use std::fmt;

use serde_json::Value;

use super::capturing;
use super::waiting::watch;
use crate::agent::Agent;
use crate::arguments::{Capture, Captured};
use crate::gate::{ApprovalGate, Asking, Opened};
use crate::policy::{Judgement, Ruling};
use crate::refusal::Refusal;
use crate::request::{ApprovalRequest, ApprovalStatus, RequestId, Verdict};
use crate::tool::Tool;

/// What a request is made from, for [`ApprovalGate::create_request`].
///
/// `Debug` shows no argument's value.
#[derive(Clone)]
#[must_use = "a request is made by `ApprovalGate::create_request`"]
pub struct NewRequest {
    tool: Tool,
    arguments: Value,
    agent: Option<Agent>,
    reason: Option<Box<str>>,
}

impl fmt::Debug for NewRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewRequest").field("tool", &self.tool.name()).field("agent", &self.agent).finish_non_exhaustive()
    }
}

impl NewRequest {
    /// Names the tool and its arguments, a JSON object.
    pub const fn new(tool: Tool, arguments: Value) -> Self {
        Self { tool, arguments, agent: None, reason: None }
    }

    /// Names the agent that asks.
    pub fn agent(mut self, agent: impl Into<Agent>) -> Self {
        self.agent = Some(agent.into());
        self
    }

    /// Says why, for reviewers: up to 500 characters, without what is redacted in the arguments.
    pub fn reason(mut self, reason: impl Into<Box<str>>) -> Self {
        self.reason = Some(reason.into());
        self
    }
}

impl ApprovalGate {
    /// Makes a request that no call waits for: for programs that wait in another way, by reading it or by its events.
    ///
    /// Deny rules hold; allow rules are not asked. The gate runs nothing for such a request by itself: an approval of it that
    /// nobody [resumes](Self::resume) ends unused after 15 minutes, and the record says `expired`.
    ///
    /// # Errors
    /// [`Refusal::Rejected`] by a deny rule, [`Refusal::Unrepresentable`], [`Refusal::TooManyPending`],
    /// [`Refusal::NowhereToAsk`], [`Refusal::Unavailable`], [`Refusal::ShuttingDown`].
    ///
    /// # Cancel safety
    /// A dropped future has made the request or not.
    pub async fn create_request(&self, new: NewRequest) -> Result<ApprovalRequest, Refusal> {
        let NewRequest { tool, arguments, agent, reason } = new;
        let tool = self.known(tool);
        let unrepresentable = |error| Refusal::Unrepresentable { tool: tool.name().into(), error };
        let paths: Vec<_> = tool.redacted_paths().collect();
        let mut capture = Capture::new(self.capture_settings(&paths));
        capture.whole(&arguments);
        let Captured { arguments, hidden } = capture.finish().map_err(unrepresentable)?;
        let reason = reason.map(|words| capturing::reason(words, hidden.as_deref()));
        let ruling = self.ruling(agent.as_ref(), tool.name());
        let (verdict, policy_version) = match ruling {
            Ruling::Pass => (Verdict::Ask { waiter: None }, 0),
            Ruling::Judge(rules) => match rules.judge(&tool, &arguments.to_value(), None) {
                Judgement::Deny(rule) => (Verdict::Deny { rule }, rules.version()),
                Judgement::Ask | Judgement::Allow(_) => (Verdict::Ask { waiter: None }, rules.version()),
            },
        };
        let call_id = agent.as_ref().and_then(Agent::call).map(Into::into);
        let asking = Asking {
            id: RequestId::random(),
            tool: tool.clone(),
            arguments,
            agent,
            call_id,
            reason,
            policy_version,
            key: None,
        };
        let request = match self.open(asking, verdict).await? {
            Opened::New(request) => request,
            // It has no key, and ids are random.
            Opened::Before { id, .. } => return Err(Refusal::AlreadyExecuted { tool: tool.name().into(), id }),
        };
        if request.status() == ApprovalStatus::Pending {
            watch(self, request.id());
        }
        match request.status() {
            ApprovalStatus::Rejected => Err(Refusal::of(&request)),
            _ => Ok(request),
        }
    }
}
