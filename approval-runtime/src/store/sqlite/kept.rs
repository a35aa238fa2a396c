//! [`Kept`]: a request's row as it is read, and whether it is what was written.

use super::record::{Phase, Record, bytes};
use crate::request::{ApprovalRequest, Corrupt, Stored};

/// A row as it is read: what it says of itself, and the two texts.
pub(super) struct Kept<'a> {
    pub(super) id: [u8; 16],
    pub(super) created_at: i64,
    pub(super) version: u32,
    pub(super) phase: Phase,
    pub(super) executing: bool,
    pub(super) due_from: Option<i64>,
    pub(super) held_by: Option<[u8; 16]>,
    pub(super) key: Option<[u8; 32]>,
    pub(super) state: &'a [u8],
    pub(super) ask: &'a [u8],
}

impl Kept<'_> {
    /// Reads the texts, and checks that the columns say the same: what was found by a column that lies is not what was asked for.
    pub(super) fn read(&self, namespace: &str) -> Result<ApprovalRequest, Corrupt> {
        let request = Stored::read(self.ask, self.state)?;
        let told = Record::outline(&request);
        let same = told.may_be_due_from(self.due_from)
            && *told.namespace == *namespace
            && bytes(told.id) == self.id
            && (told.created_at, told.version, told.phase) == (self.created_at, self.version, self.phase)
            && (told.executing, told.held_by, told.key) == (self.executing, self.held_by, self.key);
        if same { Ok(request) } else { Err(Corrupt::Changed) }
    }
}
