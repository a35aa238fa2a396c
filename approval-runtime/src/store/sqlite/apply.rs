//! What a [`Group`] writes, once it was checked.

use std::sync::LazyLock;

use rusqlite::params;

use super::group::{Checked, Group, PAGE};
use super::record::{LONG_DUE, Record, bytes};
use super::standing::{Standing, Standings};
use super::wanted::{Put, Wanted};

impl Group<'_> {
    pub(super) fn apply(&mut self, write: &Wanted, found: Checked) -> rusqlite::Result<()> {
        match (write, found) {
            (Wanted::Insert { record, ask, .. }, Checked::New(namespace)) => self.insert(record, ask, namespace),
            (Wanted::Update { record, .. }, Checked::Standing(standing)) => self.update(record, &standing),
            (Wanted::Remove { record, .. }, Checked::Standing(standing)) => self.remove(record, &standing),
            (Wanted::Put(put), Checked::Row(namespace, version)) => self.put(put, namespace, version),
            (Wanted::NewIncarnation { .. }, Checked::Life) => self.begin_life(),
            _ => Ok(()),
        }
    }

    fn insert(&mut self, record: &Record, ask: &[u8], namespace: i64) -> rusqlite::Result<()> {
        let nr = self.log(record, namespace, None)?;
        let due_from = record.due_from(self.life.incarnation, None);
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO request (nr, id, namespace, created_at, version, head, phase, executing, due_from, held_by, key, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?1, ?6, ?7, ?8, ?9, ?10, ?11)",
        )?;
        statement.execute(params![
            nr,
            bytes(record.id),
            namespace,
            record.created_at,
            record.version,
            record.phase,
            record.executing,
            due_from,
            record.held_by,
            record.key,
            record.state,
        ])?;
        self.connection.prepare_cached("INSERT INTO ask (nr, ask) VALUES (?1, ?2)")?.execute((nr, ask))?;
        self.memory.pending.moved(namespace, None, Some(record.phase));
        self.memory.standings.wrote(record.id, Standing::written(record, namespace, (nr, nr), due_from));
        Ok(())
    }

    fn update(&mut self, record: &Record, before: &Standing) -> rusqlite::Result<()> {
        let namespace = self.namespace(&record.namespace)?;
        let head = self.log(record, namespace, Some(before.head))?;
        let due_from = record.due_from(self.life.incarnation, before.due_from);
        // An index costs as much as the row: only those are written that change.
        let changes = Changes {
            phase: record.phase != before.phase,
            due_from: due_from != before.due_from,
            held_by: record.held_by != before.held_by,
            key: record.key != before.key,
        };
        let mut statement = self.connection.prepare_cached(changes.update())?;
        statement.raw_bind_parameter(1, before.nr)?;
        statement.raw_bind_parameter(2, record.version)?;
        statement.raw_bind_parameter(3, head)?;
        statement.raw_bind_parameter(4, &record.state)?;
        statement.raw_bind_parameter(5, record.executing)?;
        statement.raw_bind_parameter(6, before.version)?;
        let mut nth = 7;
        let mut bind = |is_bound: bool, value: &dyn rusqlite::ToSql| {
            if is_bound {
                statement.raw_bind_parameter(nth, value)?;
                nth += 1;
            }
            Ok::<_, rusqlite::Error>(())
        };
        bind(changes.phase, &record.phase)?;
        bind(changes.due_from, &due_from)?;
        bind(changes.held_by, &record.held_by)?;
        bind(changes.key, &record.key)?;
        match statement.raw_execute()? {
            1 => {}
            // The row is not as this writer left it: what is remembered of it is forgotten with the transaction.
            other => return Err(rusqlite::Error::StatementChangedRows(other)),
        }
        self.memory.pending.moved(namespace, Some(before.phase), Some(record.phase));
        self.memory.standings.wrote(record.id, Standing::written(record, namespace, (before.nr, head), due_from));
        Ok(())
    }

    fn remove(&mut self, record: &Record, before: &Standing) -> rusqlite::Result<()> {
        let namespace = self.namespace(&record.namespace)?;
        let head = self.log(record, namespace, Some(before.head))?;
        self.connection.prepare_cached("DELETE FROM request WHERE nr = ?1")?.execute((before.nr,))?;
        self.connection.prepare_cached("DELETE FROM ask WHERE nr = ?1")?.execute((before.nr,))?;
        let mut statement = self.connection.prepare_cached("INSERT INTO removed (id, namespace, head) VALUES (?1, ?2, ?3)")?;
        statement.execute((bytes(record.id), namespace, head))?;
        self.memory.pending.moved(namespace, Some(before.phase), None);
        self.memory.standings.forget(record.id);
        Ok(())
    }

    /// Adds the row of a history, and returns its place.
    fn log(&mut self, record: &Record, namespace: i64, previous: Option<i64>) -> rusqlite::Result<i64> {
        let Some(row) = &record.row else { return Ok(self.last) };
        let position = self.last + 1;
        let mut statement = self.connection.prepare_cached(
            "INSERT INTO audit (position, namespace, origin, time, request, previous, version, what, text, hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?;
        statement.execute(params![
            position,
            namespace,
            self.origin,
            self.time(),
            bytes(record.id),
            previous,
            row.version,
            row.what.map(crate::request::Transition::as_str),
            row.text,
            row.hash.as_bytes(),
        ])?;
        self.last = position;
        let page = position / PAGE;
        if self.memory.pages.insert(namespace, page) != Some(page) {
            let mut statement =
                self.connection.prepare_cached("INSERT OR IGNORE INTO audit_page (namespace, page) VALUES (?1, ?2)")?;
            statement.execute((namespace, page))?;
        }
        Ok(position)
    }

    fn put(&mut self, put: &Put, namespace: i64, version: Option<i64>) -> rusqlite::Result<()> {
        let (space, key) = (put.space.as_str(), put.key.as_bytes());
        match &put.value {
            Some(value) => {
                let mut statement = self.connection.prepare_cached(
                    "INSERT INTO entry (namespace, space, key, version, value) VALUES (?1, ?2, ?3, ?4, ?5)
                     ON CONFLICT DO UPDATE SET version = excluded.version, value = excluded.value",
                )?;
                statement.execute(params![namespace, space, key, version.unwrap_or(0) + 1, value])?;
            }
            None => {
                let mut statement =
                    self.connection.prepare_cached("DELETE FROM entry WHERE namespace = ?1 AND space = ?2 AND key = ?3")?;
                statement.execute(params![namespace, space, key])?;
            }
        }
        Ok(())
    }

    fn begin_life(&mut self) -> rusqlite::Result<()> {
        self.connection.execute("UPDATE life SET incarnation = incarnation + 1", ())?;
        self.connection.execute("UPDATE request SET due_from = ?1 WHERE due_from IS NOT NULL", (LONG_DUE,))?;
        self.life.incarnation += 1;
        self.memory.standings = Standings::default();
        self.moment = self.moment.of_incarnation(self.life.incarnation);
        Ok(())
    }
}

/// Which of the columns that are in indexes an update changes.
#[derive(Clone, Copy)]
struct Changes {
    phase: bool,
    due_from: bool,
    held_by: bool,
    key: bool,
}

impl Changes {
    fn update(self) -> &'static str {
        static UPDATES: LazyLock<[String; 16]> = LazyLock::new(|| {
            std::array::from_fn(|bits| {
                let columns = ["phase", "due_from", "held_by", "key"].into_iter().enumerate();
                let changed = columns.filter(|(nth, _)| bits & 1 << nth != 0).zip(7..);
                let set: String = changed.map(|((_, column), nth)| format!(", {column} = ?{nth}")).collect();
                format!(
                    "UPDATE request SET version = ?2, head = ?3, state = ?4, executing = ?5{set} WHERE nr = ?1 AND version = ?6"
                )
            })
        });
        let Self { phase, due_from, held_by, key } = self;
        let bits = usize::from(phase) | usize::from(due_from) << 1 | usize::from(held_by) << 2 | usize::from(key) << 3;
        &UPDATES[bits]
    }
}
