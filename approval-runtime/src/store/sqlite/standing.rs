//! [`Standing`]: a request as it stands before a write to it, and those that the writer remembers.

use rusqlite::{Connection, OptionalExtension};
use rustc_hash::FxHashMap;

use super::record::{Phase, Record, bytes};
use crate::request::RequestId;

/// How many are remembered.
const MOST: usize = 8_192;

/// A request as it stands before a write to it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    pub(super) namespace: i64,
    pub(super) version: u32,
    pub(super) nr: i64,
    pub(super) head: i64,
    pub(super) phase: Phase,
    pub(super) due_from: Option<i64>,
    pub(super) held_by: Option<[u8; 16]>,
    pub(super) key: Option<[u8; 32]>,
}

impl Standing {
    fn read(connection: &Connection, id: RequestId) -> rusqlite::Result<Option<Self>> {
        let mut statement = connection
            .prepare_cached("SELECT namespace, version, nr, head, phase, due_from, held_by, key FROM request WHERE id = ?1")?;
        let standing = statement.query_row((bytes(id),), |row| {
            Ok(Self {
                namespace: row.get(0)?,
                version: row.get(1)?,
                nr: row.get(2)?,
                head: row.get(3)?,
                phase: row.get(4)?,
                due_from: row.get(5)?,
                held_by: row.get(6)?,
                key: row.get(7)?,
            })
        });
        standing.optional()
    }

    /// Returns how a request stands once it is written, with the places of its first and its last row in `audit`.
    pub(super) const fn written(record: &Record, namespace: i64, (nr, head): (i64, i64), due_from: Option<i64>) -> Self {
        let Record { version, phase, held_by, key, .. } = *record;
        Self { namespace, version, nr, head, phase, due_from, held_by, key }
    }

    /// Says whether more is likely to be written to it.
    const fn goes_on(&self) -> bool {
        self.due_from.is_some()
    }
}

/// Requests that this writer wrote last, while nobody else wrote anything: each of others' writes takes a place in `audit`, and
/// a new life has a new number.
#[derive(Debug, Default)]
pub(super) struct Standings {
    by_id: FxHashMap<RequestId, Standing>,
    seen: (i64, u64),
}

impl Standings {
    /// A transaction begins, with this as the last place, in this life.
    pub(super) fn saw(&mut self, last: i64, life: u64) {
        if self.seen != (last, life) {
            self.by_id.clear();
            self.seen = (last, life);
        }
    }

    /// It has ended, with this as the last place.
    pub(super) const fn saw_own(&mut self, last: i64) {
        self.seen.0 = last;
    }

    pub(super) fn find(&self, connection: &Connection, id: RequestId) -> rusqlite::Result<Option<Standing>> {
        match self.by_id.get(&id) {
            Some(standing) => Ok(Some(*standing)),
            None => Standing::read(connection, id),
        }
    }

    pub(super) fn wrote(&mut self, id: RequestId, standing: Standing) {
        if !standing.goes_on() {
            self.by_id.remove(&id);
            return;
        }
        if self.by_id.len() >= MOST {
            self.by_id.clear();
        }
        self.by_id.insert(id, standing);
    }

    pub(super) fn forget(&mut self, id: RequestId) {
        self.by_id.remove(&id);
    }
}
