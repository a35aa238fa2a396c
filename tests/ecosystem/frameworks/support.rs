//! What each framework's tests share: a gate of their own, its reviewer, and a record of the bodies that ran.

use std::pin::pin;
use std::slice::from_ref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use approval_runtime::{ApprovalGate, ApprovalRequest, Decision, Reviewer};
use serde_json::Value;

tokio::task_local! {
    static BODIES: Bodies;
}

/// Each body's arguments, in the order they started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bodies(Arc<Mutex<Vec<Value>>>);

impl Bodies {
    /// For bodies in a task of their own.
    pub(crate) fn start(&self, arguments: Value) {
        self.0.lock().expect("no body panics").push(arguments);
    }

    /// Runs `call` so that [`body`] is recorded here.
    pub(crate) async fn scope<T>(&self, call: impl Future<Output = T>) -> T {
        BODIES.scope(self.clone(), call).await
    }

    pub(crate) fn started(&self) -> Vec<Value> {
        self.0.lock().expect("no body panics").clone()
    }
}

/// The first line of each body that runs in its caller's task.
pub(crate) fn body(arguments: Value) {
    BODIES.with(|bodies| bodies.start(arguments));
}

pub(crate) fn gate() -> ApprovalGate {
    ApprovalGate::builder().without_notifier().build().expect("the tests' tools are in order")
}

/// Waits until a request is pending. Time is paused: the limit is reached only when nothing is left that could ask.
pub(crate) async fn pending(gate: &ApprovalGate) -> ApprovalRequest {
    let mut events = gate.events();
    let asked = async {
        loop {
            if let Some(request) = gate.get_pending().await.expect("memory does not fail").pop() {
                return request;
            }
            events.next().await.expect("the gate lives");
        }
    };
    tokio::time::timeout(Duration::from_secs(10), asked).await.expect("the tool asks")
}

pub(crate) fn alice() -> Reviewer {
    Reviewer::new("alice")
}

/// What three calls of one tool returned.
pub(crate) struct Returned<T> {
    pub(crate) rejected: T,
    pub(crate) approved: T,
    pub(crate) edited: T,
    /// The request of the call that was approved as it stood.
    pub(crate) request: ApprovalRequest,
}

/// Calls a tool three times, each with a gate of its own: rejected, it does not run; approved, it runs once on what was
/// shown; edited, it runs once on the edit.
pub(crate) async fn reviewed<T>(
    tool: &str,
    shown: Value,
    edit: Value,
    call: impl AsyncFn(ApprovalGate, Bodies) -> T,
) -> Returned<T> {
    let decide = async |decision: &dyn Fn(&ApprovalRequest) -> Decision| {
        let (gate, bodies) = (gate(), Bodies::default());
        let called = pin!(bodies.scope(gate.scope(call(gate.clone(), bodies.clone()))));
        let review = async {
            let request = pending(&gate).await;
            assert_eq!((request.tool_name(), request.arguments().to_value()), (tool, shown.clone()));
            assert_eq!(bodies.started(), [] as [Value; 0], "{tool} ran before anybody decided");
            gate.decide(request.id(), decision(&request)).await.expect("it is pending");
            request.id()
        };
        let (returned, id) = tokio::join!(called, review);
        (returned, bodies.started(), gate.get_request(id).await.expect("it was asked for"))
    };
    let (rejected, bodies, _) = decide(&|_| Decision::reject(alice())).await;
    assert_eq!(bodies, [] as [Value; 0], "{tool} ran though it was rejected");
    let (approved, bodies, request) = decide(&|request| Decision::approve(alice(), request.digest())).await;
    assert_eq!(bodies, from_ref(&shown), "{tool} runs once, on what was approved");
    let with_edit = |request: &ApprovalRequest| Decision::approve(alice(), request.digest()).edited_arguments(edit.clone());
    let (edited, bodies, _) = decide(&with_edit).await;
    assert_eq!(bodies, from_ref(&edit), "{tool} runs once, on the edit");
    Returned { rejected, approved, edited, request }
}
