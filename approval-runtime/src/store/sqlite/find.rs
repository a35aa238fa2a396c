//! Requests: one by its id, or those that a [`Query`] names, in its order.

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, Rows, params};
use uuid::Uuid;

use super::clock::Life;
use super::fault::{Fault, is_of_value};
use super::history::id_of;
use super::kept::Kept;
use super::record::{LONG_DUE, Phase, bytes};
use super::snapshot::Snapshot;
use crate::request::{ApprovalRequest, ApprovalStatus, Corrupt, RequestId};
use crate::store::{Found, Order, Query, Which};

/// As many due requests as are sorted each time they are read. Where more are due, they are met on the way in order.
const FEW_DUE: i64 = 1_000;

/// Reads the rows that a condition names.
macro_rules! kept_where {
    ($condition:literal) => {
        concat!(
            "SELECT r.id, r.created_at, r.version, r.phase, r.due_from, r.held_by, r.key, r.state, a.ask
             FROM request r LEFT JOIN ask a ON a.nr = r.nr WHERE ",
            $condition
        )
    };
}

pub(super) type Readable = Result<ApprovalRequest, Corrupt>;

/// Reads one request.
pub(super) fn get(snapshot: &Snapshot<'_>, namespace: &str, id: RequestId) -> Result<Option<Readable>, Fault> {
    let Some(nr) = snapshot.namespace(namespace)? else { return Ok(None) };
    let mut statement = snapshot.connection.prepare_cached(kept_where!("r.id = ?1 AND r.namespace = ?2"))?;
    let kept = statement.query_row((bytes(id), nr), |row| kept(row, namespace));
    Ok(kept.optional()?)
}

/// Reads a row; one whose values are of other kinds than it was written with cannot be read.
fn kept(row: &Row<'_>, namespace: &str) -> rusqlite::Result<Readable> {
    let kept = || {
        let kept = Kept {
            id: row.get(0)?,
            created_at: row.get(1)?,
            version: row.get(2)?,
            phase: row.get(3)?,
            due_from: row.get(4)?,
            held_by: row.get(5)?,
            key: row.get(6)?,
            state: row.get_ref(7)?.as_blob()?,
            ask: row.get_ref(8)?.as_blob()?,
        };
        Ok(kept.read(namespace))
    };
    match kept() {
        Err(error) if is_of_value(&error) => Ok(Err(Corrupt::Changed)),
        kept => kept,
    }
}

/// Where requests are found in the order of their making.
enum Source {
    /// Those of a phase, all or only those that may be due, or cannot be.
    Phase(Phase, Due),
    /// All that may be due.
    Due,
    /// Those of a phase that there is not: they cannot be read, and somebody has to learn that.
    Odd(&'static str),
    HeldBy(Uuid),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Due {
    Either,
    No,
    Yes,
}

/// By when what counts as due may be due.
#[derive(Clone, Copy)]
struct Judged {
    /// `due_from` is at most this.
    due: i64,
    /// Where the query is of another life of the store than the rows are, only the records themselves say what is due.
    is_exact: bool,
}

impl Judged {
    fn of(query: &Query, life: Life) -> Self {
        let is_exact = query.at.incarnation == life.incarnation;
        Self { due: if is_exact { query.at.time.timestamp_micros() } else { i64::MAX }, is_exact }
    }
}

impl Source {
    fn of(query: &Query, connection: &Connection, namespace: i64, judged: Judged) -> rusqlite::Result<Vec<Self>> {
        let due = || -> rusqlite::Result<Vec<Self>> {
            let mut statement = connection.prepare_cached(
                "SELECT count(*) FROM (SELECT 1 FROM request WHERE namespace = ?1 AND due_from <= ?2 LIMIT ?3)",
            )?;
            let count: i64 = statement.query_row((namespace, judged.due, FEW_DUE + 1), |row| row.get(0))?;
            Ok(match count {
                0 => Vec::new(),
                1..=FEW_DUE => vec![Self::Due],
                _ => vec![Self::Phase(Phase::Pending, Due::Yes), Self::Phase(Phase::Unused, Due::Yes)],
            })
        };
        Ok(match &query.which {
            Which::Standing(statuses) => {
                let asked = |status| statuses.is_empty() || statuses.contains(&status);
                let ends = asked(ApprovalStatus::TimedOut) || asked(ApprovalStatus::Expired);
                let phases = Phase::ALL.into_iter().filter(|phase| asked(phase.status()));
                let is_late = |phase| phase == Phase::Pending && !ends && judged.is_exact;
                let mut sources: Vec<_> =
                    phases.map(|phase| Self::Phase(phase, if is_late(phase) { Due::No } else { Due::Either })).collect();
                if ends && !(asked(ApprovalStatus::Pending) && asked(ApprovalStatus::Approved)) {
                    sources.extend(due()?);
                }
                sources.extend(["phase < 0", "phase > 9"].map(Self::Odd));
                sources
            }
            Which::Due => due()?,
            Which::Unused => vec![Self::Phase(Phase::Unused, Due::Either)],
            Which::HeldBy(gate) => vec![Self::HeldBy(*gate)],
            Which::Indeterminate => {
                [Phase::ApprovedUnknown, Phase::AutoUnknown].map(|phase| Self::Phase(phase, Due::Either)).into()
            }
        })
    }

    fn sql(&self, order: Order) -> String {
        let (index, which) = match self {
            Self::Phase(phase, due) => {
                let due = match due {
                    Due::Either => "",
                    Due::No => " AND due_from > ?4",
                    Due::Yes => " AND due_from <= ?4",
                };
                ("request_by_phase", format!("phase = {}{due}", *phase as i64))
            }
            Self::Due => ("request_by_due", "due_from <= ?4".into()),
            Self::Odd(which) => ("request_by_phase", (*which).into()),
            Self::HeldBy(_) => ("request_by_holder", "held_by = ?4".into()),
        };
        let (behind, direction) = match order {
            Order::OldestFirst => (">", "ASC"),
            Order::NewestFirst => ("<", "DESC"),
        };
        format!(
            "SELECT created_at, id, nr FROM request INDEXED BY {index} WHERE namespace = ?1 AND {which}
             AND (created_at, id) {behind} (?2, ?3) ORDER BY created_at {direction}, id {direction}"
        )
    }

    fn query<'s>(
        &self,
        statement: &'s mut CachedStatement<'_>,
        namespace: i64,
        (created_at, id): (i64, &[u8]),
        judged: Judged,
    ) -> rusqlite::Result<Rows<'s>> {
        match self {
            Self::Phase(_, Due::Either) | Self::Odd(_) => statement.query(params![namespace, created_at, id]),
            Self::Phase(..) | Self::Due => statement.query(params![namespace, created_at, id, judged.due]),
            Self::HeldBy(gate) => statement.query(params![namespace, created_at, id, gate.into_bytes()]),
        }
    }
}

