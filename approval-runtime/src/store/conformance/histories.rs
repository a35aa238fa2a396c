//! Promises about histories: a row for each version, in the same step, for good.

use serde_json::Value;

use super::Opening;
use super::handle::Handle;
use super::sample::{Sample, approve, cancel, claim, finish, gate, refused, reject, update};
use crate::arguments::Digest;
use crate::request::{ApprovalRequest, AuditRow, Event, MAX_REFUSED, Outcome, RequestId, Transition, Verdict};
use crate::store::{AuditQuery, Logged, Write};
use crate::tool::Tool;

/// I21: every version of a request has its row, from the step in which it was written on: the one that
/// [`audit_row`](ApprovalRequest::audit_row) returned.
pub async fn i21_every_version_has_its_row(opening: &Opening) {
    let store = opening.handle().await;
    let sample = Sample::of("a").tool(Tool::named("pay").quorum(2)).verdict(Verdict::Ask { waiter: Some(gate(1)) });
    let now = store.now().await;
    let insert = sample.insert(now);
    let mut rows = vec![row_of(&insert)];
    let mut request = store.writes(insert).await;
    assert_history(&store, request.id(), &rows).await;
    let events: [fn(&ApprovalRequest) -> Event; 7] = [
        |request| approve(request, "alice"),
        |_| Event::Leave { waiter: gate(1) },
        |_| Event::Attach { waiter: gate(2) },
        |request| approve(request, "bob"),
        |request| claim(request, gate(3), gate(2)),
        |_| Event::Orphan { holder: gate(2) },
        |_| finish(gate(3), Outcome::Executed, Some("{}".into())),
    ];
    for event in events {
        let write = update(&request, &event(&request), store.now().await);
        rows.push(row_of(&write));
        request = store.writes(write).await;
        assert_history(&store, request.id(), &rows).await;
    }
    let told: Vec<_> = rows.iter().map(|row| row.what).collect();
    let expected = [
        Transition::Requested,
        Transition::Voted,
        Transition::Left,
        Transition::Attached,
        Transition::Approved,
        Transition::Started,
        Transition::Indeterminate,
        Transition::Executed,
    ];
    assert_eq!(told, expected.map(Some));
    for verdict in [
        Verdict::Deny { rule: "never".into() },
        Verdict::AutoApprove { rule: "cheap".into(), claim_id: gate(1), holder: gate(2) },
    ] {
        let insert = Sample::of("a").verdict(verdict).insert(store.now().await);
        let row = row_of(&insert);
        let request = store.writes(insert).await;
        assert_history(&store, request.id(), &[row]).await;
    }
}

/// I21: the rows of a history are chained: each names the hash of the one before, also when each change is made from a record
/// that was read.
pub async fn i21_histories_are_chained(opening: &Opening) {
    let [one, other] = opening.handles().await;
    let request = one.make(&Sample::of("a")).await;
    let request = other.get("a", request.id()).await.expect("it is kept");
    let request = other.does(&request, &approve(&request, "alice")).await;
    let request = one.get("a", request.id()).await.expect("it is kept");
    let request = one.does(&request, &claim(&request, gate(1), gate(2))).await;
    let request = other.does(&request, &finish(gate(1), Outcome::Failed, None)).await;
    let history = one.history("a", request.id()).await;
    assert_eq!(history.len(), 4);
    assert_chained(&history);
    assert_eq!(history[3].row.hash, request.audit_head());
}

/// I21: a refused attempt has its row, and changes nothing else about the request but its version.
pub async fn i21_refused_attempt_has_its_row(opening: &Opening) {
    let store = opening.handle().await;
    let mut request = store.make(&Sample::of("a")).await;
    request = store.does(&request, &reject(&request, "alice")).await;
    let decided = request.clone();
    for attempt in 1..=MAX_REFUSED {
        let now = store.now().await;
        let event = if attempt % 2 == 0 { approve(&request, "bob") } else { claim(&request, gate(1), gate(2)) };
        let write = refused(&request, &event, now);
        let row = row_of(&write);
        assert_eq!(row.what, None);
        request = store.writes(write).await;
        let history = store.history("a", request.id()).await;
        assert_eq!(history.last().map(|logged| &logged.row), Some(&row));
        assert_chained(&history);
    }
    assert_eq!(request.version(), decided.version() + u32::from(MAX_REFUSED));
    assert_eq!((request.status(), request.decided_by()), (decided.status(), Some("alice")));
}

