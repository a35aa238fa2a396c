//! Promises about what is inserted, and what is not.

use uuid::Uuid;

use super::Opening;
use super::handle::Handle;
use super::sample::{Sample, approve, cancel, gate, reject, update};
use crate::arguments::Digest;
use crate::request::{Event, Guard, RequestId, Verdict};
use crate::store::{StoreError, Write};

/// A request whose id is there is refused, and names it; what is there stays.
pub async fn known_id_is_not_inserted_twice(opening: &Opening) {
    let store = opening.handle().await;
    let sample = Sample::of("a");
    let request = store.make(&sample).await;
    for again in [sample.clone(), sample.clone().reason("another one")] {
        let error = store.is_refused(&["a"], &[again.insert(store.now().await)]).await;
        assert_exists(&error, request.id());
    }
    store.does(&request, &reject(&request, "alice")).await;
    let error = store.is_refused(&["a"], &[sample.insert(store.now().await)]).await;
    assert_exists(&error, request.id());
}

/// A call that is the same as one that is there is refused, and names that one; calls without a key are all different.
pub async fn same_call_is_not_inserted_twice(opening: &Opening) {
    let store = opening.handle().await;
    let keyed = || Sample::of("a").key(Digest::of(b"a call"));
    let first = store.make(&keyed()).await;
    let error = store.is_refused(&["a"], &[keyed().insert(store.now().await)]).await;
    assert_exists(&error, first.id());
    let rejected = store.does(&first, &reject(&first, "alice")).await;
    let error = store.is_refused(&["a"], &[keyed().insert(store.now().await)]).await;
    assert_exists(&error, rejected.id());
    store.make(&Sample::of("a").key(Digest::of(b"another call"))).await;
    for _ in 0..2 {
        store.make(&Sample::of("a")).await;
    }
}

/// I24: what makes calls the same counts in one namespace only.
pub async fn i24_same_call_is_free_elsewhere(opening: &Opening) {
    let store = opening.handle().await;
    for namespace in ["a", "b", ""] {
        store.make(&Sample::of(namespace).key(Digest::of(b"a call"))).await;
    }
}

/// A call whose caller went away stands in nobody's way, nor does one whose record was removed; one that somebody else
/// cancelled does.
pub async fn withdrawn_call_frees_its_key(opening: &Opening) {
    let store = opening.handle().await;
    let waiter = gate(1);
    let keyed = || Sample::of("a").key(Digest::of(b"a call")).verdict(Verdict::Ask { waiter: Some(waiter) });
    let first = store.make(&keyed()).await;
    store.does(&first, &Event::Withdraw { waiter }).await;
    let second = store.make(&keyed()).await;
    let second = store.does(&second, &cancel("operator")).await;
    let error = store.is_refused(&["a"], &[keyed().insert(store.now().await)]).await;
    assert_exists(&error, second.id());
    store.write(&[update(&second, &Event::Remove, store.now().await)]).await;
    let third = store.make(&keyed()).await;
    // What happens to one that has lost its key takes it from nobody.
    let first = store.get("a", first.id()).await.expect("it is kept");
    store.write(&[update(&first, &Event::Remove, store.now().await)]).await;
    let error = store.is_refused(&["a"], &[keyed().insert(store.now().await)]).await;
    assert_exists(&error, third.id());
}

/// What is not there cannot be read, changed or removed, and has no history.
pub async fn unknown_id_is_not_found(opening: &Opening) {
    let store = opening.handle().await;
    store.make(&Sample::of("a")).await;
    let (unknown, _) = Sample::of("a").made(store.now().await);
    assert!(store.get("a", unknown.id()).await.is_none());
    assert_eq!(store.history("a", unknown.id()).await, []);
    let now = store.now().await;
    let rejected = update(&unknown, &reject(&unknown, "alice"), now);
    let ended = rejected.request().expect("it writes to a request").clone();
    for write in [rejected, update(&ended, &Event::Remove, now)] {
        assert_not_found(&store.is_refused(&["a"], &[write]).await, unknown.id());
    }
    assert!(store.get("a", RequestId::from(Uuid::nil())).await.is_none());
}

