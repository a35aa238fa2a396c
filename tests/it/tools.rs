//! What the tests of this folder share: a tool without a macro, and a body that counts its starts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use approval_runtime::{ApprovalGate, ApprovalGateBuilder, ApprovalRequest, Decision, Refusal, Reviewer, Tool};
use serde_json::{Value, json};

/// The reads of a store that a test's own store passes on to the one it stands before.
macro_rules! passes_on {
    ($inner:tt: $($method:ident),+) => { $($crate::tools::passes_on!(@ $method $inner);)+ };
    (@ get $inner:tt) => {
        fn get<'a>(
            &'a self,
            namespace: &'a str,
            id: approval_runtime::RequestId,
        ) -> approval_runtime::BoxFuture<'a, Result<Option<approval_runtime::ApprovalRequest>, approval_runtime::store::StoreError>> {
            self.$inner.get(namespace, id)
        }
    };
    (@ query $inner:tt) => {
        fn query<'a>(
            &'a self,
            query: &'a approval_runtime::store::Query,
        ) -> approval_runtime::BoxFuture<'a, Result<approval_runtime::store::Found, approval_runtime::store::StoreError>> {
            self.$inner.query(query)
        }
    };
    (@ others $inner:tt) => {
        fn rows<'a>(
            &'a self,
            query: &'a approval_runtime::store::RowQuery,
        ) -> approval_runtime::BoxFuture<'a, Result<Vec<approval_runtime::store::Row>, approval_runtime::store::StoreError>> {
            self.$inner.rows(query)
        }

        fn audit<'a>(
            &'a self,
            query: &'a approval_runtime::store::AuditQuery,
        ) -> approval_runtime::BoxFuture<'a, Result<Vec<approval_runtime::store::Logged>, approval_runtime::store::StoreError>> {
            self.$inner.audit(query)
        }

        fn changes<'a>(
            &'a self,
            namespace: &'a str,
            after: Option<u64>,
        ) -> approval_runtime::BoxFuture<'a, Result<approval_runtime::store::Changes, approval_runtime::store::StoreError>> {
            self.$inner.changes(namespace, after)
        }

        fn is_shared(&self) -> bool {
            self.$inner.is_shared()
        }
    };
    (@ now $inner:tt) => {
        fn now(
            &self,
        ) -> approval_runtime::BoxFuture<'_, Result<approval_runtime::request::Moment, approval_runtime::store::StoreError>> {
            self.$inner.now()
        }
    };
}
pub(crate) use passes_on;

pub(crate) fn builder() -> ApprovalGateBuilder {
    ApprovalGate::builder().without_notifier().tool(pay())
}

pub(crate) fn gate() -> ApprovalGate {
    builder().build().expect("the tests' tools are in order")
}

/// A tool that no function of this binary is annotated for.
pub(crate) fn pay() -> Tool {
    Tool::named("pay").timeout(Duration::from_secs(120))
}

pub(crate) fn five() -> Value {
    json!({"to": "bob", "amount": 5})
}

/// How often a body was started.
#[derive(Clone, Debug, Default)]
pub(crate) struct Starts(Arc<AtomicUsize>);

impl Starts {
    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }

    /// Calls `pay`; the body counts and returns what it was given.
    pub(crate) async fn pay(&self, gate: &ApprovalGate, arguments: Value) -> Result<Value, Refusal> {
        self.call(gate, pay(), arguments).await
    }

    pub(crate) async fn call(&self, gate: &ApprovalGate, tool: Tool, arguments: Value) -> Result<Value, Refusal> {
        let body = |arguments| async move {
            self.0.fetch_add(1, Ordering::SeqCst);
            Ok(arguments)
        };
        gate.call(tool, arguments, body).await
    }
}

/// Waits until a request is pending, and returns it.
pub(crate) async fn pending(gate: &ApprovalGate) -> ApprovalRequest {
    for _ in 0..1_000_000 {
        if let Some(request) = gate.get_pending().await.expect("memory does not fail").pop() {
            return request;
        }
        tokio::task::yield_now().await;
    }
    panic!("nobody asks")
}

pub(crate) fn alice() -> Reviewer {
    Reviewer::new("alice")
}

pub(crate) async fn approve(gate: &ApprovalGate) -> ApprovalRequest {
    let request = pending(gate).await;
    gate.decide(request.id(), Decision::approve(alice(), request.digest())).await.expect("it is pending")
}

pub(crate) async fn reject(gate: &ApprovalGate) -> ApprovalRequest {
    let request = pending(gate).await;
    gate.decide(request.id(), Decision::reject(alice()).comment("not today")).await.expect("it is pending")
}

pub(crate) fn spawn_pay(gate: &ApprovalGate, starts: &Starts) -> tokio::task::JoinHandle<Result<Value, Refusal>> {
    let (gate, starts) = (gate.clone(), starts.clone());
    tokio::spawn(async move { starts.pay(&gate, five()).await })
}
