//! [`Pending`]: how many requests are pending, without counting them each time.

use rusqlite::Connection;
use rustc_hash::FxHashMap;

use super::record::Phase;

/// What the writer knows of how many are pending, by namespace.
///
/// It counts what it writes itself. What others write it sees by the places that are taken in `audit` meanwhile: each of their
/// rows may be one more that is pending. So it knows the most that there can be, and counts anew when that is too many.
#[derive(Debug, Default)]
pub(super) struct Pending {
    counts: FxHashMap<i64, Count>,
    /// The last place in `audit` that it knows of.
    seen: i64,
    /// How many rows others wrote.
    foreign: u64,
}

#[derive(Debug)]
struct Count {
    pending: i64,
    /// How many rows others had written when they were counted.
    foreign: u64,
}

impl Pending {
    /// A transaction begins, with this as the last place.
    pub(super) fn saw(&mut self, last: i64) {
        self.foreign += last.abs_diff(self.seen);
        self.seen = last;
    }

    /// It has ended, with this as the last place.
    pub(super) const fn saw_own(&mut self, last: i64) {
        self.seen = last;
    }

    /// Says whether one more may be pending, beside `more` of the same commit.
    pub(super) fn has_room(
        &mut self,
        connection: &Connection,
        namespace: i64,
        more: usize,
        most: usize,
    ) -> rusqlite::Result<bool> {
        let foreign = self.foreign;
        let fits = |count: &Count| {
            let others = i64::try_from(foreign - count.foreign).unwrap_or(i64::MAX);
            let pending = usize::try_from(count.pending.saturating_add(others)).unwrap_or(0);
            pending.saturating_add(more) < most
        };
        if self.counts.get(&namespace).is_some_and(fits) {
            return Ok(true);
        }
        if self.counts.get(&namespace).is_none_or(|count| count.foreign != foreign) {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT count(*) FROM request WHERE namespace = ?1 AND phase = {}",
                Phase::Pending as i64
            ))?;
            let pending = statement.query_row((namespace,), |row| row.get(0))?;
            self.counts.insert(namespace, Count { pending, foreign });
        }
        Ok(self.counts.get(&namespace).is_some_and(fits))
    }

    /// A request went from one phase to another.
    pub(super) fn moved(&mut self, namespace: i64, from: Option<Phase>, to: Option<Phase>) {
        if let Some(count) = self.counts.get_mut(&namespace) {
            let is_pending = |phase| i64::from(phase == Some(Phase::Pending));
            count.pending += is_pending(to) - is_pending(from);
        }
    }
}
