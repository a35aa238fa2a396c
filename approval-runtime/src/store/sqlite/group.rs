//! [`Group`]: one transaction, in which commits are checked and written one after another.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, params};
use rustc_hash::FxHashMap;

use super::clock::Life;
use super::fault::{Fault, is_of_value};
use super::pending::Pending;
use super::record::{Phase, Record, bytes};
use super::standing::{Standing, Standings};
use super::wanted::Wanted;
use crate::request::{Corrupt, Guard, Moment, RequestId};
use crate::store::{Space, StoreError};

/// How many places of `audit` are one page of a namespace's. The number is in files.
pub(super) const PAGE: i64 = 256;

/// Why a commit is not written.
#[derive(Debug)]
pub(super) enum No {
    /// What had to hold for it does not.
    Refused(StoreError),
    /// SQLite failed; what it has done of the group is undone.
    Failed(Fault),
}

impl From<StoreError> for No {
    fn from(error: StoreError) -> Self {
        Self::Refused(error)
    }
}

impl From<rusqlite::Error> for No {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error.into())
    }
}

/// What the writer remembers from one transaction to the next. It is forgotten when one is undone.
#[derive(Debug, Default)]
pub(super) struct Memory {
    namespaces: FxHashMap<Arc<str>, i64>,
    /// The last page of `audit` that a namespace is known to have rows in.
    pub(super) pages: FxHashMap<i64, i64>,
    pub(super) pending: Pending,
    pub(super) standings: Standings,
}

/// A transaction that was begun.
pub(super) struct Group<'a> {
    pub(super) connection: &'a Connection,
    pub(super) memory: &'a mut Memory,
    pub(super) origin: i64,
    pub(super) life: Life,
    pub(super) moment: Moment,
    /// The last place in `audit`, at first and by now.
    pub(super) first: i64,
    pub(super) last: i64,
    /// Whether anything was written.
    pub(super) is_written: bool,
}

/// What was found for a write, and what it needs.
pub(super) enum Checked {
    New(i64),
    Standing(Standing),
    /// The version of a row, where there is one.
    Row(i64, Option<i64>),
    Life,
}

/// Reads what is written down about the clock, and the last place in `audit`.
pub(super) fn life(connection: &Connection) -> rusqlite::Result<(Life, i64)> {
    let mut statement = connection.prepare_cached(
        "SELECT time, incarnation, freeze_epoch, coalesce((SELECT max(position) FROM audit), 0),
            coalesce((SELECT time FROM audit ORDER BY position DESC LIMIT 1), 0) FROM life",
    )?;
    statement.query_row((), |row| {
        let time = row.get::<_, i64>(0)?.max(row.get(4)?);
        let life = Life { time, incarnation: number(row.get(1)?), freeze_epoch: number(row.get(2)?) };
        Ok((life, row.get(3)?))
    })
}

/// Numbers that only grow from 0 are signed in SQLite.
pub(super) fn number(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or(0)
}

impl<'a> Group<'a> {
    /// Begins at a time of the clock.
    pub(super) fn begin(
        connection: &'a Connection,
        memory: &'a mut Memory,
        origin: i64,
        now: impl FnOnce(Life) -> i64,
    ) -> rusqlite::Result<Self> {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute(())?;
        let (life, last) = life(connection)?;
        memory.pending.saw(last);
        memory.standings.saw(last, life.incarnation);
        let moment = life.at(now(life));
        Ok(Self { connection, memory, origin, life, moment, first: last, last, is_written: false })
    }

    /// Returns what is written down by now.
    pub(super) fn life(&self) -> Life {
        Life { time: self.time(), ..self.life }
    }

    pub(super) fn time(&self) -> i64 {
        self.moment.time.timestamp_micros()
    }

    /// Writes a commit, or finds why not before anything of it is written.
    pub(super) fn write(&mut self, writes: &[Wanted]) -> Result<(), No> {
        // A commit of nothing writes the time down.
        self.is_written |= writes.is_empty();
        let mut checked = Vec::with_capacity(writes.len());
        for (nth, write) in writes.iter().enumerate() {
            checked.push(self.check(write, &writes[..nth])?);
        }
        for (write, found) in writes.iter().zip(checked) {
            self.is_written = true;
            self.apply(write, found)?;
        }
        Ok(())
    }

    /// Writes down the time, where no row of a history does.
    pub(super) fn end(&mut self) -> rusqlite::Result<()> {
        if self.last == self.first {
            self.connection.prepare_cached("UPDATE life SET time = ?1")?.execute((self.time(),))?;
        }
        self.connection.prepare_cached("COMMIT")?.execute(())?;
        self.memory.pending.saw_own(self.last);
        self.memory.standings.saw_own(self.last);
        Ok(())
    }