/// I21: what is removed leaves its history, with the removal as its last row; nothing else finds it.
pub async fn i21_history_outlives_its_record(opening: &Opening) {
    let store = opening.handle().await;
    let other = store.make(&Sample::of("a")).await;
    let request = store.make(&Sample::of("a")).await;
    let request = store.does(&request, &cancel("operator")).await;
    let before = store.history("a", request.id()).await;
    let removal = update(&request, &Event::Remove, store.now().await);
    let row = row_of(&removal);
    store.write(&[removal]).await;
    assert!(store.get("a", request.id()).await.is_none());
    assert_eq!(store.all("a").await.iter().map(ApprovalRequest::id).collect::<Vec<_>>(), [other.id()]);
    let after = store.history("a", request.id()).await;
    assert_eq!(after[..before.len()], before, "the rows from before stay as they were");
    assert_eq!(after[before.len()..].iter().map(|logged| &logged.row).collect::<Vec<_>>(), [&row]);
    assert_eq!(row.what, Some(Transition::Removed));
    assert_chained(&after);
    let all = store.audit(&log("a")).await;
    assert_eq!(all.iter().filter(|logged| logged.row.request == request.id()).count(), 3);
}

/// Places in histories grow with each commit, over all namespaces.
pub async fn history_places_grow(opening: &Opening) {
    let [one, other] = opening.handles().await;
    let mut last = 0;
    for (nth, store) in [&one, &other].into_iter().cycle().take(12).enumerate() {
        let namespace = ["a", "b"][nth / 2 % 2];
        let request = store.make(&Sample::of(namespace)).await;
        let request = store.does(&request, &approve(&request, "alice")).await;
        let places: Vec<_> = store.history(namespace, request.id()).await.iter().map(|logged| logged.position).collect();
        assert!(places.len() == 2 && last < places[0] && places[0] < places[1], "{places:?} behind {last}");
        last = places[1];
    }
    let now = one.now().await;
    let samples = [(); 4].map(|()| Sample::of("a"));
    one.write(&samples.each_ref().map(|sample| sample.insert(now))).await;
    let log = other.audit(&AuditQuery { after: last, ..log("a") }).await;
    let in_order = samples.iter().map(Sample::id).collect::<Vec<_>>();
    assert_eq!(
        log.iter().map(|logged| logged.row.request).collect::<Vec<_>>(),
        in_order,
        "a commit's rows stand as its writes"
    );
}

/// Pages of histories put together are all there is, in the order of the commits; of one request and of all.
pub async fn pages_of_histories_are_complete(opening: &Opening) {
    let store = opening.handle().await;
    let mut requests = Vec::new();
    for nth in 0..9 {
        requests.push(store.make(&Sample::of(if nth % 3 == 2 { "b" } else { "a" })).await);
    }
    let mut expected: Vec<_> = requests.iter().map(|request| (request.id(), 1)).collect();
    for round in 0..2 {
        for request in &mut requests {
            let event = if round == 0 { approve(request, "alice") } else { claim(request, gate(1), gate(2)) };
            *request = store.does(request, &event).await;
            expected.push((request.id(), request.version()));
        }
    }
    let here: Vec<_> = requests.iter().filter(|request| request.namespace() == "a").map(ApprovalRequest::id).collect();
    expected.retain(|(id, _)| here.contains(id));
    let mut of_one = expected.clone();
    of_one.retain(|(id, _)| *id == here[3]);
    for (request, expected) in [(None, expected), (Some(here[3]), of_one)] {
        for limit in [1, 2, 5, 1_000] {
            let mut query = AuditQuery { request, limit: Some(limit), ..log("a") };
            let mut found = Vec::new();
            while let page @ [.., last] = &*store.audit(&query).await {
                assert!(page.len() <= limit, "a page of {limit} has {}", page.len());
                query.after = last.position;
                found.extend(page.iter().map(|logged| (logged.row.request, logged.row.version)));
                assert!(found.len() <= expected.len(), "pages of {limit}: too many");
            }
            assert_eq!(found, expected, "pages of {limit}");
        }
    }
    assert_eq!(store.audit(&AuditQuery { limit: Some(0), ..log("a") }).await, []);
}

fn log(namespace: &str) -> AuditQuery {
    AuditQuery { namespace: namespace.into(), request: None, after: 0, limit: None }
}

fn row_of(write: &Write) -> AuditRow {
    write.request().and_then(ApprovalRequest::audit_row).expect("it was made here")
}

async fn assert_history(store: &Handle, id: RequestId, expected: &[AuditRow]) {
    let history = store.history("a", id).await;
    assert_eq!(history.iter().map(|logged| &logged.row).collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
    assert_chained(&history);
}

/// Asserts that each row tells of one version and names the row before.
#[track_caller]
pub(super) fn assert_chained(history: &[Logged]) {
    let mut previous: Option<Digest> = None;
    for (version, Logged { position, row }) in (1..).zip(history) {
        assert_eq!(row.version, version, "at {position}");
        assert_eq!(row.hash, Digest::of(row.text.as_bytes()), "at {position}");
        let text: Value = serde_json::from_str(&row.text).expect("a row is JSON");
        let names = text["previous"].as_str().map(str::to_owned);
        assert_eq!(names, previous.map(|hash| hash.to_string()), "at {position}");
        previous = Some(row.hash);
    }
    assert!(history.is_sorted_by(|one, other| one.position < other.position), "places do not grow");
}
