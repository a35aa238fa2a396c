//! The task-local scope: which gate and which agent calls belong to. Set for a future, carried into spawned tasks by
//! [`InCurrentScope::in_current_scope`].

use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::agent::Agent;
use crate::gate::ApprovalGate;
use crate::refusal::{Refusal, Stop};
use crate::request::ApprovalRequest;
use crate::tool::Tool;

#[derive(Clone, Debug, Default)]
pub(crate) struct Scope {
    pub(crate) gate: Option<ApprovalGate>,
    pub(crate) agent: Option<Agent>,
    pub(crate) by_name: Option<Arc<ByName>>,
    pub(crate) resuming: Option<Arc<Resuming>>,
}

/// A call that was approved already, on its way into the annotated function: the first call of that function takes it.
#[derive(Debug)]
pub(crate) struct Resuming {
    tool: &'static Tool,
    request: Mutex<Option<ApprovalRequest>>,
}

impl Resuming {
    pub(crate) const fn new(tool: &'static Tool, request: ApprovalRequest) -> Self {
        Self { tool, request: Mutex::new(Some(request)) }
    }

    /// Takes the request, if a call of `tool` is the one that it is for.
    pub(crate) fn take_for(&self, tool: &Tool) -> Option<ApprovalRequest> {
        if !std::ptr::eq(self.tool, tool) {
            return None;
        }
        self.request.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// A call by name on its way into the annotated function, whose return type may hide that it was refused: so the refusal is
/// kept here as well.
#[derive(Debug)]
pub(crate) struct ByName {
    tool: &'static Tool,
    told: Mutex<Told>,
}

#[derive(Debug)]
enum Told {
    Nothing,
    /// An attribute around the function may still try again.
    Refused(Refusal),
    /// The body runs or ran: what it calls are other calls.
    Started,
}

impl ByName {
    pub(crate) const fn new(tool: &'static Tool) -> Self {
        Self { tool, told: Mutex::new(Told::Nothing) }
    }

    /// Says whether a call of `tool` is this one.
    pub(crate) fn is_call_of(&self, tool: &Tool) -> bool {
        std::ptr::eq(self.tool, tool) && !matches!(*self.told(), Told::Started)
    }

    /// Says that the body starts.
    pub(crate) fn start(&self) {
        *self.told() = Told::Started;
    }

    /// Keeps the refusal that `call` ends with, if it does.
    pub(crate) async fn watch<T>(&self, call: impl Future<Output = Result<T, Stop>>) -> Result<T, Stop> {
        call.await.inspect_err(|stop| {
            let mut told = self.told();
            if let Stop::Refused(refusal) = stop
                && !matches!(*told, Told::Started)
            {
                *told = Told::Refused(refusal.clone());
            }
        })
    }

    /// Returns the refusal of a call whose body did not start.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        match &*self.told() {
            Told::Refused(refusal) => Some(refusal.clone()),
            Told::Nothing | Told::Started => None,
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        // Nothing panics half-way.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

tokio::task_local! {
    static SCOPE: Scope;
}

/// Runs `look` on the current scope, if there is one.
#[inline]
pub(crate) fn with<T>(look: impl Fn(Option<&Scope>) -> T) -> T {
    SCOPE.try_with(|scope| look(Some(scope))).unwrap_or_else(|_| look(None))
}

fn current() -> Scope {
    with(|scope| scope.cloned().unwrap_or_default())
}

/// Polls `future` in a scope that is made of the one around its first poll: where a future is made says nothing about where it
/// runs. Boxed, so that it can be polled under a scope that is not known yet.
fn entering<F: Future>(inside: impl Fn(Scope) -> Scope, future: F) -> impl Future<Output = F::Output> {
    let mut future = Box::pin(future);
    let mut scope = None;
    poll_fn(move |context| {
        let scope = scope.get_or_insert_with(|| inside(current())).clone();
        SCOPE.sync_scope(scope, || future.as_mut().poll(context))
    })
}

impl ApprovalGate {
    /// Runs a future whose gated calls go to this gate, whatever gate is installed.
    ///
    /// Tasks that the future spawns leave the scope unless they are carried along:
    /// [`in_current_scope`](InCurrentScope::in_current_scope).
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let gate = self.clone();
        entering(move |outer| Scope { gate: Some(gate.clone()), ..outer }, future)
    }

    /// As [`scope`](Self::scope), for a call by name.
    pub(crate) fn scope_by_name<F: Future>(&self, by_name: Arc<ByName>, future: F) -> impl Future<Output = F::Output> + use<F> {
        let gate = self.clone();
        let inside = move |outer| Scope { gate: Some(gate.clone()), by_name: Some(Arc::clone(&by_name)), ..outer };
        entering(inside, future)
    }

    /// As [`scope_by_name`](Self::scope_by_name), for a call that was approved already.
    pub(crate) fn scope_resuming<F: Future>(
        &self,
        by_name: Arc<ByName>,
        resuming: Arc<Resuming>,
        future: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        let gate = self.clone();
        let inside = move |outer: Scope| Scope {
            gate: Some(gate.clone()),
            by_name: Some(Arc::clone(&by_name)),
            resuming: Some(Arc::clone(&resuming)),
            ..outer
        };
        entering(inside, future)
    }

    /// Returns the gate that calls made here would go to: that of the scope, else the installed one.
    #[must_use]
    pub fn current() -> Option<Self> {
        with(|scope| scope.and_then(|scope| scope.gate.clone())).or_else(|| Self::installed().cloned())
    }
}

impl Agent {
    /// Runs a future whose gated calls this agent makes. Inside another agent's scope it extends that agent's chain.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        let agent = self.clone();
        let inside = move |outer: Scope| Scope { agent: Some(agent.clone().inside(outer.agent.as_ref())), ..outer };
        entering(inside, future)
    }

    /// Returns the agent of the current scope.
    #[must_use]
    pub fn current() -> Option<Self> {
        with(|scope| scope.and_then(|scope| scope.agent.clone()))
    }
}

/// Carries the current scope (gate and agent) into a task.
///
/// ```
/// # use approval_runtime::{Agent, InCurrentScope};
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// let name = Agent::new("billing")
///     .scope(async {
///         let task = async { Agent::current().map(|agent| agent.name().to_owned()) };
///         tokio::spawn(task.in_current_scope()).await.unwrap()
///     })
///     .await;
/// assert_eq!(name.as_deref(), Some("billing"));
/// # }
/// ```
pub trait InCurrentScope: Future + Sized {
    /// Returns this future with the scope of the caller.
    fn in_current_scope(self) -> impl Future<Output = Self::Output> + use<Self> {
        SCOPE.scope(current(), self)
    }
}

impl<F: Future> InCurrentScope for F {}

#[cfg(test)]
mod tests {
    use std::future::ready;

    use super::*;

    /// I29: an attribute around the function may try again; what ran was not refused.
    #[tokio::test]
    async fn i29_last_attempt_counts() {
        let refused = || ready(Err::<(), Stop>(Refusal::NoGate { tool: "x".into() }.into()));
        let tool: &'static Tool = Box::leak(Box::new(Tool::named("x")));
        let by_name = ByName::new(tool);
        let _ = by_name.watch(refused()).await;
        assert!(by_name.is_call_of(tool) && by_name.refusal().is_some());
        by_name.start();
        assert!(!by_name.is_call_of(tool) && by_name.refusal().is_none());
        let _ = by_name.watch(refused()).await;
        assert!(by_name.refusal().is_none(), "it ran, and a call beside it that did not changes nothing");
    }
}
