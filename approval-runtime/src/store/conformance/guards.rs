//! Promises about writes whose time has passed, or has not come.

use std::time::Duration;

use chrono::TimeDelta;

use super::Opening;
use super::handle::{Handle, those};
use super::sample::{Sample, approve, cancel, reject, update};
use crate::request::{ApprovalRequest, ApprovalStatus, Event, Guard, Moment, RequestId};
use crate::store::{StoreError, Which, Write};
use crate::tool::Tool;

/// I3: a write that was made from another version than the one that is kept changes nothing.
pub async fn i03_stale_write_changes_nothing(opening: &Opening) {
    let store = opening.handle().await;
    let request = store.make(&Sample::of("a")).await;
    let now = store.now().await;
    let late = update(&request, &reject(&request, "bob"), now);
    let approved = store.does(&request, &approve(&request, "alice")).await;
    let error = store.is_refused(&["a"], std::slice::from_ref(&late)).await;
    assert_stale(&error, &request, 1);
    // Nor does one that is ahead.
    let ahead = with_guard(late, |guard| Guard { version: 3, ..guard });
    assert_stale(&store.is_refused(&["a"], &[ahead]).await, &request, 3);
    let removal = with_guard(removal(&approved, now), |guard| Guard { version: 1, ..guard });
    assert_stale(&store.is_refused(&["a"], &[removal]).await, &request, 1);
    assert_eq!(store.kept(&approved).await.decided_by(), Some("alice"));
}

/// I6: at its end, a write is too late on the store's clock, whatever its maker believed.
pub async fn i06_late_write_changes_nothing(opening: &Opening) {
    let store = opening.handle().await;
    let request = store.make(&Sample::of("a")).await;
    for passed in [TimeDelta::zero(), TimeDelta::microseconds(1), TimeDelta::days(400)] {
        let now = store.now().await;
        let end = Some(now.time - passed);
        for write in every_write(&request, now) {
            let late = with_guard(write, |guard| Guard { not_after: end, ..guard });
            assert_is_stale(&store.is_refused(&["a"], &[late]).await);
        }
    }
    // The deadline of the request itself: it ended by the store's clock, and its maker looked at it a moment too early.
    let start = early(store.now().await, TimeDelta::minutes(10));
    let minute = Sample::of("a").tool(Tool::named("pay").timeout(Duration::from_secs(60)));
    let over = store.make_at(&minute, start).await;
    for event in [approve(&over, "alice"), reject(&over, "alice"), cancel("operator")] {
        assert_stale(&store.is_refused(&["a"], &[update(&over, &event, start)]).await, &over, 1);
    }
    // A grant as well.
    let granted = store.make_at(&Sample::of("a"), early(start, TimeDelta::minutes(20))).await;
    let granted = store.does_at(&granted, &approve(&granted, "alice"), early(start, TimeDelta::minutes(20))).await;
    let claim = super::sample::claim(&granted, super::sample::gate(1), super::sample::gate(2));
    let late = update(&granted, &claim, early(start, TimeDelta::minutes(20)));
    assert_stale(&store.is_refused(&["a"], &[late]).await, &granted, 2);
    // What is in time is taken.
    let soon = Some(store.now().await.time + TimeDelta::hours(1));
    let write = with_guard(update(&request, &cancel("operator"), start), |guard| Guard { not_after: soon, ..guard });
    store.write(&[write]).await;
}

/// I6: what was read behind its deadline stays as it was read, through whichever handle: what was decided in time shows by then.
pub async fn i06_end_that_was_read_stands(opening: &Opening) {
    let [one, other] = opening.handles().await;
    let second = Sample::of("a").tool(Tool::named("pay").timeout(Duration::from_secs(1)));
    for round in 0..24 {
        let start = early(one.now().await, TimeDelta::milliseconds(994));
        let request = one.make_at(&second.clone().with_id(RequestId::random()), start).await;
        let end = request.expires_at();
        // A little earlier each time: one of them is under way at the deadline.
        let late = end - TimeDelta::microseconds(100 * round);
        let decide = async {
            let now = other.now_from(late).await;
            if now.time < end {
                // Too late is fine.
                let _ = other.commit(&[update(&request, &approve(&request, "alice"), now)]).await;
            }
        };
        let id = request.id();
        let stands = async || one.get("a", id).await.expect("it is kept");
        let read = async {
            let now = one.now_from(end).await;
            let ended = those("a", Which::Standing(vec![ApprovalStatus::TimedOut]), now);
            (stands().await.version(), one.ids(&ended).await.contains(&id))
        };
        let ((), (version, has_ended)) = tokio::join!(decide, read);
        let last = stands().await;
        assert_eq!(last.version(), version, "it was decided after it was read as it stood behind its deadline");
        assert!(!has_ended || last.status() == ApprovalStatus::Pending, "it was found among what ended, and then decided");
    }
}

