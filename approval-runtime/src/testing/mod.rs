//! [`TestGate`]: the test kit, for programs that test their gated tools.
//!
//! ```toml
//! [dev-dependencies]
//! approval-runtime = { version = "0.1", features = ["testing"] }
//! tokio = { version = "1", features = ["macros", "rt", "test-util"] }
//! ```
//!
//! The feature belongs there and nowhere else: a program that is built without it has no test gate, and no switch for one. A
//! test gate says in the log that it is in use, and of each request that no person decides it.
//!
//! Each example below is the body of a test, under `#[tokio::test(start_paused = true)]`. They are about these two tools:
//!
#![cfg_attr(feature = "macros", doc = "```standalone_crate", doc = include_str!("../docs/testing_tools.rs"), doc = "```")]
#![cfg_attr(feature = "macros", doc = include_str!("../docs/testing.md"))]
#![expect(clippy::must_use_candidate, reason = "an assertion is used by being made")]

mod calls;
mod desk;
mod reply;

use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;

pub use self::calls::Calls;
use self::desk::{Desk, Kind, Replies};
pub use self::reply::Reply;
use crate::gate::{ApprovalGate, ApprovalGateBuilder};
use crate::notify;
use crate::request::ApprovalRequest;

/// A gate that replies to its own requests, as a test says, and remembers what was asked.
///
/// It dereferences to the [`ApprovalGate`] it is made of: [`scope`](ApprovalGate::scope), [`call`](ApprovalGate::call),
/// [`events`](ApprovalGate::events) and [`decide`](ApprovalGate::decide) are that gate's, and so are the policies, tools,
/// namespace and redaction of the builder. Calls wait and are woken, claimed and recorded as in a program; only the reviewers
/// are the test's. It cannot be installed, and each has a memory store of its own, so tests run side by side.
///
/// A reply comes from a task on the runtime that the call waits on. Nothing happens on another thread, so tokio's paused clock
/// does not run ahead of it.
///
/// What went wrong with a reply (the script was over, or was not used up; the closure panicked; the decision was not taken)
/// fails the test at the next assertion, at [`finish`](Self::finish), or when the gate is dropped. Meanwhile the call is
/// refused, and its body does not run.
#[must_use = "a test gate is for the calls in its `scope`"]
pub struct TestGate {
    gate: ApprovalGate,
    desk: Arc<Desk>,
    made_at: &'static Location<'static>,
}

impl fmt::Debug for TestGate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestGate").field("gate", &self.gate).field("made_at", &self.made_at).finish_non_exhaustive()
    }
}

impl Deref for TestGate {
    type Target = ApprovalGate;

    fn deref(&self) -> &ApprovalGate {
        &self.gate
    }
}

/// What makes a gate. All of it panics where the gate cannot be built, and where the builder names a store or a notifier: a test
/// gate keeps its requests by itself and tells nobody.
impl TestGate {
    /// Approves every call that asks: as many entitled reviewers do as the tool needs.
    #[track_caller]
    pub fn approve_all(builder: ApprovalGateBuilder) -> Self {
        Self::reviewer(builder, |_| Reply::approve())
    }

    /// Rejects every call that asks, with this comment.
    #[track_caller]
    pub fn reject_all(builder: ApprovalGateBuilder, comment: &str) -> Self {
        let reply = Reply::reject(comment);
        Self::reviewer(builder, move |_| reply.clone())
    }

    /// Replies to nobody: calls time out, at once under tokio's paused clock, or the test decides by itself.
    #[track_caller]
    pub fn silent(builder: ApprovalGateBuilder) -> Self {
        Self::reviewer(builder, |_| Reply::silence())
    }

    /// Gives these replies, one for each call that asks, in the order in which the calls ask.
    ///
    /// A call that asks when the script is over is rejected and fails the test; so does a reply that is left at the end.
    #[track_caller]
    pub fn script(builder: ApprovalGateBuilder, replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::new(builder, Replies::Script(replies.into_iter().collect()))
    }

    /// Asks a closure, which sees what a reviewer would see, once for each call that asks and in that order.
    ///
    /// It runs where the call runs, before the call waits, and must not call the gate. A closure that panics rejects the call and fails the test.
    #[track_caller]
    pub fn reviewer(builder: ApprovalGateBuilder, reviewer: impl FnMut(&ApprovalRequest) -> Reply + Send + 'static) -> Self {
        Self::new(builder, Replies::Reviewer(Box::new(reviewer)))
    }

