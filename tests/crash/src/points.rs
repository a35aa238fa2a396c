//! The places where a child is killed, what a child does beside to come there, and how often each was hit.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write as _};
use std::sync::Mutex;
use std::time::Duration;

/// What a child does beside what all of them do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// It asks and decides.
    Both,
    /// It only asks, so that another process decides.
    Asks,
    /// It only decides, also what somebody else waits for.
    Decides,
    /// Finishes what others left, and says how it ended where nobody knows.
    Recovers,
    /// Begins new lives of the store.
    Renews,
    /// Removes what has ended.
    Removes,
    /// Shuts down in the middle.
    Leaves,
    /// Does one thing, then nothing.
    Idles,
    /// Asks what nobody answers.
    Waits,
    /// Finishes what is left when all others are gone.
    Finishes,
}

impl Part {
    const ALL: [Self; 10] = [
        Self::Both,
        Self::Asks,
        Self::Decides,
        Self::Recovers,
        Self::Renews,
        Self::Removes,
        Self::Leaves,
        Self::Idles,
        Self::Waits,
        Self::Finishes,
    ];

    pub(crate) fn name(self) -> String {
        format!("{self:?}")
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.name() == name)
    }
}

/// A place in the gate, the store or a body, who comes there, up to how often it may pass before, and how long that may take.
#[derive(Debug)]
pub(crate) struct Point {
    pub(crate) name: &'static str,
    pub(crate) part: Part,
    pub(crate) passes: u64,
    pub(crate) millis: u64,
}

const fn at(name: &'static str, part: Part, passes: u64, millis: u64) -> Point {
    Point { name, part, passes, millis }
}

/// In the order of a call's path. `before_` and `after_` are about the commit.
pub(crate) const POINTS: [Point; 47] = [
    at("before_introduce", Part::Both, 1, 1_500),
    at("after_introduce", Part::Both, 1, 1_500),
    at("before_requested", Part::Asks, 6, 1_500),
    at("after_requested", Part::Asks, 6, 1_500),
    at("before_auto_approved", Part::Asks, 2, 2_500),
    at("after_auto_approved", Part::Asks, 2, 2_500),
    at("before_rejected", Part::Asks, 1, 2_500),
    at("after_rejected", Part::Asks, 1, 2_500),
    at("before_attach", Part::Asks, 2, 2_500),
    at("after_attach", Part::Asks, 2, 2_500),
    at("before_leave", Part::Asks, 2, 2_500),
    at("after_leave", Part::Asks, 2, 2_500),
    at("before_vote", Part::Decides, 6, 2_500),
    at("after_vote", Part::Decides, 6, 2_500),
    at("before_cancel", Part::Decides, 1, 2_500),
    at("after_cancel", Part::Decides, 1, 2_500),
    at("before_withdraw", Part::Asks, 1, 2_500),
    at("after_withdraw", Part::Asks, 1, 2_500),
    at("before_time_out", Part::Waits, 1, 4_000),
    at("after_time_out", Part::Waits, 1, 4_000),
    at("before_refused", Part::Decides, 2, 2_500),
    at("after_refused", Part::Decides, 2, 2_500),
    at("before_claim", Part::Both, 3, 2_500),
    at("after_claim", Part::Both, 3, 2_500),
    at("body_not_started", Part::Both, 3, 2_500),
    at("in_body", Part::Both, 3, 2_500),
    at("body_ended", Part::Both, 3, 2_500),
    at("before_finish", Part::Both, 3, 2_500),
    at("after_finish", Part::Both, 3, 2_500),
    at("before_orphan", Part::Recovers, 1, 2_500),
    at("after_orphan", Part::Recovers, 1, 2_500),
    at("before_gone", Part::Recovers, 1, 2_500),
    at("before_settle", Part::Recovers, 1, 2_500),
    at("after_settle", Part::Recovers, 1, 2_500),
    at("before_new_life", Part::Renews, 1, 2_500),
    at("after_new_life", Part::Renews, 1, 2_500),
    at("before_expire", Part::Renews, 2, 2_500),
    at("after_expire", Part::Renews, 2, 2_500),
    at("before_remove", Part::Removes, 3, 4_000),
    at("after_remove", Part::Removes, 3, 4_000),
    at("before_beat", Part::Both, 1, 7_000),
    at("after_beat", Part::Both, 1, 7_000),
    at("before_ended", Part::Leaves, 1, 4_000),
    at("sqlite_before_begin", Part::Both, 30, 2_500),
    at("sqlite_before_commit", Part::Both, 30, 2_500),
    at("sqlite_after_commit", Part::Both, 30, 2_500),
    at("sqlite_before_checkpoint", Part::Idles, 1, 5_000),
];

/// Not at a place: a moment of the clock.
pub(crate) const AT_RANDOM: &str = "at a random moment";

/// All children of a store at one moment.
pub(crate) const ALL_AT_ONCE: &str = "all at once, at a random moment";

/// How often each place was hit, over all scenarios.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    hits: BTreeMap<&'static str, u64>,
    failed: u64,
    requests: u64,
    rows: u64,
    starts: u64,
    acknowledged: u64,
    shown: u64,
}

impl Tally {
    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(crate) fn hit(&self, what: &'static str) {
        *self.counts().hits.entry(what).or_default() += 1;
    }

    pub(crate) fn fail(&self) {
        self.counts().failed += 1;
    }

    pub(crate) fn failed(&self) -> u64 {
        self.counts().failed
    }

    /// Adds what a scenario compared.
    pub(crate) fn compared(&self, requests: usize, rows: usize, starts: usize, acknowledged: usize) {
        let mut counts = self.counts();
        counts.requests += requests as u64;
        counts.rows += rows as u64;
        counts.starts += starts as u64;
        counts.acknowledged += acknowledged as u64;
    }

    pub(crate) fn kills(&self) -> u64 {
        self.counts().hits.values().sum()
    }

    pub(crate) fn unhit(&self) -> Vec<&'static str> {
        let counts = self.counts();
        POINTS.iter().map(|point| point.name).chain([AT_RANDOM]).filter(|name| !counts.hits.contains_key(name)).collect()
    }

    /// A line that changes where somebody watches, and one now and then where nobody does.
    pub(crate) fn progress(&self, of: u64, time: Duration) {
        let (kills, failed) = (self.kills(), self.failed());
        let line = format!("{kills} of {of} kills, {} s, {failed} failed", time.as_secs());
        if io::stdout().is_terminal() {
            print!("\r{line} ");
            let _ = io::stdout().flush();
        } else if time.as_secs() / 15 > self.counts().shown {
            self.counts().shown = time.as_secs() / 15;
            println!("{line}");
        }
    }

    pub(crate) fn table(&self) -> String {
        let counts = self.counts();
        let mut text = String::from("\n| killed | times |\n| --- | ---: |\n");
        for name in POINTS.iter().map(|point| point.name).chain([AT_RANDOM, ALL_AT_ONCE]) {
            let _ = writeln!(text, "| {name} | {} |", counts.hits.get(name).unwrap_or(&0));
        }
        let Counts { requests, rows, starts, acknowledged, .. } = &*counts;
        let _ = write!(
            text,
            "\ncompared: {requests} requests, {rows} rows of histories, {starts} starts of bodies, {acknowledged} answers"
        );
        text
    }
}
