//! [`Query`]: which requests to read, in which order, and from where on.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};

use crate::request::{ApprovalRequest, ApprovalStatus, RequestId};

/// Which requests to read.
///
/// Two indexes are enough for it: one by status, creation time and id, and one of the deadlines that nobody has written yet.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// The namespace (tenant).
    pub namespace: String,
    /// Only requests that stand at one of these. An empty list reads all that are kept.
    pub statuses: Vec<ApprovalStatus>,
    /// The time that statuses are judged at. A pending request whose deadline has passed by then counts as timed out, an
    /// approval that was not used in its time as expired, whether or not that is written.
    pub at: DateTime<Utc>,
    /// In which order.
    pub order: Order,
    /// Only requests behind this place, in that order.
    pub after: Option<Cursor>,
    /// At most this many.
    pub limit: Option<usize>,
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
