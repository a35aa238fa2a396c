//! A clock that never goes back.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};
use tokio::time::Instant;

/// Counts in microseconds since 1970: it is read twice for each change, and a date is made of the result only.
#[derive(Debug)]
pub(super) struct Clock {
    started: (i64, Instant),
    last: AtomicI64,
}

impl Clock {
    pub(super) fn start() -> Self {
        let now = wall();
        Self { started: (now, Instant::now()), last: AtomicI64::new(now) }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        let (started, instant) = self.started;
        let now = wall().max(started.saturating_add(micros(instant.elapsed())));
        let now = self.last.fetch_max(now, Ordering::AcqRel).max(now);
        DateTime::from_timestamp_micros(now).unwrap_or(DateTime::<Utc>::MAX_UTC)
    }
}

#[cfg(test)]
impl Clock {
    /// Has it been this late already.
    pub(super) fn set(&self, time: DateTime<Utc>) {
        self.last.store(time.timestamp_micros(), Ordering::SeqCst);
    }
}

fn wall() -> i64 {
    micros(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// I30: what the clock said once, it says at least from then on.
    #[test]
    fn i30_clock_does_not_go_back() {
        let clock = Clock::start();
        let ahead = clock.now() + chrono::TimeDelta::hours(1);
        clock.set(ahead);
        assert_eq!(clock.now(), ahead);
    }
}
