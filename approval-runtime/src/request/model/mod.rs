//! A model of the lifecycle: two processes that call, reviewers, an operator, a clock that steps, crashes and a restored backup,
//! in every order that there is.
//!
//! What changes a record are the real [`open`] and [`apply`], and the real [`Guard::holds`] says whether it is written. Store and
//! processes are modelled: a process decides what to write in one step, and the store takes it in another, so that anything can
//! come between the two. [`Wrong`] is what can be done wrong around the rules; each is caught by the property that names it.

mod check;
mod records;
mod search;
mod steps;

use std::collections::BTreeSet;

use self::records::*;
use self::search::*;
use super::*;

/// What the store, the rules or a process may do wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    Nothing,
    OverwrittenDecision,
    DeadlineNotInCondition,
    WaitersOwnTimeOut,
    BodyBeforeClaim,
    RequeueAfterCrash,
    RequeueOnLapsedHeartbeat,
    CancelWhileExecuting,
    NoGrantExpiry,
    AuditOutsideTransaction,
    NoIncarnationCheck,
    ClaimWithoutCompareAndSet,
    GiveUpThatDenies,
    ClockThatGoesBack,
}

/// What has to hold, always.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Property {
    I01BodyAfterDurableClaim,
    I02OneStart,
    I03FirstDecisionIsFinal,
    I04OneOutcomeForAll,
    I06NothingOutOfTime,
    I12NoStartAfterTheEnd,
    I13LostStartIsUnknown,
    I14OnlyTheHolderSays,
    I15UnusedGrantExpires,
    I21OneRowAVersion,
    I30ClockDoesNotGoBack,
    I31NothingOfAnEarlierLifeStarts,
    CancelLeavesWhatStarted,
    GivingUpDeniesNothing,
}

/// What the search has to come across, or it proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reached {
    Executed,
    Failed,
    Rejected,
    TimedOut,
    Cancelled,
    GrantExpired,
    LifeEnded,
    Unknown,
    HolderSpokeAfterAll,
    Settled,
    StartedByAnother,
    GivenUpAndExecuted,
    LateWriteRefused,
}

impl Reached {
    const ALL: usize = Self::LateWriteRefused as usize + 1;
}

/// Seconds. A grant holds for one of these, people have two.
const TICK: i64 = 900;
const LAST: u8 = 2;

/// How many processes may crash; each comes back once.
const CRASHES: u8 = 2;

/// What there is in a world. All of it in one would be more worlds than a test has time for.
#[derive(Clone, Copy, Debug)]
struct Scope {
    processes: usize,
    /// Who acts beside Alice, who approves: Bob, who rejects, and the operator, who cancels.
    rejects: bool,
    cancels: bool,
    /// A backup is put back; and the clock steps back.
    restores: bool,
    steps_back: bool,
}

/// Two processes make the same call, reviewers disagree, and it is revoked.
const CALLS: Scope = Scope { processes: 2, rejects: true, cancels: true, restores: false, steps_back: false };

/// One process and everything that may happen to its store.
const STORE: Scope = Scope { processes: 1, rejects: true, cancels: true, restores: true, steps_back: true };

/// A life of a process: twice its number, and one more once it came back.
type Gate = u8;

const SCOPES: [Scope; 2] = [CALLS, STORE];

/// I1, I2, I3, I4, I6, I12, I13, I14, I15, I21, I30, I31 in every world that there is, and in none of them is anything stuck.
#[test]
fn right_lifecycle_breaks_no_property() {
    let mut reached = BTreeSet::new();
    for scope in SCOPES {
        let mut search = Search::of(Wrong::Nothing, scope);
        search.run(None);
        let traces: Vec<_> =
            search.found.iter().map(|(property, place)| format!("{property:?}: {}", search.trace(*place))).collect();
        assert!(traces.is_empty(), "{traces:#?}");
        println!("{} worlds, {} records: {scope:?}", search.worlds.len(), search.records.all.len());
        assert!(search.worlds.len() > 50_000, "{} worlds are too few", search.worlds.len());
        reached.extend(search.reached.into_keys());
    }
    assert_eq!(reached.len(), Reached::ALL, "{reached:?}");
}

/// Each is caught by the property that is about it.
#[test]
fn each_wrong_lifecycle_breaks_its_property() {
    let wrongs = [
        (Wrong::OverwrittenDecision, Property::I03FirstDecisionIsFinal),
        (Wrong::DeadlineNotInCondition, Property::I06NothingOutOfTime),
        (Wrong::WaitersOwnTimeOut, Property::I04OneOutcomeForAll),
        (Wrong::BodyBeforeClaim, Property::I01BodyAfterDurableClaim),
        (Wrong::RequeueAfterCrash, Property::I02OneStart),
        (Wrong::RequeueOnLapsedHeartbeat, Property::I13LostStartIsUnknown),
        (Wrong::CancelWhileExecuting, Property::CancelLeavesWhatStarted),
        (Wrong::NoGrantExpiry, Property::I15UnusedGrantExpires),
        (Wrong::AuditOutsideTransaction, Property::I21OneRowAVersion),
        (Wrong::NoIncarnationCheck, Property::I31NothingOfAnEarlierLifeStarts),
        (Wrong::ClaimWithoutCompareAndSet, Property::I02OneStart),
        (Wrong::GiveUpThatDenies, Property::GivingUpDeniesNothing),
        (Wrong::ClockThatGoesBack, Property::I30ClockDoesNotGoBack),
    ];
    for (wrong, property) in wrongs {
        let broken = SCOPES.into_iter().find_map(|scope| {
            let mut search = Search::of(wrong, scope);
            search.run(Some(property));
            search.found.get(&property).map(|place| (search.worlds.len(), search.trace(*place)))
        });
        let (worlds, trace) = broken.unwrap_or_else(|| panic!("{wrong:?} keeps {property:?}"));
        println!("{wrong:?} breaks {property:?} ({worlds} worlds): {trace}");
    }
}
