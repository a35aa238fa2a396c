//! Promises about commits: whole, once, and one after another.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use super::Opening;
use super::guards::assert_stale;
use super::handle::{Handle, put};
use super::inserts::assert_exists;
use super::sample::{Sample, approve, reject, update};
use crate::arguments::Digest;
use crate::request::{ApprovalRequest, ApprovalStatus, Event, RequestId};
use crate::store::{Expect, Space, StoreError, Write};

/// A commit of several writes does them all: inserts, updates, removals, rows, a new life.
pub async fn commit_does_all_its_writes(opening: &Opening) {
    let store = opening.handle().await;
    store.write(&[]).await;
    let [waiting, ended] = [store.make(&Sample::of("a")).await, store.make(&Sample::of("b")).await];
    let ended = store.does(&ended, &reject(&ended, "alice")).await;
    store.put("a", Space::Tool, "gone", b"1").await;
    let now = store.now().await;
    let new = Sample::of("a");
    let writes = [
        new.insert(now),
        update(&waiting, &approve(&waiting, "alice"), now),
        update(&ended, &Event::Remove, now),
        put("a", Space::Tool, "pay", Some(b"2"), Expect::Absent),
        put("a", Space::Tool, "gone", None, Expect::Version(1)),
        put("b", Space::Tool, "pay", Some(b"3"), Expect::Any),
        Write::NewIncarnation { from: now.incarnation },
    ];
    store.write(&writes).await;
    assert!(store.get("a", new.id()).await.is_some());
    assert_eq!(store.get("a", waiting.id()).await.map(|now| now.status()), Some(ApprovalStatus::Approved));
    assert!(store.get("b", ended.id()).await.is_none());
    assert_eq!(store.row("a", Space::Tool, "pay").await.map(|row| row.value), Some(b"2".to_vec()));
    assert_eq!(store.row("a", Space::Tool, "gone").await, None);
    assert_eq!(store.row("b", Space::Tool, "pay").await.map(|row| row.value), Some(b"3".to_vec()));
    assert_eq!(store.now().await.incarnation, now.incarnation + 1);
}

/// A commit with one write that is refused does none of them, wherever that one stands.
pub async fn commit_is_all_or_nothing(opening: &Opening) {
    let store = opening.handle().await;
    let waiting = store.make(&Sample::of("a")).await;
    let ended = store.make(&Sample::of("a").key(Digest::of(b"a call"))).await;
    let ended = store.does(&ended, &reject(&ended, "alice")).await;
    store.put("a", Space::Tool, "pay", b"1").await;
    let now = store.now().await;
    let good = || {
        [
            Sample::of("a").insert(now),
            Sample::of("b").insert(now),
            update(&waiting, &approve(&waiting, "alice"), now),
            put("a", Space::Tool, "pay", Some(b"2"), Expect::Version(1)),
            put("b", Space::Counter, "new", Some(b"3"), Expect::Absent),
        ]
    };
    let unknown = Sample::of("a").made(now).0;
    let stale = update(&unknown, &reject(&unknown, "bob"), now);
    let Write::Update { guard, .. } = stale else { unreachable!("a rejection is an update") };
    let bad: [fn(&StoreError) -> bool; 6] = [
        |error| matches!(error, StoreError::AlreadyExists { .. }),
        |error| matches!(error, StoreError::AlreadyExists { .. }),
        |error| matches!(error, StoreError::TooManyPending { .. }),
        |error| matches!(error, StoreError::NotFound { .. }),
        |error| matches!(error, StoreError::Stale { .. }),
        |error| matches!(error, StoreError::RowStale { .. }),
    ];
    for (nth, is_expected) in bad.into_iter().enumerate() {
        let bad = || match nth {
            0 => Sample::of("a").with_id(ended.id()).insert(now),
            1 => Sample::of("a").key(Digest::of(b"a call")).insert(now),
            2 => Sample::of("a").insert_within(0, now),
            3 => update(&unknown, &reject(&unknown, "bob"), now),
            4 => Write::Update { request: ended.clone(), guard },
            _ => put("a", Space::Tool, "other", Some(b"2"), Expect::Version(1)),
        };
        for place in [0, 2, good().len()] {
            let mut writes = good().to_vec();
            writes.insert(place, bad());
            let error = store.is_refused(&["a", "b"], &writes).await;
            assert!(is_expected(&error), "{error:?} for the write at {place}");
        }
    }
    let mut writes = good().to_vec();
    writes.push(Write::NewIncarnation { from: now.incarnation + 1 });
    let error = store.is_refused(&["a", "b"], &writes).await;
    assert!(matches!(error, StoreError::RowStale { space: Space::Counter, .. }), "{error:?}");
    store.write(&good()).await;
}