/// I6: before its beginning, a write is too early on the store's clock, whatever its maker believed.
pub async fn i06_early_write_changes_nothing(opening: &Opening) {
    let store = opening.handle().await;
    let request = store.make(&Sample::of("a")).await;
    for write in every_write(&request, store.now().await) {
        let start = Some(store.now().await.time + TimeDelta::hours(1));
        let early = with_guard(write, |guard| Guard { not_before: start, ..guard });
        assert_is_stale(&store.is_refused(&["a"], &[early]).await);
    }
    let end = Moment::at(request.expires_at()).of_incarnation(request.incarnation());
    let early = update(&request, &Event::TimeOut, end);
    assert_stale(&store.is_refused(&["a"], &[early]).await, &request, 1);
    // What is due is taken, from that microsecond on.
    let now = store.now().await;
    let write =
        with_guard(update(&request, &reject(&request, "alice"), now), |guard| Guard { not_before: Some(now.time), ..guard });
    store.write(&[write]).await;
}

/// I31: a write that was made in another life of the store changes nothing.
pub async fn i31_write_of_another_life_changes_nothing(opening: &Opening) {
    let store = opening.handle().await;
    let request = store.make(&Sample::of("a")).await;
    let now = store.now().await;
    for write in every_write(&request, now) {
        let other = with_guard(write, |guard| Guard { incarnation: now.incarnation + 1, ..guard });
        assert_is_stale(&store.is_refused(&["a"], &[other]).await);
    }
    let before = every_write(&request, now);
    store.write(&[Write::NewIncarnation { from: now.incarnation }]).await;
    for write in before {
        assert_is_stale(&store.is_refused(&["a"], &[write]).await);
    }
}

/// A write that was made under another state of what is frozen changes nothing.
pub async fn write_under_another_freeze_changes_nothing(opening: &Opening) {
    let store = opening.handle().await;
    let request = store.make(&Sample::of("a")).await;
    let now = store.now().await;
    for write in every_write(&request, now) {
        let other = with_guard(write, |guard| Guard { freeze_epoch: now.freeze_epoch + 1, ..guard });
        assert_is_stale(&store.is_refused(&["a"], &[other]).await);
    }
}

/// I30: a commit is not before what the clock said, through whichever handle.
pub async fn i30_commit_is_not_before_now(opening: &Opening) {
    let [one, other] = opening.handles().await;
    for (says, does) in [(&one, &other), (&other, &one), (&one, &one)].into_iter().cycle().take(30) {
        let (request, guard) = Sample::of("a").made(says.now().await);
        let guard = Guard { not_before: Some(request.created_at()), ..guard };
        does.write(&[Write::Insert { request, guard, max_pending: usize::MAX }]).await;
    }
}

/// Every kind of write to a request that its state allows, and a new one.
fn every_write(request: &ApprovalRequest, now: Moment) -> [Write; 3] {
    [Sample::of(request.namespace()).insert(now), update(request, &reject(request, "bob"), now), removal(request, now)]
}

/// Removes a request as it would be once it ended. A store asks for the guard, not for what the lifecycle allows.
fn removal(request: &ApprovalRequest, now: Moment) -> Write {
    let guard = |version| Guard { version, not_before: None, not_after: None, incarnation: now.incarnation, freeze_epoch: 0 };
    let ended = match request.status() {
        ApprovalStatus::Pending => reject(request, "bob"),
        _ => cancel("operator"),
    };
    let ended = update(request, &ended, now).request().expect("it writes to a request").clone();
    let removed = update(&ended, &Event::Remove, now);
    with_guard(removed, |_| guard(request.version()))
}

/// Changes what must hold for a write.
fn with_guard(write: Write, change: impl FnOnce(Guard) -> Guard) -> Write {
    match write {
        Write::Insert { request, guard, max_pending } => Write::Insert { request, guard: change(guard), max_pending },
        Write::Update { request, guard } => Write::Update { request, guard: change(guard) },
        Write::Remove { request, guard } => Write::Remove { request, guard: change(guard) },
        other => other,
    }
}

fn early(mut now: Moment, by: TimeDelta) -> Moment {
    now.time -= by;
    now
}

#[track_caller]
pub(super) fn assert_stale(error: &StoreError, request: &ApprovalRequest, version: u32) {
    let is = matches!(error, StoreError::Stale { id, version: from } if *id == request.id() && *from == version);
    assert!(is, "{error:?} instead of version {version} being stale");
}

#[track_caller]
fn assert_is_stale(error: &StoreError) {
    assert!(matches!(error, StoreError::Stale { .. }), "{error:?}");
}

/// The clock does not go back, whoever asks, and says whole microseconds.
pub async fn i30_clock_does_not_go_back(opening: &Opening) {
    let handles = opening.handles().await;
    let mut last = Moment::default();
    for nth in 0..200 {
        let store: &Handle = &handles[nth % 2];
        let now = store.now().await;
        assert!(now.time >= last.time, "the clock went back from {} to {}", last.time, now.time);
        assert_eq!(now.time.timestamp_subsec_nanos() % 1_000, 0, "{} is no whole microsecond", now.time);
        last = now;
        if nth % 20 == 0 {
            store.make(&Sample::of("a")).await;
        }
    }
}
