//! Rows of histories, changes, and rows of other kinds.

use std::sync::Arc;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OptionalExtension, Row as SqlRow, params};
use uuid::Uuid;

use super::fault::Fault;
use super::group::{PAGE, number};
use super::record::bytes;
use super::snapshot::Snapshot;
use crate::arguments::Digest;
use crate::request::{AuditRow, RequestId, Transition};
use crate::store::{AuditQuery, Changed, Logged, Row, RowQuery};

const LOGGED: &str = "position, request, version, what, text, hash, previous";

/// A place as SQLite has it: none is behind the last one there can be.
pub(super) fn place(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

fn limit(limit: Option<usize>) -> i64 {
    limit.map_or(-1, |limit| i64::try_from(limit).unwrap_or(i64::MAX))
}

/// Reads rows of histories.
pub(super) fn audit(snapshot: &Snapshot<'_>, query: &AuditQuery) -> Result<Vec<Logged>, Fault> {
    let connection = snapshot.connection;
    let Some(namespace) = snapshot.namespace(&query.namespace)? else { return Ok(Vec::new()) };
    let name: Arc<str> = query.namespace.as_str().into();
    if let Some(id) = query.request {
        return Ok(of_request(connection, namespace, &name, id, query)?);
    }
    let mut statement = connection.prepare_cached(&format!(
        "SELECT {LOGGED} FROM audit_page CROSS JOIN audit
            ON position >= page * {PAGE} AND position < page * {PAGE} + {PAGE} AND position > ?2
         WHERE audit_page.namespace = ?1 AND page >= ?2 / {PAGE} AND audit.namespace = ?1
         ORDER BY page, position LIMIT ?3"
    ))?;
    let rows = statement.query_map((namespace, place(query.after), limit(query.limit)), |row| logged(row, &name))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Reads the history of a request: from its last row back, each row naming the one before.
fn of_request(
    connection: &Connection,
    namespace: i64,
    name: &Arc<str>,
    id: RequestId,
    query: &AuditQuery,
) -> rusqlite::Result<Vec<Logged>> {
    let mut head = connection.prepare_cached(
        "SELECT head FROM request WHERE id = ?1 AND namespace = ?2
         UNION ALL SELECT head FROM removed WHERE id = ?1 AND namespace = ?2",
    )?;
    let mut head: Option<i64> = head.query_row((bytes(id), namespace), |row| row.get(0)).optional()?;
    let mut statement = connection.prepare_cached(&format!("SELECT {LOGGED} FROM audit WHERE position = ?1"))?;
    let first = place(query.after);
    let mut rows = Vec::new();
    while let Some(position) = head.filter(|position| *position > first) {
        let read = |row: &SqlRow<'_>| Ok((logged(row, name)?, row.get::<_, Option<i64>>(6)?));
        let Some((row, previous)) = statement.query_row((position,), read).optional()? else { break };
        rows.push(row);
        // A row that names a later one was changed: going there would never end.
        head = previous.filter(|previous| *previous < position);
    }
    rows.reverse();
    rows.truncate(query.limit.unwrap_or(usize::MAX));
    Ok(rows)
}

/// Returns a row as it is, also where somebody changed it: whoever verifies it has to see that.
fn logged(row: &SqlRow<'_>, namespace: &Arc<str>) -> rusqlite::Result<Logged> {
    let bytes_of = |nth| Ok::<_, rusqlite::Error>(bytes_of(row.get_ref(nth)?));
    let text = String::from_utf8_lossy(bytes_of(4)?).into();
    let position = number(row.get(0)?);
    let row = AuditRow {
        namespace: Arc::clone(namespace),
        request: id_of(bytes_of(1)?),
        version: row.get(2).unwrap_or(0),
        what: what(bytes_of(3)?),
        text,
        hash: Digest::from_bytes(padded(bytes_of(5)?)),
    };
    Ok(Logged { position, row })
}

fn what(name: &[u8]) -> Option<Transition> {
    std::str::from_utf8(name).ok()?.parse().ok()
}

fn bytes_of(value: ValueRef<'_>) -> &[u8] {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
        _ => &[],
    }
}

fn padded<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut padded = [0; N];
    let known = bytes.len().min(N);
    padded[..known].copy_from_slice(&bytes[..known]);
    padded
}

pub(super) fn id_of(bytes: &[u8]) -> RequestId {
    Uuid::from_bytes(padded(bytes)).into()
}

/// Reads what others than `origin` changed in a namespace, between two places. Where that makes more than `most`, it returns the
/// place of the last one it read.
pub(super) fn changes(
    connection: &Connection,
    namespace: i64,
    origin: i64,
    (after, until): (i64, i64),
    most: usize,
    found: &mut Vec<Changed>,
) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection.prepare_cached(
        "SELECT request, what, position FROM audit
         WHERE position > ?1 AND position <= ?2 AND namespace = ?3 AND origin <> ?4 ORDER BY position",
    )?;
    let mut rows = statement.query((after, until, namespace, origin))?;
    while let Some(row) = rows.next()? {
        found.push(Changed { id: id_of(bytes_of(row.get_ref(0)?)), what: what(bytes_of(row.get_ref(1)?)) });
        if found.len() == most {
            return row.get(2).map(Some);
        }
    }
    Ok(None)
}

/// Reads rows of another kind.
pub(super) fn rows(snapshot: &Snapshot<'_>, query: &RowQuery) -> Result<Vec<Row>, Fault> {
    let RowQuery { namespace, space, prefix, after, limit: most } = query;
    let Some(namespace) = snapshot.namespace(namespace)? else { return Ok(Vec::new()) };
    let mut statement = snapshot.connection.prepare_cached(
        "SELECT key, value, version FROM entry
         WHERE namespace = ?1 AND space = ?2 AND key >= ?3 AND (?4 IS NULL OR key > ?4) ORDER BY key",
    )?;
    let from = after.as_ref().max(Some(prefix)).unwrap_or(prefix);
    let behind = after.as_ref().map(String::as_bytes);
    let mut found = statement.query(params![namespace, space.as_str(), from.as_bytes(), behind])?;
    let mut rows = Vec::new();
    while rows.len() < most.unwrap_or(usize::MAX)
        && let Some(row) = found.next()?
    {
        let key = String::from_utf8_lossy(bytes_of(row.get_ref(0)?)).into_owned();
        if !key.starts_with(prefix.as_str()) {
            break;
        }
        rows.push(Row { key, value: row.get(1)?, version: number(row.get(2)?) });
    }
    Ok(rows)
}