    #[track_caller]
    fn new(builder: ApprovalGateBuilder, replies: Replies) -> Self {
        let made_at = Location::caller();
        let desk = Arc::new(Desk::new(replies));
        let gate = match builder.build_observed(Arc::clone(&desk) as _) {
            Ok(gate) => gate,
            Err(why) => panic!("{why}"),
        };
        tracing::warn!(at = %made_at, "a test gate is in use: no person decides here");
        Self { gate, desk, made_at }
    }
}

impl TestGate {
    /// Returns the gate, for what wants an [`ApprovalGate`] by value or behind `gate = …` of the attribute.
    #[must_use]
    pub const fn gate(&self) -> &ApprovalGate {
        &self.gate
    }

    /// Returns the requests of calls that asked, as they stand, in the order in which they asked.
    #[must_use]
    pub fn asked(&self) -> Vec<ApprovalRequest> {
        self.desk.requests(Kind::Asked)
    }

    /// Returns the records of calls that a rule let through, as they stand.
    #[must_use]
    pub fn auto_approved(&self) -> Vec<ApprovalRequest> {
        self.desk.requests(Kind::AutoApproved)
    }

    /// Returns the records of calls that a deny rule refused without asking.
    #[must_use]
    pub fn denied(&self) -> Vec<ApprovalRequest> {
        self.desk.requests(Kind::Denied)
    }

    /// Returns what reviewers would have seen: the cards of all calls that asked, in order, each as it was asked.
    ///
    /// A card is the terminal's, with the whole time left and a code of eight x, so that it is the same text in each run.
    #[must_use]
    pub fn snapshot(&self) -> String {
        let cards = self.desk.filed(Kind::Asked).into_iter().map(|request| {
            let left = chrono::TimeDelta::from_std(request.timeout()).unwrap_or(chrono::TimeDelta::MAX);
            notify::card(&request, left, "xxxxxxxx")
        });
        cards.collect::<Vec<_>>().join("\n")
    }

    /// Asserts that a call of this tool asked, and returns all that did, for closer looks.
    ///
    /// # Panics
    /// If none did, or if a reply went wrong.
    #[track_caller]
    pub fn assert_asked(&self, tool: &str) -> Calls<'_> {
        Calls::of(self, Kind::Asked, tool)
    }

    /// Asserts that a rule let a call of this tool through, and returns all that one did, for closer looks.
    ///
    /// # Panics
    /// If none was, or if a reply went wrong.
    #[track_caller]
    pub fn assert_auto_approved(&self, tool: &str) -> Calls<'_> {
        Calls::of(self, Kind::AutoApproved, tool)
    }

    /// Asserts that a deny rule refused a call of this tool, and returns all that one did, for closer looks.
    ///
    /// # Panics
    /// If none was, or if a reply went wrong.
    #[track_caller]
    pub fn assert_denied(&self, tool: &str) -> Calls<'_> {
        Calls::of(self, Kind::Denied, tool)
    }

    /// Asserts that no call asked.
    ///
    /// # Panics
    /// If one did.
    #[track_caller]
    pub fn assert_nothing_asked(&self) {
        self.assert_replies();
        let asked = self.asked();
        assert!(asked.is_empty(), "expected no call to ask, and {} did\n{}", asked.len(), calls::list(&asked));
    }

    /// Asserts that every reply went well and that none is left, as dropping the gate does, with a panic that points here.
    ///
    /// # Panics
    /// If a reply went wrong, or one of the script is left.
    #[track_caller]
    pub fn finish(self) {
        self.assert_replies();
        if let Some(left) = self.desk.take_left() {
            panic!("{}", self.broken(&left));
        }
    }

    #[track_caller]
    fn assert_replies(&self) {
        if let Some(problems) = self.desk.take_problems() {
            panic!("{}", self.broken(&problems));
        }
    }

    fn broken(&self, problems: &str) -> String {
        format!("the test gate made at {}: {problems}", self.made_at)
    }
}

impl Drop for TestGate {
    fn drop(&mut self) {
        let problems = self.desk.take_problems();
        if std::thread::panicking() {
            // The test fails already; this may be why.
            if let Some(problems) = problems {
                eprintln!("{}", self.broken(&problems));
            }
        } else if let Some(problems) = problems.or_else(|| self.desk.take_left()) {
            panic!("{}", self.broken(&problems));
        }
    }
}

#[cfg(test)]
mod tests;
