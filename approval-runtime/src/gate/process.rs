//! Which gates are alive: one row a gate, that its heart beats in.

use std::fs;
use std::sync::LazyLock;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// How often a gate says that it is alive.
pub(super) const HEARTBEAT: Duration = Duration::from_secs(5);

/// After this long without, it counts as gone. Four heartbeats.
const LAPSE: TimeDelta = TimeDelta::seconds(20);

/// After this long without, its row goes, too: a machine that sleeps for longer has its programs started anew.
const FORGOTTEN: TimeDelta = TimeDelta::hours(24);

/// What the row of a gate holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    /// On the store's clock, in microseconds; nothing once the gate has ended by itself.
    beat: Option<i64>,
    pid: u32,
    /// Where the pid means something: one boot of one machine, one namespace of pids.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    place: Option<Box<str>>,
    /// When that process began, in the machine's own ticks: pids are used again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    began: Option<u64>,
}

impl Process {
    /// Describes this process, alive now.
    pub(super) fn alive(now: DateTime<Utc>) -> Self {
        let pid = std::process::id();
        Self { beat: Some(now.timestamp_micros()), pid, place: PLACE.clone(), began: began(pid) }
    }

    /// Describes this process, whose gate has ended.
    pub(super) fn ended() -> Self {
        Self { beat: None, ..Self::alive(DateTime::UNIX_EPOCH) }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("numbers have a JSON form")
    }

    /// Reads a row. What cannot be read is a gate that nobody hears of any more.
    pub(super) fn of(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok()
    }

    /// Says whether the gate is gone: it said so, its heart stopped, or its process is not on this machine, where it was.
    pub(super) fn is_gone(&self, now: DateTime<Utc>) -> bool {
        self.is_silent(now, LAPSE) || self.has_died()
    }

    /// Says whether a gate that is gone may be one that was paused and goes on.
    pub(super) fn may_return(&self, now: DateTime<Utc>) -> bool {
        !self.is_silent(now, FORGOTTEN) && !self.has_died()
    }

    fn is_silent(&self, now: DateTime<Utc>, time: TimeDelta) -> bool {
        self.beat.and_then(DateTime::from_timestamp_micros).is_none_or(|beat| now - beat >= time)
    }

    fn has_died(&self) -> bool {
        let is_here = self.place.is_some() && self.place == *PLACE;
        is_here && self.began.is_some() && began(self.pid) != self.began
    }
}

/// Linux alone says where pids mean something. Elsewhere the heart has to stop.
static PLACE: LazyLock<Option<Box<str>>> = LazyLock::new(|| {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let pids = fs::read_link("/proc/self/ns/pid").ok()?;
    Some(format!("{} {}", boot.trim(), pids.display()).into())
});

/// Returns when a process began, in clock ticks since the machine did.
fn began(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name before may hold spaces and parentheses; the state is the third field, and the start the twenty-second.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    // A process that ended and was not collected does nothing any more.
    fields.nth(18)?.parse().ok().filter(|_| !matches!(state, "Z" | "X"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silent_gate_is_gone() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let process = Process::alive(now);
        assert!(!process.is_gone(now + TimeDelta::seconds(19)));
        assert!(process.is_gone(now + TimeDelta::seconds(20)));
        assert!(process.may_return(now + TimeDelta::hours(23)) && !process.may_return(now + TimeDelta::hours(24)));
        assert!(Process::ended().is_gone(now) && !Process::ended().may_return(now));
        assert_eq!(Process::of(&process.to_json()), Some(process));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn ended_process_is_gone_at_once() {
        let now = DateTime::from_timestamp(1_700_000_000, 0).unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let process = Process { pid: child.id(), began: began(child.id()), ..Process::alive(now) };
        assert!(!process.is_gone(now));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(process.is_gone(now) && !process.may_return(now));
        let elsewhere = Process { place: Some("another machine".into()), ..process };
        assert!(!elsewhere.is_gone(now), "its pid says nothing here");
    }
}