    fn check(&mut self, write: &Wanted, before: &[Wanted]) -> Result<Checked, No> {
        match write {
            Wanted::Insert { record, guard, max_pending, .. } => {
                let namespace = self.namespace(&record.namespace)?;
                if let Some(id) = self.same(record, namespace)? {
                    return Err(StoreError::AlreadyExists { id }.into());
                }
                if !guard.holds(0, self.moment) || record.row.is_none() {
                    return Err(StoreError::Stale { id: record.id, version: 0 }.into());
                }
                if record.phase == Phase::Pending {
                    let adds = |write: &&Wanted| match write {
                        Wanted::Insert { record: other, .. } => {
                            other.phase == Phase::Pending && other.namespace == record.namespace
                        }
                        _ => false,
                    };
                    let more = before.iter().filter(adds).count();
                    if !self.memory.pending.has_room(self.connection, namespace, more, *max_pending)? {
                        return Err(StoreError::TooManyPending { limit: *max_pending }.into());
                    }
                }
                Ok(Checked::New(namespace))
            }
            Wanted::Update { record, guard } | Wanted::Remove { record, guard } => {
                self.standing(record, guard).map(Checked::Standing)
            }
            Wanted::Put(put) => {
                let namespace = self.namespace(&put.namespace)?;
                let mut statement = self
                    .connection
                    .prepare_cached("SELECT version FROM entry WHERE namespace = ?1 AND space = ?2 AND key = ?3")?;
                let key = params![namespace, put.space.as_str(), put.key.as_bytes()];
                let version = statement.query_row(key, |row| row.get::<_, i64>(0)).optional()?;
                if !put.expect.is_met_by(version.map(number)) {
                    return Err(StoreError::RowStale { space: put.space, key: put.key.clone() }.into());
                }
                Ok(Checked::Row(namespace, version))
            }
            Wanted::NewIncarnation { from } if *from == self.life.incarnation => Ok(Checked::Life),
            Wanted::NewIncarnation { .. } => {
                Err(StoreError::RowStale { space: Space::Counter, key: "incarnation".into() }.into())
            }
        }
    }

    /// Returns the request that has this id, or had it, or is of the same call.
    fn same(&self, record: &Record, namespace: i64) -> rusqlite::Result<Option<RequestId>> {
        let id = bytes(record.id);
        let mut known = self
            .connection
            .prepare_cached("SELECT 1 FROM request WHERE id = ?1 UNION ALL SELECT 1 FROM removed WHERE id = ?1")?;
        if known.exists((id,))? {
            return Ok(Some(record.id));
        }
        let Some(key) = record.key else { return Ok(None) };
        let mut same = self.connection.prepare_cached("SELECT id FROM request WHERE namespace = ?1 AND key = ?2")?;
        let id = same.query_row((namespace, key), |row| row.get::<_, [u8; 16]>(0)).optional()?;
        Ok(id.map(|id| uuid::Uuid::from_bytes(id).into()))
    }

    fn standing(&mut self, record: &Record, guard: &Guard) -> Result<Standing, No> {
        let id = record.id;
        match self.memory.standings.find(self.connection, id) {
            Ok(Some(standing)) if self.namespace(&record.namespace)? == standing.namespace => {
                if guard.holds(standing.version, self.moment) && record.row.is_some() {
                    return Ok(standing);
                }
                Err(StoreError::Stale { id, version: guard.version }.into())
            }
            Ok(_) => Err(StoreError::NotFound { id }.into()),
            Err(error) if is_of_value(&error) => Err(StoreError::Corrupt { id, source: Corrupt::Changed }.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the number of a namespace. Naming one changes nothing that anybody sees.
    pub(super) fn namespace(&mut self, name: &Arc<str>) -> rusqlite::Result<i64> {
        if let Some(nr) = self.memory.namespaces.get(name) {
            return Ok(*nr);
        }
        let known = find_namespace(self.connection, name)?;
        let nr = match known {
            Some(nr) => nr,
            None => {
                self.is_written = true;
                self.connection.prepare_cached("INSERT INTO namespace (name) VALUES (?1)")?.insert((name.as_bytes(),))?
            }
        };
        self.memory.namespaces.insert(Arc::clone(name), nr);
        Ok(nr)
    }
}

pub(super) fn find_namespace(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection.prepare_cached("SELECT nr FROM namespace WHERE name = ?1")?;
    statement.query_row((name.as_bytes(),), |row| row.get(0)).optional()
}
