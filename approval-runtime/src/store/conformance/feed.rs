//! Promises about the feed: what another handle committed is told.

use std::time::Duration;

use super::Opening;
use super::handle::Handle;
use super::sample::{Sample, approve, cancel, claim, finish, gate, refused, reject, update};
use crate::request::{ApprovalRequest, Event, Outcome, Transition};
use crate::store::{Changed, Write};

/// The changes of another handle are told in the order of their commits, each once: refused attempts and removals too.
pub async fn changes_are_told_in_order(opening: &Opening) {
    let [writer, reader] = opening.handles().await;
    let mut place = reader.place("a").await;
    let mut expected = Vec::new();
    let mut told = Vec::new();
    for step in 0..6 {
        let made = work(&writer, "a").await;
        let count = made.len();
        expected.extend(made);
        // Sometimes several commits are read at once.
        if step % 2 == 1 {
            let (more, next) = reader.told("a", place, count * 2).await;
            told.extend(more);
            place = next;
            assert_eq!(told, expected);
        }
    }
    reader.assert_waits("a", place).await;
    let now = writer.now().await;
    let samples = [Sample::of("a"), Sample::of("a"), Sample::of("a")];
    writer.write(&samples.each_ref().map(|sample| sample.insert(now))).await;
    let (told, _) = reader.told("a", place, 3).await;
    let expected = samples.map(|sample| Changed { id: sample.id(), what: Some(Transition::Requested) });
    assert_eq!(told, expected, "the changes of one commit come as its writes");
}

/// I17: changes that were made before the call are told: who looks late loses nothing.
pub async fn changes_before_the_call_are_told(opening: &Opening) {
    let [writer, reader] = opening.handles().await;
    let place = reader.place("a").await;
    let mut expected = Vec::new();
    for _ in 0..4 {
        expected.extend(work(&writer, "a").await);
    }
    let (told, _) = reader.told("a", place, expected.len()).await;
    assert_eq!(told, expected);
    // The place of a page in the middle holds as well, and an old one told again.
    let changes = reader.changes("a", place).await;
    let (first, rest) = (changes.changes.len(), expected.len() - changes.changes.len());
    let (told, _) = reader.told("a", changes.next, rest).await;
    assert_eq!(told, expected[first..]);
}

/// A call waits until somebody changes something, and then returns.
pub async fn changes_wake_who_waits(opening: &Opening) {
    let [writer, reader] = opening.handles().await;
    work(&writer, "a").await;
    let place = reader.place("a").await;
    for _ in 0..3 {
        reader.assert_waits("a", place).await;
    }
    let waiting = tokio::spawn({
        let reader = reader.clone();
        async move { reader.changes("a", place).await }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    let request = writer.make(&Sample::of("a")).await;
    let changes = waiting.await.expect("it is woken");
    assert_eq!(changes.changes, [Changed { id: request.id(), what: Some(Transition::Requested) }]);
}

/// I17: dropping the wait and calling again loses nothing and repeats nothing.
pub async fn dropped_wait_loses_no_change(opening: &Opening) {
    let [writer, reader] = opening.handles().await;
    let mut place = reader.place("a").await;
    let writing = tokio::spawn(async move {
        let mut expected = Vec::new();
        for nth in 0..12 {
            expected.extend(work(&writer, "a").await);
            tokio::time::sleep(Duration::from_millis(nth % 3)).await;
        }
        expected
    });
    let mut told = Vec::new();
    let mut rounds = 0;
    while !writing.is_finished() && rounds < 20_000 {
        rounds += 1;
        let patience = Duration::from_micros(rounds % 7 * 300);
        if let Ok(changes) = tokio::time::timeout(patience, reader.changes("a", place)).await {
            told.extend(changes.changes);
            place = changes.next;
        }
    }
    let expected = writing.await.expect("the writer is done");
    let missing = expected.len() - told.len().min(expected.len());
    told.extend(reader.told("a", place, missing).await.0);
    assert_eq!(told, expected);
}

/// I24: who waits for changes of one namespace hears nothing of another one.
pub async fn i24_changes_are_of_a_namespace(opening: &Opening) {
    let [writer, reader] = opening.handles().await;
    let place = reader.place("a").await;
    for namespace in ["b", "a:", "A", ""] {
        work(&writer, namespace).await;
    }
    reader.assert_waits("a", place).await;
    let request = writer.make(&Sample::of("a")).await;
    work(&writer, "b").await;
    let (told, _) = reader.told("a", place, 1).await;
    assert_eq!(told, [Changed { id: request.id(), what: Some(Transition::Requested) }]);
}

/// A refused commit is no change; rows of other kinds are none of a request.
pub async fn refused_commits_are_no_changes(opening: &Opening) {
    let [writer, reader] = opening.handles().await;
    let request = writer.make(&Sample::of("a")).await;
    let place = reader.place("a").await;
    let now = writer.now().await;
    writer.put("a", crate::store::Space::Tool, "pay", b"1").await;
    let clash = [Sample::of("a").insert(now), Sample::of("a").with_id(request.id()).insert(now)];
    writer.is_refused(&["a"], &clash).await;
    reader.assert_waits("a", place).await;
}

/// Makes eight changes, and returns what is to be told of them.
async fn work(store: &Handle, namespace: &str) -> Vec<Changed> {
    let mut told = Vec::new();
    let mut tell = |request: &ApprovalRequest, what| told.push(Changed { id: request.id(), what });
    let one = store.make(&Sample::of(namespace)).await;
    tell(&one, Some(Transition::Requested));
    let other = store.make(&Sample::of(namespace)).await;
    tell(&other, Some(Transition::Requested));
    let one = store.does(&one, &approve(&one, "alice")).await;
    tell(&one, Some(Transition::Approved));
    let one = store.writes(refused(&one, &reject(&one, "bob"), store.now().await)).await;
    tell(&one, None);
    let other = store.does(&other, &cancel("operator")).await;
    tell(&other, Some(Transition::Cancelled));
    let one = store.does(&one, &claim(&one, gate(1), gate(2))).await;
    tell(&one, Some(Transition::Started));
    let removal: Write = update(&other, &Event::Remove, store.now().await);
    store.write(&[removal]).await;
    tell(&other, Some(Transition::Removed));
    let one = store.does(&one, &finish(gate(1), Outcome::Executed, None)).await;
    tell(&one, Some(Transition::Executed));
    told
}
