//! [`Sample`]: requests as a gate makes them, without a gate.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::agent::Agent;
use crate::arguments::{Arguments, Digest};
use crate::decision::{Answer, Reviewer};
use crate::request::{ApprovalRequest, Ask, Change, Event, Guard, Moment, Outcome, RequestId, Verdict, apply, open, refuse};
use crate::store::Write;
use crate::tool::{Tool, ToolRef};

/// What a request is made from, for whoever tests a store.
///
/// ```
/// use approval_runtime::MemoryStore;
/// use approval_runtime::store::ApprovalStore;
/// use approval_runtime::store::conformance::Sample;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), approval_runtime::store::StoreError> {
/// let (store, sample) = (MemoryStore::new(), Sample::of("default").reason("it is due"));
/// store.commit(&[sample.insert(store.now().await?)]).await?;
/// let request = store.get("default", sample.id()).await?.expect("it was inserted");
/// assert_eq!(request.reason(), Some("it is due"));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "it is inserted by a store"]
pub struct Sample {
    id: RequestId,
    namespace: Arc<str>,
    tool: Tool,
    arguments: Arguments,
    agent: Option<Agent>,
    call_id: Option<Box<str>>,
    reason: Option<Box<str>>,
    key: Option<Digest>,
    verdict: Verdict,
}

impl Sample {
    /// Makes a sample that people decide within an hour, with a random id.
    pub fn of(namespace: impl Into<Arc<str>>) -> Self {
        Self {
            id: RequestId::random(),
            namespace: namespace.into(),
            tool: Tool::named("pay").timeout(Duration::from_secs(3_600)),
            arguments: Arguments::from_canonical(r#"{"amount":5,"to":"bob"}"#).expect("it is canonical"),
            agent: None,
            call_id: None,
            reason: None,
            key: None,
            verdict: Verdict::Ask { waiter: None },
        }
    }

    /// Returns the request's id.
    #[must_use]
    pub const fn id(&self) -> RequestId {
        self.id
    }

    /// Sets the request's id.
    pub const fn with_id(mut self, id: RequestId) -> Self {
        self.id = id;
        self
    }

    /// Sets the tool.
    pub fn tool(mut self, tool: Tool) -> Self {
        self.tool = tool;
        self
    }

    /// Sets the arguments.
    pub fn arguments(mut self, arguments: Arguments) -> Self {
        self.arguments = arguments;
        self
    }

    /// Sets who asks, and the id of the call.
    pub fn agent(mut self, agent: Agent) -> Self {
        self.call_id = agent.call().map(Into::into);
        self.agent = Some(agent);
        self
    }

    /// Sets the reason.
    pub fn reason(mut self, reason: impl Into<Box<str>>) -> Self {
        self.reason = Some(reason.into());
        self
    }

    /// Sets what makes the call the same as another one.
    pub const fn key(mut self, key: Digest) -> Self {
        self.key = Some(key);
        self
    }

    /// Sets what the policy says.
    pub fn verdict(mut self, verdict: Verdict) -> Self {
        self.verdict = verdict;
        self
    }

    /// Returns the request as it is made at this moment, and what must hold when it is written.
    #[must_use]
    pub fn made(&self, at: Moment) -> (ApprovalRequest, Guard) {
        let ask = Ask {
            id: self.id,
            namespace: Arc::clone(&self.namespace),
            tool: ToolRef::Shared(Arc::new(self.tool.clone())),
            arguments: self.arguments.clone(),
            agent: self.agent.clone(),
            call_id: self.call_id.clone(),
            reason: self.reason.clone(),
            created_at: at.time,
            policy_version: 1,
            incarnation: at.incarnation,
            key: self.key.map(Box::new),
        };
        let Change { state, guard, .. } = open(&ask, self.verdict.clone(), at);
        (ApprovalRequest::new(Arc::new(ask), state), guard)
    }

    /// Returns the write that inserts the request as it is made at this moment, however many are pending.
    #[must_use]
    pub fn insert(&self, at: Moment) -> Write {
        self.insert_within(usize::MAX, at)
    }

    /// Returns the write that inserts the request where no more than these are pending.
    #[must_use]
    pub fn insert_within(&self, max_pending: usize, at: Moment) -> Write {
        let (request, guard) = self.made(at);
        Write::Insert { request, guard, max_pending }
    }
}

/// Returns the write of an event at this moment: an update, or the removal.
///
/// # Panics
/// If the lifecycle refuses it.
#[must_use]
#[track_caller]
pub fn update(request: &ApprovalRequest, event: &Event, at: Moment) -> Write {
    let Change { state, guard, .. } =
        apply(request, event, at).unwrap_or_else(|conflict| panic!("{event:?} is refused: {}", conflict.as_str()));
    let request = request.with(state);
    match event {
        Event::Remove => Write::Remove { request, guard },
        _ => Write::Update { request, guard },
    }
}

/// Returns the write that tells of an event that the lifecycle refuses.
///
/// # Panics
/// If it does not, or if that is not told.
#[must_use]
#[track_caller]
pub fn refused(request: &ApprovalRequest, event: &Event, at: Moment) -> Write {
    let conflict = apply(request, event, at).expect_err("the lifecycle lets it happen");
    let Change { state, guard, .. } = refuse(request, event, conflict, at).expect("such attempts are not told");
    Write::Update { request: request.with(state), guard }
}

/// Returns a vote for what the request would run.
pub(super) fn approve(request: &ApprovalRequest, by: &str) -> Event {
    vote(request, by, Answer::Approve, None)
}

pub(super) fn reject(request: &ApprovalRequest, by: &str) -> Event {
    vote(request, by, Answer::Reject, None)
}

pub(super) fn vote(request: &ApprovalRequest, by: &str, answer: Answer, comment: Option<&str>) -> Event {
    Event::Vote {
        reviewer: Reviewer::new(by),
        answer,
        digest: Some(request.digest()),
        edited: None,
        comment: comment.map(Into::into),
        door: "suite",
    }
}

pub(super) fn cancel(by: &str) -> Event {
    Event::Cancel { by: by.into() }
}

pub(super) fn claim(request: &ApprovalRequest, claim_id: Uuid, holder: Uuid) -> Event {
    let (digest, fingerprint) = (request.digest(), request.tool().fingerprint());
    Event::Claim { claim_id, holder, digest, fingerprint, denied: None }
}

pub(super) const fn finish(claim_id: Uuid, outcome: Outcome, result: Option<Arc<str>>) -> Event {
    Event::Finish { claim_id, outcome, result }
}

/// A gate, or a start, that the suite makes up.
pub(super) const fn gate(number: u128) -> Uuid {
    Uuid::from_u128(0xC0FF_EE00 + number)
}
