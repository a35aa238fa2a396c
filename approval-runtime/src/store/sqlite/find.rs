//! Requests: one by its id, or those that a [`Query`] names, in its order.

use rusqlite::{CachedStatement, OptionalExtension, Row, Rows, params};
use uuid::Uuid;

use super::clock::Life;
use super::fault::{Fault, is_of_value};
use super::history::id_of;
use super::kept::Kept;
use super::record::{LONG_DUE, Phase, bytes};
use super::snapshot::Snapshot;
use crate::request::{ApprovalRequest, ApprovalStatus, Corrupt, RequestId};
use crate::store::{Found, Order, Query, Which};

/// Reads the rows that a condition names.
macro_rules! kept_where {
    ($condition:literal) => {
        concat!(
            "SELECT r.id, r.created_at, r.version, r.phase, r.executing, r.due_from, r.held_by, r.key, r.state, a.ask
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
            executing: row.get(4)?,
            due_from: row.get(5)?,
            held_by: row.get(6)?,
            key: row.get(7)?,
            state: row.get_ref(8)?.as_blob()?,
            ask: row.get_ref(9)?.as_blob()?,
        };
        Ok(kept.read(namespace))
    };
    match kept() {
        Err(error) if is_of_value(&error) => Ok(Err(Corrupt::Changed)),
        kept => kept,
    }
}

/// Where requests are found in the order of their making. Of a phase they stand in that order; of what is under way, however much
/// there is of it, those that are asked for are put in order each time.
enum Source {
    Phase(Phase),
    /// Those that wait for people, without those that may be due.
    Waiting,
    /// Those that may be due.
    Due,
    /// Those that are approved and were not started.
    Unused,
    HeldBy(Uuid),
    /// Those of a phase that there is not: they cannot be read, and somebody has to learn that.
    Odd(&'static str),
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
    fn of(query: &Query, judged: Judged) -> Vec<Self> {
        match &query.which {
            Which::Standing(statuses) => {
                let asked = |status| statuses.is_empty() || statuses.contains(&status);
                let ends = asked(ApprovalStatus::TimedOut) || asked(ApprovalStatus::Expired);
                let phases = Phase::ALL.into_iter().filter(|phase| asked(phase.status()));
                let mut sources: Vec<_> = phases
                    .map(|phase| match phase {
                        Phase::Pending if !ends && judged.is_exact => Self::Waiting,
                        phase => Self::Phase(phase),
                    })
                    .collect();
                if ends && !(asked(ApprovalStatus::Pending) && asked(ApprovalStatus::Approved)) {
                    sources.push(Self::Due);
                }
                sources.extend(["phase < 0", "phase > 8"].map(Self::Odd));
                sources
            }
            Which::Due => vec![Self::Due],
            Which::Unused => vec![Self::Unused],
            Which::HeldBy(gate) => vec![Self::HeldBy(*gate)],
            Which::Indeterminate => [Phase::ApprovedUnknown, Phase::AutoUnknown].map(Self::Phase).into(),
        }
    }

    fn sql(&self, order: Order) -> String {
        let (by_phase, under_way) = ("request_by_phase", "request_under_way");
        let (index, which) = match self {
            Self::Phase(phase) => (by_phase, format!("phase = {}", *phase as i64)),
            Self::Waiting => (by_phase, format!("phase = {} AND due_from > ?4", Phase::Pending as i64)),
            Self::Odd(which) => (by_phase, (*which).into()),
            Self::Due => (under_way, "due_from <= ?4 AND executing = 0".into()),
            Self::Unused => {
                (under_way, format!("due_from IS NOT NULL AND phase = {} AND executing = 0", Phase::Approved as i64))
            }
            Self::HeldBy(_) => (under_way, "due_from IS NOT NULL AND held_by = ?4".into()),
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
            Self::Phase(_) | Self::Unused | Self::Odd(_) => statement.query(params![namespace, created_at, id]),
            Self::Waiting | Self::Due => statement.query(params![namespace, created_at, id, judged.due]),
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
    let sources = Source::of(query, judged);
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
const _: () = assert!(LONG_DUE == i64::MIN && Phase::ALL.len() == 9);
