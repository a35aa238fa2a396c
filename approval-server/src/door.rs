//! [`Door`]: what every route needs.

use approval_runtime::ApprovalGate;

use crate::auth::Keys;
use crate::hosts::Hosts;

/// What all routes share. Nothing in it changes, so there is nothing to lock.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) gate: ApprovalGate,
    pub(crate) keys: Keys,
    pub(crate) hosts: Hosts,
}
