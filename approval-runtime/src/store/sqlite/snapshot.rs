//! [`Snapshot`]: the store at one moment, for those who read.

use std::cell::RefCell;
use std::collections::HashMap;

use rusqlite::Connection;

use super::clock::Life;
use super::group::find_namespace;

/// The store at one moment.
pub(super) struct Snapshot<'a> {
    pub(super) connection: &'a Connection,
    pub(super) life: Life,
    /// The last place in `audit`.
    pub(super) last: i64,
    pub(super) namespaces: &'a RefCell<HashMap<String, i64>>,
}

impl Snapshot<'_> {
    /// Returns the number of a namespace, where anything was written in it.
    pub(super) fn namespace(&self, name: &str) -> rusqlite::Result<Option<i64>> {
        if let Some(nr) = self.namespaces.borrow().get(name) {
            return Ok(Some(*nr));
        }
        let nr = find_namespace(self.connection, name)?;
        if let Some(nr) = nr {
            self.namespaces.borrow_mut().insert(name.to_owned(), nr);
        }
        Ok(nr)
    }
}
