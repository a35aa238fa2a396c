//! What a body knows of the call that it runs for.

use std::cell::Cell;

use crate::request::RequestId;

thread_local! {
    /// Set while the body of an approved call is polled.
    static CURRENT: Cell<Option<RequestId>> = const { Cell::new(None) };
}

/// The call whose body is running: [`current`](Self::current) inside of an annotated function, or of the closure that
/// [`ApprovalGate::call`](crate::ApprovalGate::call) runs.
///
/// ```
/// # #[cfg(feature = "macros")] mod tools {
/// # async fn charge(_: &str, _: u64, _: Option<String>) -> Result<String, approval_runtime::Refusal> { Ok(String::new()) }
/// use approval_runtime::{Execution, Refusal, requires_approval};
///
/// #[requires_approval]
/// async fn process_payment(account: String, cents: u64) -> Result<String, Refusal> {
///     // The payment provider takes the second call with one key for the first.
///     charge(&account, cents, Execution::current().idempotency_key()).await
/// }
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Execution {
    request: Option<RequestId>,
}

impl Execution {
    pub(super) const fn of(request: RequestId) -> Self {
        Self { request: Some(request) }
    }

    /// Returns the approved call whose body is running here; one without a request where none is: in a function that the policy
    /// let pass, or in a task that the body spawned.
    #[must_use]
    pub fn current() -> Self {
        Self { request: CURRENT.get() }
    }

    /// Returns the request that the body runs for.
    #[must_use]
    pub const fn request_id(self) -> Option<RequestId> {
        self.request
    }

    /// Returns a key for services that do a thing once for each key: the same whenever and wherever this call is run, and no
    /// other call's. `None` where no approved call runs.
    ///
    /// A body that asks for several things adds a word of its own to each.
    #[must_use]
    pub fn idempotency_key(self) -> Option<String> {
        self.request.map(|id| format!("approval-{id}"))
    }

    /// Runs `poll` as part of the body.
    pub(super) fn enter<T>(self, poll: impl FnOnce() -> T) -> T {
        struct Back(Option<RequestId>);

        impl Drop for Back {
            fn drop(&mut self) {
                CURRENT.set(self.0);
            }
        }

        let _back = Back(CURRENT.replace(self.request));
        poll()
    }
}
