//! [`Agent`]: who makes a call, for whom, and through which hands it came.

use std::sync::Arc;

/// The agent that makes a call: the one whose policy governs it and whose name reviewers see.
///
/// An agent that was handed the conversation by another one keeps the way it came: `agent_chain` starts with the origin and
/// ends with the caller. A nested [`scope`](Self::scope) extends the chain by itself; runners that switch agents one after
/// another say [`handed_off_by`](Self::handed_off_by).
///
/// ```
/// use approval_runtime::Agent;
///
/// let triage = Agent::new("triage").run_id("run-7").on_behalf_of("alice");
/// let billing = Agent::new("billing").handed_off_by(&triage);
/// assert_eq!(billing.chain().collect::<Vec<_>>(), ["triage", "billing"]);
/// assert_eq!(billing.principal(), Some("alice"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Agent(Arc<Facts>);

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Facts {
    name: Box<str>,
    /// The agents before this one, the origin first.
    before: Vec<Box<str>>,
    handed_off: bool,
    run_id: Option<Box<str>>,
    call_id: Option<Box<str>>,
    on_behalf_of: Option<Box<str>>,
}

impl Facts {
    fn inherit(&mut self, from: &Agent) {
        if self.run_id.is_none() {
            self.run_id.clone_from(&from.0.run_id);
        }
        if self.on_behalf_of.is_none() {
            self.on_behalf_of.clone_from(&from.0.on_behalf_of);
        }
    }
}

impl Agent {
    /// Names an agent.
    #[must_use]
    pub fn new(name: impl Into<Box<str>>) -> Self {
        Self(Arc::new(Facts {
            name: name.into(),
            before: Vec::new(),
            handed_off: false,
            run_id: None,
            call_id: None,
            on_behalf_of: None,
        }))
    }

    fn with(mut self, change: impl FnOnce(&mut Facts)) -> Self {
        change(Arc::make_mut(&mut self.0));
        self
    }

    /// Sets the run (conversation, job) that the calls belong to.
    #[must_use]
    pub fn run_id(self, run_id: impl Into<Box<str>>) -> Self {
        self.with(|facts| facts.run_id = Some(run_id.into()))
    }

    /// Sets the model's id of the one call that is made in this agent's scope.
    #[must_use]
    pub fn call_id(self, call_id: impl Into<Box<str>>) -> Self {
        self.with(|facts| facts.call_id = Some(call_id.into()))
    }

    /// Names the person the agent works for. That person cannot review the agent's calls.
    #[must_use]
    pub fn on_behalf_of(self, principal: impl Into<Box<str>>) -> Self {
        self.with(|facts| facts.on_behalf_of = Some(principal.into()))
    }

    /// Names the agent that handed over to this one. Run and principal go along unless they are set here.
    #[must_use]
    pub fn handed_off_by(self, previous: &Self) -> Self {
        let mut agent = self.after(previous);
        Arc::make_mut(&mut agent.0).handed_off = true;
        agent
    }

    /// Returns this agent as it is inside the scope of `outer`.
    pub(crate) fn inside(self, outer: Option<&Self>) -> Self {
        match outer {
            Some(outer) if outer == &self => self,
            // The same agent says more about one of its calls.
            Some(outer) if outer.name() == self.name() && (self.0.before.is_empty() || self.0.before == outer.0.before) => self
                .with(|facts| {
                    facts.before.clone_from(&outer.0.before);
                    facts.inherit(outer);
                }),
            // It keeps the way it came; whom it works for is still what the scope says.
            Some(outer) if self.0.handed_off => self.with(|facts| facts.inherit(outer)),
            Some(outer) => self.after(outer),
            None => self,
        }
    }

    fn after(self, previous: &Self) -> Self {
        self.with(|facts| {
            facts.before = previous.chain().map(Into::into).collect();
            facts.inherit(previous);
        })
    }

    /// Returns the agent's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the agents the call came through: the origin first, this agent last.
    pub fn chain(&self) -> impl Iterator<Item = &str> {
        self.0.before.iter().chain([&self.0.name]).map(AsRef::as_ref)
    }

    /// Returns the run id.
    #[must_use]
    pub fn run(&self) -> Option<&str> {
        self.0.run_id.as_deref()
    }

    /// Returns the call id.
    #[must_use]
    pub fn call(&self) -> Option<&str> {
        self.0.call_id.as_deref()
    }

    /// Returns the person the agent works for.
    #[must_use]
    pub fn principal(&self) -> Option<&str> {
        self.0.on_behalf_of.as_deref()
    }
}

impl From<&str> for Agent {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for Agent {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}

impl From<&Self> for Agent {
    fn from(agent: &Self) -> Self {
        agent.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chain_runs_from_origin_to_caller() {
        let origin = Agent::new("triage").run_id("r").on_behalf_of("alice");
        let middle = Agent::new("billing").inside(Some(&origin));
        let last = Agent::new("payments").handed_off_by(&middle);
        assert_eq!(last.chain().collect::<Vec<_>>(), ["triage", "billing", "payments"]);
        assert_eq!((last.run(), last.principal()), (Some("r"), Some("alice")));
        // A handed-off agent already knows where it came from.
        let again = last.clone().inside(Some(&middle));
        assert_eq!(again, last);
    }

    #[test]
    fn same_agent_names_its_calls() {
        let origin = Agent::new("triage").run_id("r");
        let billing = Agent::new("billing").inside(Some(&origin));
        let (new, changed) = (Agent::new("billing").call_id("c7"), billing.clone().call_id("c7"));
        let call = new.inside(Some(&billing));
        assert_eq!(call, changed.inside(Some(&billing)));
        assert_eq!(call.chain().collect::<Vec<_>>(), ["triage", "billing"]);
        assert_eq!((call.run(), call.call()), (Some("r"), Some("c7")));
    }

    #[test]
    fn own_run_stays_after_handoff() {
        let origin = Agent::new("a").run_id("one").call_id("c1");
        let next = Agent::new("b").run_id("two").handed_off_by(&origin);
        assert_eq!(next.run(), Some("two"));
        assert_eq!(next.call(), None, "a call id names one call of one agent");
    }
}
