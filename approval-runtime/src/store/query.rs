//! [`Query`] and [`AuditQuery`]: which requests or rows of histories to read, in which order, and from where on.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use uuid::Uuid;

use crate::request::{ApprovalRequest, ApprovalStatus, AuditRow, Moment, RequestId, Transition};

/// Which requests to read.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The namespace (tenant).
    pub namespace: String,
    /// What they have in common.
    pub which: Which,
    /// The moment that requests are judged at. One whose deadline has passed by then counts as timed out, an approval that was
    /// not used in its time as expired, and either as expired if it is of another incarnation; whether or not that is written.
    /// The incarnation is the store's present one.
    pub at: Moment,
    /// In which order.
    pub order: Order,
    /// Only requests behind this place, in that order.
    pub after: Option<Cursor>,
    /// At most this many.
    pub limit: Option<usize>,
}

/// What requests have in common that are read together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Which {
    /// They stand at one of these. An empty list reads all that are kept.
    Standing(Vec<ApprovalStatus>),
    /// They have ended by themselves, and nobody has written that yet.
    Due,
    /// They are approved and can still be started.
    Unused,
    /// They are the work of this gate: [`held_by`](ApprovalRequest::held_by).
    HeldBy(Uuid),
    /// Nobody knows how far their bodies came.
    Indeterminate,
}

impl Default for Which {
    fn default() -> Self {
        Self::Standing(Vec::new())
    }
}

impl Which {
    /// Says whether a request is one of them.
    #[must_use]
    pub fn is(&self, request: &ApprovalRequest, at: Moment) -> bool {
        match self {
            Self::Standing(statuses) => statuses.is_empty() || statuses.contains(&request.status_at(at)),
            Self::Due => request.status_at(at) != request.status(),
            Self::Unused => request.status_at(at) == ApprovalStatus::Approved && request.next_deadline().is_some(),
            Self::HeldBy(gate) => request.held_by() == Some(*gate),
            Self::Indeterminate => request.is_indeterminate(),
        }
    }
}

/// What a query found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The requests, in the query's order.
    pub requests: Vec<ApprovalRequest>,
    /// Records among them that cannot be read.
    pub corrupt: Vec<RequestId>,
}

/// Which rows of histories to read, in the order in which they were committed.
#[derive(Clone, Debug)]
pub struct AuditQuery {
    /// The namespace (tenant).
    pub namespace: String,
    /// Only the history of this request.
    pub request: Option<RequestId>,
    /// Only rows behind this place; 0 for all.
    pub after: u64,
    /// At most this many.
    pub limit: Option<usize>,
}

/// A row of a history, and where it stands among all that its store committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// More than that of every row committed before; places may be left out.
    pub position: u64,
    /// The row.
    pub row: AuditRow,
}

/// What changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The changes, in the order of their commits.
    pub changes: Vec<Changed>,
    /// The place behind them, for the next call.
    pub next: u64,
}

/// That a request changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Changed {
    /// The request.
    pub id: RequestId,
    /// How; nothing where an attempt was refused.
    pub what: Option<Transition>,
}

/// The order of requests: by creation time, then by id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Those that have waited longest come first.
    #[default]
    OldestFirst,
    /// The last ones come first.
    NewestFirst,
}

/// A place in the order of requests.
///
/// It holds while requests come, change and go, the one it was taken from as well: those behind it neither repeat nor lose
/// one. Its text is for `after` of the next page; what it is made of may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cursor {
    created_at: DateTime<Utc>,
    id: RequestId,
}

impl Cursor {
    /// Names the place of a request that was made then.
    #[must_use]
    pub const fn new(created_at: DateTime<Utc>, id: RequestId) -> Self {
        Self { created_at, id }
    }

    /// Returns the place of a request.
    #[must_use]
    pub fn of(request: &ApprovalRequest) -> Self {
        Self { created_at: request.created_at(), id: request.id() }
    }

    /// Returns when the request of this place was made, in UTC.
    #[must_use]
    pub const fn created_at(&self) -> DateTime<Utc> {
        self.created_at
    }

    /// Returns the id of the request of this place.
    #[must_use]
    pub const fn id(&self) -> RequestId {
        self.id
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.created_at.timestamp_micros(), self.id)
    }
}

/// The text is no cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor: take it, as it is, from the page before")]
pub struct ParseCursorError;

impl FromStr for Cursor {
    type Err = ParseCursorError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (micros, id) = text.split_once('.').ok_or(ParseCursorError)?;
        let created_at = micros.parse().ok().and_then(DateTime::from_timestamp_micros).ok_or(ParseCursorError)?;
        let cursor = Self { created_at, id: id.parse().map_err(|_| ParseCursorError)? };
        // One spelling a place: signs, leading zeros and capitals are refused.
        if cursor.to_string() == text { Ok(cursor) } else { Err(ParseCursorError) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursor_reads_back_and_nothing_else() {
        for micros in [0, 1, 1_763_914_632_000_017, DateTime::<Utc>::MAX_UTC.timestamp_micros()] {
            let created_at = DateTime::from_timestamp_micros(micros).unwrap();
            let cursor = Cursor { created_at, id: RequestId::random() };
            assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }
        let id = "6a1b0c9e-94a5-4d05-8a2b-0123456789ab";
        let capitals = format!("17.{}", id.to_uppercase());
        for text in
            ["", ".", "17", &format!("+17.{id}"), &format!("017.{id}"), &format!("17.{id} "), &format!(".{id}"), &capitals]
        {
            assert_eq!(text.parse::<Cursor>(), Err(ParseCursorError), "{text}");
        }
        assert_eq!(format!("{}.{id}", i64::MAX).parse::<Cursor>(), Err(ParseCursorError));
    }
}