/// I28: in a namespace that is full nothing more waits; what does not wait is taken.
pub async fn i28_pending_limit_is_kept(opening: &Opening) {
    let store = opening.handle().await;
    let mut waiting = Vec::new();
    for _ in 0..3 {
        waiting.push(one_more(&store, "a", 3).await.expect("there is room"));
    }
    assert_full(&store, "a", 3).await;
    assert_full(&store, "a", 0).await;
    let now = store.now().await;
    let started = Verdict::AutoApprove { rule: "it is cheap".into(), claim_id: gate(1), holder: gate(2) };
    for verdict in [started, Verdict::Deny { rule: "it is dear".into() }] {
        store.write(&[Sample::of("a").verdict(verdict).insert_within(3, now)]).await;
    }
    // Whoever is decided makes room.
    for (nth, id) in waiting.into_iter().enumerate() {
        let request = store.get("a", id).await.expect("it is kept");
        let event = match nth {
            0 => approve(&request, "alice"),
            1 => reject(&request, "alice"),
            _ => cancel("operator"),
        };
        store.does(&request, &event).await;
        one_more(&store, "a", 3).await.expect("there is room again");
        assert_full(&store, "a", 3).await;
    }
}

/// I28: several inserts in one commit count together.
pub async fn i28_pending_limit_counts_whole_commits(opening: &Opening) {
    let store = opening.handle().await;
    one_more(&store, "a", 3).await.expect("there is room");
    let now = store.now().await;
    let inserts = |count: usize| (0..count).map(|_| Sample::of("a").insert_within(3, now)).collect::<Vec<_>>();
    let error = store.is_refused(&["a"], &inserts(3)).await;
    assert!(matches!(error, StoreError::TooManyPending { limit: 3 }), "{error:?}");
    let others = [Sample::of("b").insert_within(3, now), Sample::of("c").insert_within(3, now)];
    store.write(&[inserts(2), others.into()].concat()).await;
    assert_full(&store, "a", 3).await;
}

/// I24, I28: what waits in other namespaces takes no room.
pub async fn i28_pending_limit_is_of_a_namespace(opening: &Opening) {
    let store = opening.handle().await;
    for namespace in ["a", "b", "a:b", ""] {
        for _ in 0..2 {
            one_more(&store, namespace, 2).await.expect("there is room");
        }
        assert_full(&store, namespace, 2).await;
    }
}

/// I28: inserts at the same moment do not overfill a namespace.
pub async fn i28_pending_limit_holds_in_a_race(opening: &Opening) {
    let handles = opening.handles().await;
    let mut tasks = Vec::new();
    for nth in 0..16 {
        let store = handles[nth % 2].clone();
        tasks.push(tokio::spawn(async move { one_more(&store, "a", 5).await }));
    }
    let mut taken = 0;
    for task in tasks {
        match task.await.expect("no task panics") {
            Ok(_) => taken += 1,
            Err(error) => assert!(matches!(error, StoreError::TooManyPending { limit: 5 }), "{error:?}"),
        }
    }
    assert_eq!((taken, handles[0].all("a").await.len()), (5, 5));
}

/// A new request is version 1: a guard that expects another one before it is refused.
pub async fn insert_follows_no_version(opening: &Opening) {
    let store = opening.handle().await;
    let (request, guard) = Sample::of("a").made(store.now().await);
    let id = request.id();
    let write = Write::Insert { request, guard: Guard { version: 1, ..guard }, max_pending: usize::MAX };
    let error = store.is_refused(&["a"], &[write]).await;
    assert!(matches!(&error, StoreError::Stale { id: of, .. } if *of == id), "{error:?}");
}

async fn one_more(store: &Handle, namespace: &str, max_pending: usize) -> Result<RequestId, StoreError> {
    let sample = Sample::of(namespace);
    let insert = sample.insert_within(max_pending, store.now().await);
    store.commit(&[insert]).await.map(|()| sample.id())
}

async fn assert_full(store: &Handle, namespace: &str, limit: usize) {
    let insert = Sample::of(namespace).insert_within(limit, store.now().await);
    let error = store.is_refused(&[namespace], &[insert]).await;
    assert!(matches!(error, StoreError::TooManyPending { limit: at } if at == limit), "{error:?}");
}

#[track_caller]
pub(super) fn assert_exists(error: &StoreError, id: RequestId) {
    assert!(matches!(error, StoreError::AlreadyExists { id: there } if *there == id), "{error:?} names another than {id}");
}

#[track_caller]
pub(super) fn assert_not_found(error: &StoreError, id: RequestId) {
    assert!(matches!(error, StoreError::NotFound { id: of } if *of == id), "{error:?}");
}