/// A commit that writes twice to one request, one call or one row is refused.
pub async fn two_writes_to_one_thing_are_refused(opening: &Opening) {
    let store = opening.handle().await;
    let waiting = store.make(&Sample::of("a")).await;
    let ended = store.make(&Sample::of("a")).await;
    let ended = store.does(&ended, &reject(&ended, "alice")).await;
    let now = store.now().await;
    let vote = |by| update(&waiting, &approve(&waiting, by), now);
    let new = Sample::of("a");
    let error = store.is_refused(&["a"], &[new.insert(now), new.insert(now)]).await;
    assert_exists(&error, new.id());
    let keyed = || Sample::of("a").key(Digest::of(b"a call"));
    let first = keyed();
    let error = store.is_refused(&["a"], &[first.insert(now), keyed().insert(now)]).await;
    assert_exists(&error, first.id());
    assert_stale(&store.is_refused(&["a"], &[vote("alice"), vote("bob")]).await, &waiting, 1);
    let (request, _) = new.made(now);
    let both = [new.insert(now), update(&request, &approve(&request, "alice"), now)];
    assert_stale(&store.is_refused(&["a"], &both).await, &request, 1);
    let removal = || update(&ended, &Event::Remove, now);
    assert_stale(&store.is_refused(&["a"], &[removal(), removal()]).await, &ended, 2);
    let row = |value: &'static [u8]| put("a", Space::Grant, "pay", Some(value), Expect::Any);
    let error = store.is_refused(&["a"], &[row(b"1"), row(b"2")]).await;
    assert!(matches!(&error, StoreError::RowStale { space: Space::Grant, key } if **key == *"pay"), "{error:?}");
    let life = || Write::NewIncarnation { from: now.incarnation };
    let error = store.is_refused(&["a"], &[life(), life()]).await;
    assert!(matches!(error, StoreError::RowStale { space: Space::Counter, .. }), "{error:?}");
    // Things that only look alike are two.
    let alike = [
        keyed().insert(now),
        Sample::of("b").key(Digest::of(b"a call")).insert(now),
        put("a", Space::Grant, "pay", Some(b"1"), Expect::Any),
        put("b", Space::Grant, "pay", Some(b"1"), Expect::Any),
        put("a", Space::Tool, "pay", Some(b"1"), Expect::Any),
        put("a", Space::Grant, "Pay", Some(b"1"), Expect::Any),
    ];
    store.write(&alike).await;
}

/// I3, I4: of decisions at the same moment one is written, and that one is what everybody reads.
pub async fn i04_of_concurrent_writes_one_wins(opening: &Opening) {
    let handles = opening.handles().await;
    for _ in 0..6 {
        let request = handles[0].make(&Sample::of("a")).await;
        let now = handles[0].now().await;
        let vote = |nth: usize| {
            let by = format!("reviewer {nth}");
            let event = if nth.is_multiple_of(2) { approve(&request, &by) } else { reject(&request, &by) };
            update(&request, &event, now)
        };
        let (winner, losers) = race(&handles, vote).await;
        losers.iter().for_each(|error| assert_stale(error, &request, 1));
        for store in &handles {
            let decided = store.get("a", request.id()).await.expect("it is kept");
            assert_eq!(decided.decided_by(), Some(&*format!("reviewer {winner}")));
            assert_eq!((decided.version(), store.history("a", request.id()).await.len()), (2, 2));
        }
    }
}

