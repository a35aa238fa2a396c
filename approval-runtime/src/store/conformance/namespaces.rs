//! I24: nothing of one namespace is seen, changed or counted in another one.

use super::Opening;
use super::handle::{Handle, everything};
use super::inserts::assert_not_found;
use super::sample::{Sample, approve, reject, update};
use crate::request::{ApprovalRequest, ApprovalStatus, Event, RequestId, Stored};
use crate::store::{AuditQuery, Expect, RowQuery, Space, Write};

/// I24: requests and their histories are read in their own namespace only, whatever the namespaces are called.
pub async fn i24_requests_of_namespaces_do_not_meet(opening: &Opening) {
    let store = opening.handle().await;
    let mut made = Vec::new();
    for (nth, namespace) in namespaces().into_iter().enumerate() {
        for _ in 0..=nth % 3 {
            made.push(store.make(&Sample::of(&*namespace)).await);
        }
    }
    for namespace in namespaces() {
        let here: Vec<_> = made.iter().filter(|request| request.namespace() == namespace).map(ApprovalRequest::id).collect();
        let mut found = store.ids(&everything(&namespace, store.now().await)).await;
        found.sort_unstable_by_key(|id| here.iter().position(|here| here == id));
        assert_eq!(found, here, "in {namespace:?}");
        for request in &made {
            let is_here = request.namespace() == namespace;
            assert_eq!(store.get(&namespace, request.id()).await.is_some(), is_here, "in {namespace:?}");
            assert_eq!(store.history(&namespace, request.id()).await.len(), usize::from(is_here), "in {namespace:?}");
        }
        let log = AuditQuery { namespace: namespace.clone(), request: None, after: 0, limit: None };
        let log: Vec<_> = store.audit(&log).await.iter().map(|logged| logged.row.request).collect();
        assert_eq!(log, here, "the histories of {namespace:?}");
    }
}

/// I24: what is of another namespace cannot be changed or removed: it is not found.
pub async fn i24_requests_are_written_in_their_namespace(opening: &Opening) {
    let store = opening.handle().await;
    let request = store.make(&Sample::of("a")).await;
    for namespace in ["b", "", "A", "a\0", "a:"] {
        let (foreign, _) = Sample::of(namespace).with_id(request.id()).made(store.now().await);
        let rejected = update(&foreign, &reject(&foreign, "mallory"), store.now().await);
        let ended = rejected.request().expect("it writes to a request").clone();
        let removed = with_version_1(update(&ended, &Event::Remove, store.now().await));
        for write in [rejected, removed] {
            assert_not_found(&store.is_refused(&["a", namespace], &[write]).await, request.id());
        }
    }
    let kept = store.kept(&request).await;
    assert_eq!(store.does(&kept, &approve(&kept, "alice")).await.status(), ApprovalStatus::Approved);
}

/// I24: rows of different namespaces are different, also where namespace and key put together look the same.
pub async fn i24_rows_of_namespaces_do_not_meet(opening: &Opening) {
    let store = opening.handle().await;
    let glued =
        [("a", "b:c"), ("a:b", "c"), ("a:b:c", ""), ("", "a:b:c"), ("a/b", "c"), ("a", "b/c"), ("a\0b", "c"), ("a", "b\0c")];
    for (nth, (namespace, key)) in glued.into_iter().enumerate() {
        for space in [Space::Tool, Space::Reviewer] {
            store.write(&[put(namespace, space, key, &[nth as u8], Expect::Absent)]).await;
        }
    }
    for (nth, (namespace, key)) in glued.into_iter().enumerate() {
        let row = store.row(namespace, Space::Tool, key).await.unwrap_or_else(|| panic!("{key:?} is lost in {namespace:?}"));
        assert_eq!((&*row.value, row.version), (&[nth as u8][..], 1), "{key:?} of {namespace:?}");
    }
    for namespace in namespaces() {
        let there = keys(&store, &namespace).await;
        store.write(&[put(&namespace, Space::Tool, "of its own", namespace.as_bytes(), Expect::Absent)]).await;
        assert_eq!(keys(&store, &namespace).await.len(), there.len() + 1, "in {namespace:?}");
    }
    for namespace in namespaces() {
        let row = store.row(&namespace, Space::Tool, "of its own").await.expect("it was written");
        assert_eq!(row.value, namespace.as_bytes(), "in {namespace:?}");
        store
            .write(&[crate::store::Write::Put {
                namespace: namespace.clone(),
                space: Space::Tool,
                key: "of its own".into(),
                value: None,
                expect: Expect::Version(1),
            }])
            .await;
    }
}

/// What a namespace is called comes back, byte for byte.
pub async fn namespaces_round_trip(opening: &Opening) {
    let store = opening.handle().await;
    for namespace in namespaces() {
        let request = store.make(&Sample::of(&*namespace)).await;
        assert_eq!(request.namespace(), namespace);
        let history = store.history(&namespace, request.id()).await;
        assert_eq!(&*history[0].row.namespace, &*namespace);
    }
}

async fn keys(store: &Handle, namespace: &str) -> Vec<String> {
    store.rows(&RowQuery::all(namespace, Space::Tool)).await.into_iter().map(|row| row.key).collect()
}

fn put(namespace: &str, space: Space, key: &str, value: &[u8], expect: Expect) -> Write {
    super::handle::put(namespace, space, key, Some(value), expect)
}

fn with_version_1(write: Write) -> Write {
    match write {
        Write::Remove { request, mut guard } => {
            guard.version = 1;
            Write::Remove { request, guard }
        }
        other => other,
    }
}

fn namespaces() -> Vec<String> {
    let mut namespaces: Vec<String> = super::texts::TEXTS.map(Into::into).into();
    namespaces.extend(["a", "A", "a:b", "a:", ":a", "a ", " a", "b", "default", "%", "_"].map(Into::into));
    namespaces.extend(["x", "y"].map(|end| "long".repeat(700) + end));
    namespaces
}

/// Written through one handle, read through another one at once: requests, queries, rows, histories, clock.
pub async fn handles_share_state(opening: &Opening) {
    let [one, other] = opening.handles().await;
    for (writer, reader) in [(&one, &other), (&other, &one), (&one, &other)] {
        let mut request = writer.make(&Sample::of("a")).await;
        for event in [approve, reject_or_revoke] {
            request = writer.does(&request, &event(&request, "alice")).await;
            let read = reader.get("a", request.id()).await.expect("it is there");
            assert_eq!(Stored::state(&read), Stored::state(&request));
            let now = reader.now().await;
            let status = Query { which: Which::Standing(vec![request.status()]), ..everything("a", now) };
            assert!(contains(&reader.ids(&status).await, request.id()));
            assert_eq!(reader.history("a", request.id()).await.len(), request.version() as usize);
        }
        writer.put("a", Space::Tool, "pay", request.id().to_string().as_bytes()).await;
        let row = reader.row("a", Space::Tool, "pay").await.expect("it is there");
        assert_eq!(row.value, request.id().to_string().as_bytes());
    }
    assert_eq!(one.snapshot(&["a"]).await, other.snapshot(&["a"]).await);
}

fn reject_or_revoke(_: &ApprovalRequest, by: &str) -> Event {
    super::sample::cancel(by)
}

fn contains(ids: &[RequestId], id: RequestId) -> bool {
    ids.contains(&id)
}

use crate::store::{Query, Which};
