//! What the test kit needs of a gate; it is there with the feature `testing` only.

use super::ApprovalGate;
use crate::request::{ApprovalRequest, Transition};

/// Sees every change of a gate's requests, in the task that made it: after the commit and the event, before a caller is woken.
pub(crate) trait Observer: Send + Sync {
    /// A request changed, or was made. Must not block or panic.
    fn saw(&self, gate: &ApprovalGate, transition: Transition, request: &ApprovalRequest);
}
