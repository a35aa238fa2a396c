//! [`Progress`]: what the end user of a run may know about its calls. The words hold no argument's value, no reason and no
//! comment; what happened to the call, who decided, and how much time is left.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use super::EventKind;
use crate::arguments::display;
use crate::decision::Answer;
use crate::request::{ApprovalRequest, ExecutionState, RequestId, Transition};

/// How many steps a reader of one run may be behind before it misses some.
pub const RUN_CAPACITY: usize = 64;

/// What a step is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProgressKind {
    /// A call waits for reviewers; its [text](Progress::text) counts down.
    Waiting,
    /// It has been approved, and is about to start.
    Approved,
    /// It runs, approved by people or by a rule.
    Running,
    /// It returned.
    Done,
    /// It ran and failed.
    Failed,
    /// A reviewer or a rule refused it.
    Rejected,
    /// Nobody decided in time.
    TimedOut,
    /// It was withdrawn.
    Cancelled,
    /// It was approved, and did not start in time or at all.
    Expired,
    /// It was cut short while it ran.
    Indeterminate,
    /// The reader was too slow for some steps.
    Missed,
}

impl ProgressKind {
    /// Returns the kind's name in snake case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Rejected => "rejected",
            Self::TimedOut => "timed_out",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Indeterminate => "indeterminate",
            Self::Missed => "missed",
        }
    }

    /// Says whether nothing more happens to the call.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Waiting | Self::Approved | Self::Running | Self::Missed)
    }
}

/// One step of a run's call. Its `Display` is the tool and the [text](Self::text).
#[derive(Clone, Debug)]
pub struct Progress {
    kind: ProgressKind,
    /// What it is about; a gap is about no call.
    call: Option<(RequestId, Box<str>)>,
    words: Box<str>,
    until: Option<Instant>,
}

impl Progress {
    /// Makes the step that an event is, where the end user has anything of it.
    pub(super) fn of(event: &EventKind, request: &ApprovalRequest) -> Option<Self> {
        // Deliveries are for the operator.
        let EventKind::Changed(transition) = event else { return None };
        let (kind, words) = match transition {
            Transition::Requested => (ProgressKind::Waiting, awaited(request)),
            Transition::Voted => (ProgressKind::Waiting, counted(request)),
            Transition::Approved => (ProgressKind::Approved, approved(request)),
            Transition::Started => (ProgressKind::Running, format!("{}, running", approved(request))),
            Transition::AutoApproved => (ProgressKind::Running, "Allowed by a rule, running".to_owned()),
            Transition::Executed => (ProgressKind::Done, "Done".to_owned()),
            Transition::Failed => (ProgressKind::Failed, "Failed".to_owned()),
            Transition::Rejected if request.matched_rule().is_some() => {
                (ProgressKind::Rejected, "Refused by a rule".to_owned())
            }
            Transition::Rejected => {
                (ProgressKind::Rejected, format!("Rejected by {}", display::name(request.decided_by().unwrap_or("nobody"))))
            }
            Transition::TimedOut => (ProgressKind::TimedOut, "Nobody decided in time".to_owned()),
            Transition::Cancelled => (ProgressKind::Cancelled, ended("Withdrawn", request)),
            Transition::Expired => (ProgressKind::Expired, ended("Not started", request)),
            Transition::Indeterminate => (ProgressKind::Indeterminate, "Cut short, nobody knows how far it came".to_owned()),
            Transition::Settled => {
                let by = display::name(request.execution().settled_by.as_deref().unwrap_or("nobody"));
                match request.execution().state {
                    ExecutionState::Failed => (ProgressKind::Failed, format!("Failed, says {by}")),
                    _ => (ProgressKind::Done, format!("Done, says {by}")),
                }
            }
            // So is who waits and what is kept.
            Transition::Attached | Transition::Left | Transition::Removed => return None,
        };
        // The record's times are the store's, which may not be this machine's: only what is between two of them counts here.
        let told_at = request.votes().last().map_or(request.created_at(), |vote| vote.at);
        let left = (request.expires_at() - told_at).to_std().unwrap_or_default();
        let until = (kind == ProgressKind::Waiting).then(|| Instant::now().checked_add(left)).flatten();
        let call = Some((request.id(), display::name(request.tool_name()).into()));
        Some(Self { kind, call, words: words.into(), until })
    }

