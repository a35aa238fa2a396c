//! Promises about the lives of a store: what a new one ends, and what is there when a store is opened again.

use std::time::Duration;

use super::Opening;
use super::guards::assert_stale;
use super::handle::{everything, put};
use super::histories::assert_chained;
use super::inserts::assert_exists;
use super::sample::{Sample, approve, cancel, claim, finish, gate, reject, update};
use crate::arguments::Digest;
use crate::request::{ApprovalRequest, ApprovalStatus, Event, Outcome};
use crate::store::{Cursor, Expect, Query, Space, StoreError, Write};

/// I31: a new life of the store begins once. Every handle writes in it from then on, and reads it within a second.
pub async fn i31_new_life_is_seen_by_all(opening: &Opening) {
    let [one, other] = opening.handles().await;
    let waiting = one.make(&Sample::of("a")).await;
    let first = one.now().await;
    assert_eq!(other.now().await.incarnation, first.incarnation);
    for (writer, reader, life) in [(&one, &other, 1), (&other, &one, 2)] {
        let from = first.incarnation + life - 1;
        for wrong in [from + 1, from + 7, from.wrapping_sub(1)] {
            let error = writer.is_refused(&["a"], &[Write::NewIncarnation { from: wrong }]).await;
            let names = matches!(&error, StoreError::RowStale { space: Space::Counter, key } if **key == *"incarnation");
            assert!(names, "{error:?}");
        }
        let vote = update(&waiting, &approve(&waiting, "alice"), first);
        writer.write(&[Write::NewIncarnation { from }]).await;
        for handle in [reader, writer] {
            // What a handle writes is checked against the new life at once; what it reads of it may come a moment later.
            for _ in 0..100 {
                if handle.now().await.incarnation != from {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            assert_eq!(handle.now().await.incarnation, from + 1);
            assert_stale(&handle.is_refused(&["a"], std::slice::from_ref(&vote)).await, &waiting, 1);
        }
        let again = reader.is_refused(&["a"], &[Write::NewIncarnation { from }]).await;
        assert!(matches!(again, StoreError::RowStale { .. }), "{again:?}");
        // What is made in it is of it.
        let new = reader.make(&Sample::of("a")).await;
        assert_eq!(new.incarnation(), from + 1);
        assert_eq!(writer.does(&new, &approve(&new, "alice")).await.status(), ApprovalStatus::Approved);
    }
    let expired = one.does(&waiting, &Event::Expire(crate::request::EndedBecause::Incarnation)).await;
    assert_eq!(expired.status(), ApprovalStatus::Expired);
}

/// I11: what was acknowledged is there when the store is opened again: requests, histories, rows.
pub async fn i11_reopening_finds_everything(opening: &Opening) {
    let store = opening.handle().await;
    let keyed = || Sample::of("a").key(Digest::of(b"a call"));
    let waiting = store.make(&keyed()).await;
    let started = store.make(&Sample::of("a")).await;
    let started = store.does(&started, &approve(&started, "alice")).await;
    let started = store.does(&started, &claim(&started, gate(1), gate(2))).await;
    let gone = store.make(&Sample::of("a:b")).await;
    let gone = store.does(&gone, &cancel("operator")).await;
    store.write(&[update(&gone, &Event::Remove, store.now().await)]).await;
    for space in Space::ALL {
        store.put("a", space, "key", space.as_str().as_bytes()).await;
        store.put("a", space, "key", b"\0\xff").await;
        store.put("a", space, "gone", b"1").await;
        store.write(&[put("a", space, "gone", None, Expect::Version(1))]).await;
    }
    let before = store.snapshot(&["a", "a:b"]).await;
    drop(store);

    let store = opening.again().await;
    assert_eq!(store.snapshot(&["a", "a:b"]).await, before);
    let error = store.is_refused(&["a"], &[keyed().insert(store.now().await)]).await;
    assert_exists(&error, waiting.id());
    let waiting = store.get("a", waiting.id()).await.expect("it is kept");
    store.does(&waiting, &reject(&waiting, "bob")).await;
    let started = store.get("a", started.id()).await.expect("it is kept");
    let ended = store.does(&started, &finish(gate(1), Outcome::Executed, None)).await;
    assert_chained(&store.history("a", ended.id()).await);
    assert_eq!(store.row("a", Space::Process, "key").await.map(|row| row.version), Some(2));
    drop(store);

    let store = opening.again().await;
    assert_eq!(store.get("a", ended.id()).await.map(|request| request.version()), Some(4));
}

/// I30: over closing and opening the clock does not go back, and a commit is not before what it said.
pub async fn i30_clock_goes_on_over_reopening(opening: &Opening) {
    let store = opening.handle().await;
    let mut last = store.make(&Sample::of("a")).await.created_at();
    drop(store);
    for _ in 0..5 {
        let store = opening.again().await;
        let now = store.now().await;
        assert!(now.time >= last, "the clock went back from {last} to {}", now.time);
        let (request, mut guard) = Sample::of("a").made(now);
        guard.not_before = Some(last);
        store.write(&[Write::Insert { request, guard, max_pending: usize::MAX }]).await;
        last = store.now().await.time;
    }
}

/// I31: a store that is opened again is in the life in which it was closed.
pub async fn i31_life_is_kept_over_reopening(opening: &Opening) {
    let store = opening.handle().await;
    let waiting = store.make(&Sample::of("a")).await;
    let first = store.now().await.incarnation;
    store.write(&[Write::NewIncarnation { from: first }]).await;
    drop(store);
    for _ in 0..3 {
        let store = opening.again().await;
        let now = store.now().await;
        assert_eq!(now.incarnation, first + 1);
        assert_eq!(waiting.status_at(now), ApprovalStatus::Expired);
    }
}

/// Places in histories, in the feed and in pages hold when the store is opened again.
pub async fn places_hold_over_reopening(opening: &Opening) {
    let store = opening.handle().await;
    let mut made = Vec::new();
    for _ in 0..4 {
        made.push(store.make(&Sample::of("a")).await);
    }
    let place = store.place("a").await;
    let last = store.history("a", made[3].id()).await[0].position;
    let after = made.iter().map(Cursor::of).min().expect("four are made");
    let decided = store.does(&made[0], &approve(&made[0], "alice")).await;
    drop(store);

    let store = opening.again().await;
    let decided = store.does(&decided, &claim(&decided, gate(1), gate(2))).await;
    let (told, _) = opening.again().await.told("a", place, 2).await;
    assert_eq!(told.iter().map(|changed| changed.id).collect::<Vec<_>>(), [decided.id(); 2]);
    let rows = store.audit(&crate::store::AuditQuery { namespace: "a".into(), request: None, after: last, limit: None }).await;
    assert_eq!(rows.iter().map(|logged| logged.row.version).collect::<Vec<_>>(), [2, 3]);
    let query = Query { after: Some(after.to_string().parse().expect("it is a cursor")), ..everything("a", store.now().await) };
    let behind = store.find(&query).await;
    assert_eq!(behind.len(), 3);
    assert!(behind.iter().all(|request: &ApprovalRequest| Cursor::of(request) > after));
}