/// Of inserts of one call at the same moment one is written, and the others are told which.
pub async fn of_concurrent_inserts_one_wins(opening: &Opening) {
    let handles = opening.handles().await;
    for round in 0..6_u8 {
        let now = handles[0].now().await;
        let samples: Vec<_> = (0..RACERS).map(|_| Sample::of("a").key(Digest::of(&[round]))).collect();
        let (winner, losers) = race(&handles, |nth| samples[nth].insert(now)).await;
        losers.iter().for_each(|error| assert_exists(error, samples[winner].id()));
        assert_eq!(handles[1].all("a").await.len(), usize::from(round) + 1);
    }
}

/// Of writes to one row at the same moment one is written.
pub async fn of_concurrent_row_writes_one_wins(opening: &Opening) {
    let handles = opening.handles().await;
    for round in 0..6 {
        let expect = if round == 0 { Expect::Absent } else { Expect::Version(round) };
        let write = |nth: usize| put("a", Space::Process, "row", Some(nth.to_string().as_bytes()), expect);
        let (winner, losers) = race(&handles, write).await;
        losers.iter().for_each(|error| assert!(matches!(error, StoreError::RowStale { .. }), "{error:?}"));
        let row = handles[1].row("a", Space::Process, "row").await.expect("somebody wrote it");
        assert_eq!((row.value, row.version), (winner.to_string().into_bytes(), round + 1));
    }
}

/// A commit whose future is dropped has happened whole or not at all, and harms no later one.
pub async fn dropped_commit_is_whole_or_nothing(opening: &Opening) {
    let store = opening.handle().await;
    for polls in 0..24 {
        let waiting = store.make(&Sample::of("a")).await;
        let now = store.now().await;
        let (new, key) = (Sample::of("a"), format!("row {polls}"));
        let writes = [
            new.insert(now),
            update(&waiting, &approve(&waiting, "alice"), now),
            put("a", Space::Outbox, &key, Some(b"1"), Expect::Absent),
        ];
        let finished = polled(store.store().commit(&writes), polls).await;
        // Whatever is still on its way is before this one.
        store.put("a", Space::Outbox, "after it", b"1").await;
        let mut seen = happened(&store, new.id(), &waiting, &key).await;
        for _ in 0..100 {
            if seen == [true; 3] || seen == [false; 3] {
                break;
            }
            // It may happen while it is looked at.
            tokio::time::sleep(Duration::from_millis(10)).await;
            seen = happened(&store, new.id(), &waiting, &key).await;
        }
        assert!(seen == [true; 3] || seen == [false; 3], "dropped after {polls} polls, {seen:?} of it happened");
        if let Some(done) = finished {
            done.expect("nothing stands in its way");
            assert_eq!(seen, [true; 3], "it was acknowledged");
        }
    }
}

/// Which of the three writes of a dropped commit are there.
async fn happened(store: &Handle, new: RequestId, waiting: &ApprovalRequest, key: &str) -> [bool; 3] {
    let decided = store.get("a", waiting.id()).await.is_some_and(|request| request.version() == 2);
    [store.get("a", new).await.is_some(), decided, store.row("a", Space::Outbox, key).await.is_some()]
}

/// Polls a future so many times and drops it.
async fn polled<T>(mut future: Pin<Box<dyn Future<Output = T> + Send + '_>>, times: usize) -> Option<T> {
    for _ in 0..times {
        let polled = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

const RACERS: usize = 16;

/// Commits all of them at the same moment, through both handles. Returns which one was taken, and what the others were told.
async fn race(handles: &[Handle; 2], write: impl Fn(usize) -> Write) -> (usize, Vec<StoreError>) {
    let mut tasks = Vec::new();
    for nth in 0..RACERS {
        let (store, write) = (handles[nth % 2].clone(), [write(nth)]);
        tasks.push(tokio::spawn(async move { store.commit(&write).await }));
    }
    let (mut winners, mut losers) = (Vec::new(), Vec::new());
    for (nth, task) in tasks.into_iter().enumerate() {
        match task.await.expect("no task panics") {
            Ok(()) => winners.push(nth),
            Err(error) => losers.push(error),
        }
    }
    assert_eq!(winners.len(), 1, "so many of {RACERS} writes were taken: {winners:?}, and the others were told {losers:?}");
    (winners[0], losers)
}