    pub(super) fn missed() -> Self {
        Self { kind: ProgressKind::Missed, call: None, words: "Some steps were missed".into(), until: None }
    }

    /// Returns what happened.
    #[must_use]
    pub const fn kind(&self) -> ProgressKind {
        self.kind
    }

    /// Returns the request of the call; none for [`ProgressKind::Missed`].
    #[must_use]
    pub fn request_id(&self) -> Option<RequestId> {
        self.call.as_ref().map(|(id, _)| *id)
    }

    /// Returns the tool's name in the display form; none for [`ProgressKind::Missed`].
    #[must_use]
    pub fn tool(&self) -> Option<&str> {
        self.call.as_ref().map(|(_, tool)| &**tool)
    }

    /// Returns how long reviewers still have, right now; none where nothing waits for them.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        self.until.map(|until| until.saturating_duration_since(Instant::now()))
    }

    /// Says what happened, in one sentence without a full stop: "Waiting for approval from finance, 1:42 left".
    ///
    /// The time is that of the moment it is asked for: to count down, ask again.
    #[must_use]
    pub fn text(&self) -> String {
        match self.left() {
            Some(left) => format!("{}, {} left", self.words, clock(left)),
            None => self.words.to_string(),
        }
    }
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tool() {
            Some(tool) => write!(f, "{tool}: {}", self.text()),
            None => f.write_str(&self.text()),
        }
    }
}

fn awaited(request: &ApprovalRequest) -> String {
    let approvals = match request.tool().required_quorum() {
        1 => "approval".to_owned(),
        quorum => format!("{quorum} approvals"),
    };
    format!("Waiting for {approvals}{}", from_whom(request))
}

fn counted(request: &ApprovalRequest) -> String {
    let (given, quorum) = (approvers(request).len(), request.tool().required_quorum());
    format!("{given} of {quorum} approvals{}", from_whom(request))
}

fn from_whom(request: &ApprovalRequest) -> String {
    let names: Vec<_> = request.tool().named_approvers().map(display::name).collect();
    if names.is_empty() { String::new() } else { format!(" from {}", joined(&names, "or")) }
}

fn approved(request: &ApprovalRequest) -> String {
    let changed = if request.edited_arguments().is_some() { ", with changes" } else { "" };
    format!("Approved by {}{changed}", joined(&approvers(request), "and"))
}

/// Returns who approved what would run.
fn approvers(request: &ApprovalRequest) -> Vec<String> {
    let digest = request.digest();
    let votes = request.votes().iter().filter(|vote| vote.decision == Answer::Approve && vote.digest == digest);
    votes.map(|vote| display::name(&vote.reviewer)).collect()
}

fn ended(word: &str, request: &ApprovalRequest) -> String {
    request.ended_because().map_or_else(|| word.to_owned(), |because| format!("{word}: {}", because.as_clause()))
}

fn joined(names: &[String], word: &str) -> String {
    match names {
        [] => "nobody".to_owned(),
        [name] => name.clone(),
        [names @ .., last] => format!("{} {word} {last}", names.join(", ")),
    }
}

/// Writes a time as a countdown shows it, to the nearest second.
fn clock(time: Duration) -> String {
    let seconds = (time + Duration::from_millis(500)).as_secs();
    let (days, hours, minutes, seconds) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    match (days, hours) {
        (0, 0) => format!("{minutes}:{seconds:02}"),
        (0, _) => format!("{hours}:{minutes:02}:{seconds:02}"),
        _ => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countdown_shows_the_nearest_second() {
        for (millis, shown) in [
            (0, "0:00"),
            (499, "0:00"),
            (500, "0:01"),
            (102_003, "1:42"),
            (119_999, "2:00"),
            (3_599_500, "1:00:00"),
            (3_725_000, "1:02:05"),
            (90_000_000, "1 d 1 h"),
        ] {
            assert_eq!(clock(Duration::from_millis(millis)), shown);
        }
    }

    #[test]
    fn names_are_joined_as_people_do() {
        let joined = |names: &[&str]| joined(&names.iter().map(ToString::to_string).collect::<Vec<_>>(), "and");
        assert_eq!(joined(&["alice"]), "alice");
        assert_eq!(joined(&["alice", "bob"]), "alice and bob");
        assert_eq!(joined(&["alice", "bob", "carol"]), "alice, bob and carol");
    }
}