/// The place of a request, and its number.
type Next = (i64, Vec<u8>, i64);

fn next(rows: &mut Rows<'_>) -> rusqlite::Result<Option<Next>> {
    rows.next()?.map(|row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).transpose()
}

/// Reads the requests that a query names: its sources are walked side by side, no further than they are needed.
pub(super) fn find(snapshot: &Snapshot<'_>, query: &Query) -> Result<Found, Fault> {
    let mut found = Found::default();
    let Snapshot { connection, life, .. } = snapshot;
    let Some(namespace) = snapshot.namespace(&query.namespace)? else { return Ok(found) };
    let judged = Judged::of(query, *life);
    let after = query.after.map(|after| (after.created_at().timestamp_micros(), bytes(after.id()).to_vec()));
    let after = after.unwrap_or_else(|| match query.order {
        Order::OldestFirst => (i64::MIN, Vec::new()),
        Order::NewestFirst => (i64::MAX, Vec::new()),
    });
    let sources = Source::of(query, connection, namespace, judged)?;
    let statements = sources.iter().map(|source| connection.prepare_cached(&source.sql(query.order)));
    let mut statements = statements.collect::<Result<Vec<_>, _>>()?;
    let mut walks = Vec::with_capacity(sources.len());
    for (source, statement) in sources.iter().zip(&mut statements) {
        let mut rows = source.query(statement, namespace, (after.0, &after.1), judged)?;
        walks.push((next(&mut rows)?, rows));
    }
    let limit = query.limit.unwrap_or(usize::MAX);
    let mut last = None;
    while found.requests.len() < limit {
        let here = walks.iter_mut().filter(|(head, _)| head.is_some());
        let first = match query.order {
            Order::OldestFirst => here.min_by(|a, b| a.0.cmp(&b.0)),
            Order::NewestFirst => here.max_by(|a, b| a.0.cmp(&b.0)),
        };
        let Some((head, rows)) = first else { break };
        let following = next(rows)?;
        let Some((_, id, nr)) = std::mem::replace(head, following) else { break };
        // A request that is due may be met in two walks.
        if last.replace(nr) == Some(nr) {
            continue;
        }
        match load(snapshot, nr, &query.namespace)? {
            Ok(request) if query.which.is(&request, query.at) => found.requests.push(request),
            Ok(_) => {}
            Err(_) => found.corrupt.push(id_of(&id)),
        }
    }
    Ok(found)
}

fn load(snapshot: &Snapshot<'_>, nr: i64, namespace: &str) -> rusqlite::Result<Readable> {
    let mut statement = snapshot.connection.prepare_cached(kept_where!("r.nr = ?1"))?;
    statement.query_row((nr,), |row| kept(row, namespace))
}

// What is long due is so at every time.
const _: () = assert!(LONG_DUE == i64::MIN && Phase::ALL.len() == 10);
