//! [`Clock`]: the wall clock, but never less than it said before, to anybody.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chrono::{DateTime, Utc};

use crate::request::Moment;

/// After half a second without a look, in nanoseconds, whoever asks for the time looks.
const STALE: i64 = 500_000_000;

/// The store's clock as this process knows it.
///
/// It shows the latest of the wall clock and the time it has shown or seen plus what has passed since: when the wall clock
/// steps back, deadlines still come.
#[derive(Debug)]
pub(super) struct Clock {
    started: Instant,
    /// What it shows, less the time since it started, in nanoseconds: rounding them apart would put one handle a microsecond
    /// ahead of another. It only grows. That is one number to keep, however many threads ask.
    offset: AtomicI64,
    /// When somebody last looked at what is written down, in nanoseconds since it started.
    looked: AtomicI64,
    incarnation: AtomicU64,
    freeze_epoch: AtomicU64,
    #[cfg(test)]
    pub(super) skew: AtomicI64,
}

impl Clock {
    pub(super) fn start() -> Self {
        Self {
            started: Instant::now(),
            offset: AtomicI64::new(0),
            looked: AtomicI64::new(0),
            incarnation: AtomicU64::new(0),
            freeze_epoch: AtomicU64::new(0),
            #[cfg(test)]
            skew: AtomicI64::new(0),
        }
    }

    fn wall(&self) -> i64 {
        let wall = nanos(SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default());
        #[cfg(test)]
        let wall = wall + self.skew.load(Ordering::Relaxed) * 1_000;
        wall
    }

    fn passed(&self) -> i64 {
        nanos(self.started.elapsed())
    }

    /// Returns the time in microseconds.
    pub(super) fn micros(&self) -> i64 {
        // The wall first: a thread that is stopped between the two must not put the clock ahead of it.
        let wall = self.wall();
        let passed = self.passed();
        let offset = wall.saturating_sub(passed);
        passed.saturating_add(self.offset.fetch_max(offset, Ordering::AcqRel).max(offset)) / 1_000
    }

    /// Says whether what is written down was not looked at for a while: another process may have begun a new life.
    pub(super) fn is_stale(&self) -> bool {
        self.passed().saturating_sub(self.looked.load(Ordering::Acquire)) > STALE
    }

    /// Takes notice that nothing has been written since it was last looked at.
    pub(super) fn look(&self) {
        self.looked.fetch_max(self.passed(), Ordering::AcqRel);
    }

    pub(super) fn now(&self) -> Moment {
        self.moment(self.micros())
    }

    fn moment(&self, micros: i64) -> Moment {
        let time = DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::<Utc>::MAX_UTC);
        let life = Moment::at(time).of_incarnation(self.incarnation.load(Ordering::Acquire));
        life.of_freeze_epoch(self.freeze_epoch.load(Ordering::Acquire))
    }

    /// Takes notice of what is written down.
    pub(super) fn see(&self, life: Life) {
        self.look();
        self.offset.fetch_max(life.time.saturating_mul(1_000).saturating_sub(self.passed()), Ordering::AcqRel);
        self.incarnation.fetch_max(life.incarnation, Ordering::AcqRel);
        self.freeze_epoch.fetch_max(life.freeze_epoch, Ordering::AcqRel);
    }
}

/// What is written down about the clock.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Life {
    /// The latest time that was used.
    pub(super) time: i64,
    pub(super) incarnation: u64,
    pub(super) freeze_epoch: u64,
}

impl Life {
    /// Returns this life at a time.
    pub(super) fn at(self, micros: i64) -> Moment {
        let time = DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::<Utc>::MAX_UTC);
        Moment::at(time).of_incarnation(self.incarnation).of_freeze_epoch(self.freeze_epoch)
    }
}

/// Until the year 2262.
fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}
