//! Requests read by where they stand, page by page.

use std::sync::Arc;
use std::time::Duration;

use approval_runtime::gate::MAX_PAGE;
use approval_runtime::request::{Moment, RequestId};
use approval_runtime::store::{Cursor, Query, StoreError, Which, Write};
use approval_runtime::{
    ApprovalGate, ApprovalPolicy, ApprovalRequest, ApprovalStatus, ApprovalStore, BoxFuture, Decision, MemoryStore, NewRequest,
    Order, RequestQuery,
};
use chrono::TimeDelta;
use proptest::prelude::*;

use crate::tools::{Starts, alice, builder, five, gate, passes_on, pay, pending};

/// Files a request, a moment after the one before: within a microsecond their order would be a matter of chance.
async fn ask(gate: &ApprovalGate) -> ApprovalRequest {
    tokio::time::advance(Duration::from_millis(1)).await;
    gate.create_request(NewRequest::new(pay(), five())).await.unwrap()
}

async fn reject(gate: &ApprovalGate, id: RequestId) {
    gate.decide(id, Decision::reject(alice())).await.unwrap();
}

fn ids(requests: &[ApprovalRequest]) -> Vec<RequestId> {
    requests.iter().map(ApprovalRequest::id).collect()
}

async fn read(gate: &ApprovalGate, query: &RequestQuery) -> Vec<RequestId> {
    let page = gate.get_requests(query).await.unwrap();
    assert_eq!(page.next, None, "one page holds all");
    ids(&page.requests)
}

#[tokio::test(start_paused = true)]
async fn pages_are_complete_and_ordered() {
    let gate = gate();
    let mut all = Vec::new();
    for _ in 0..25 {
        all.push(ask(&gate).await.id());
    }
    for order in [Order::OldestFirst, Order::NewestFirst] {
        for limit in [1, 7, 24, 25, 26] {
            let mut query = RequestQuery::new().status(ApprovalStatus::Pending).order(order).limit(limit);
            let mut seen = Vec::new();
            loop {
                let page = gate.get_requests(&query).await.unwrap();
                assert!(page.requests.len() == limit || page.next.is_none());
                assert!(!page.requests.is_empty(), "a next page has something on it");
                seen.extend(ids(&page.requests));
                let Some(next) = page.next else { break };
                query = query.after(next.to_string().parse().unwrap());
            }
            assert_eq!(seen, all, "{order:?}, {limit} a page");
        }
        all.reverse();
    }
    let waiting = RequestQuery::new().status(ApprovalStatus::Pending);
    assert_eq!(read(&gate, &waiting).await, all, "what waits comes oldest first");
    all.reverse();
    assert_eq!(read(&gate, &RequestQuery::new()).await, all, "a history comes newest first");
}

const STATUSES: [ApprovalStatus; 7] = [
    ApprovalStatus::Pending,
    ApprovalStatus::Approved,
    ApprovalStatus::AutoApproved,
    ApprovalStatus::Rejected,
    ApprovalStatus::TimedOut,
    ApprovalStatus::Cancelled,
    ApprovalStatus::Expired,
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The index finds what a look at every request does, in any history, at any later time, written or not.
    #[test]
    fn i06_index_misses_nothing(
        history in prop::collection::vec((0u8..5, 0usize..30), 1..60),
        queries in prop::collection::vec((0i64..2_000, 0u8..128, any::<bool>(), 1usize..8, any::<bool>()), 12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let store = Arc::new(MemoryStore::new().keep_ended(7));
            let gate = builder().shared_store(Arc::<MemoryStore>::clone(&store)).build().unwrap();
            let mut filed = Vec::new();
            for (what, at) in history {
                let id = filed.get(at % filed.len().max(1)).copied();
                match (what, id) {
                    (1, Some(id)) => {
                        if let Ok(request) = gate.get_request(id).await {
                            drop(gate.decide(id, Decision::approve(alice(), request.digest())).await);
                        }
                    }
                    (2, Some(id)) => drop(gate.decide(id, Decision::reject(alice())).await),
                    (3, Some(id)) => drop(gate.cancel(id, "operator").await),
                    (4, _) => tokio::time::advance(Duration::from_secs(3 * at as u64)).await,
                    _ => filed.push(gate.create_request(NewRequest::new(pay(), five())).await.unwrap().id()),
                }
            }
            let now = store.now().await.unwrap();
            let all = Query { namespace: "default".into(), at: now, ..Query::default() };
            let everything = store.query(&all).await.unwrap().requests;
            for (seconds, mask, newest, limit, behind) in queries {
                let at = now.time + TimeDelta::seconds(seconds);
                let statuses: Vec<_> =
                    STATUSES.into_iter().enumerate().filter(|(bit, _)| mask & (1 << bit) != 0).map(|(_, status)| status).collect();
                let order = if newest { Order::NewestFirst } else { Order::OldestFirst };
                let after = everything.get(limit).filter(|_| behind).map(Cursor::of);
                let status = |request: &ApprovalRequest| match request.status() {
                    ApprovalStatus::Pending if at >= request.expires_at() => ApprovalStatus::TimedOut,
                    ApprovalStatus::Approved if request.execution().grant_expires_at.is_some_and(|end| at >= end) => {
                        ApprovalStatus::Expired
                    }
                    status => status,
                };
                let mut expected = everything.clone();
                expected.retain(|request| statuses.is_empty() || statuses.contains(&status(request)));
                expected.retain(|request| {
                    after.is_none_or(|after| if newest { Cursor::of(request) < after } else { Cursor::of(request) > after })
                });
                expected.sort_by_key(Cursor::of);
                if newest {
                    expected.reverse();
                }
                expected.truncate(limit);
                let which = Which::Standing(statuses);
                let query = Query { which, at: Moment::at(at), order, after, limit: Some(limit), ..all.clone() };
                assert_eq!(ids(&store.query(&query).await.unwrap().requests), ids(&expected), "{query:?}");
            }
        });
    }

    /// Whatever happens between two pages: who is there throughout is shown once, and nobody twice.
    #[test]
    fn pages_neither_skip_nor_double(
        limit in 1usize..6,
        newest in any::<bool>(),
        // Between two pages: how many new ones, and which of those that wait are decided.
        between in prop::collection::vec((0usize..4, prop::collection::vec(0usize..20, 0..6)), 8),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            // What is decided is forgotten at once, so that cursors outlive their requests.
            let gate = builder().store(MemoryStore::new().keep_ended(0)).build().unwrap();
            let mut staying = Vec::new();
            for _ in 0..20 {
                staying.push(ask(&gate).await.id());
            }
            let order = if newest { Order::NewestFirst } else { Order::OldestFirst };
            let mut query = RequestQuery::new().status(ApprovalStatus::Pending).order(order).limit(limit);
            let (mut seen, mut between) = (Vec::new(), between.into_iter());
            loop {
                let page = gate.get_requests(&query).await.unwrap();
                assert!(page.requests.iter().all(|request| request.status() == ApprovalStatus::Pending));
                seen.extend(ids(&page.requests));
                let Some(next) = page.next else { break };
                query = query.after(next);
                let (new, decided) = between.next().unwrap_or_default();
                for _ in 0..new {
                    ask(&gate).await;
                }
                for at in decided {
                    if at < staying.len() {
                        reject(&gate, staying.remove(at)).await;
                    }
                }
            }
            let mut once = seen.clone();
            once.sort();
            once.dedup();
            assert_eq!(once.len(), seen.len(), "one is shown twice");
            staying.iter().for_each(|id| assert!(seen.contains(id), "one is skipped"));
        });
    }
}

#[tokio::test(start_paused = true)]
async fn every_status_is_found() {
    let policy = ApprovalPolicy::new().add_auto_approve_rule("pay", "small sums", |args| args["amount"] == 1).add_deny_rule(
        "pay",
        "no large sums",
        |args| args["amount"] == 1_000_000,
    );
    let gate = builder().policy(policy).build().unwrap();
    let starts = Starts::default();
    starts.pay(&gate, serde_json::json!({"amount": 1})).await.unwrap();
    starts.pay(&gate, serde_json::json!({"amount": 1_000_000})).await.unwrap_err();
    let late = ask(&gate).await.id();
    tokio::time::sleep(Duration::from_secs(121)).await;
    let approved = ask(&gate).await;
    // The clock stands still here, and requests of one microsecond come in the order of their random ids.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (withdrawn, open) = (ask(&gate).await.id(), ask(&gate).await.id());
    gate.decide(approved.id(), Decision::approve(alice(), approved.digest())).await.unwrap();
    gate.cancel(withdrawn, "operator").await.unwrap();

    let only = async |status| gate.get_requests(&RequestQuery::new().status(status)).await.unwrap().requests;
    let auto = only(ApprovalStatus::AutoApproved).await;
    assert_eq!((auto.len(), auto[0].matched_rule()), (1, Some("small sums")));
    let rejected = only(ApprovalStatus::Rejected).await;
    assert_eq!((rejected.len(), rejected[0].matched_rule()), (1, Some("no large sums")));
    assert_eq!(ids(&only(ApprovalStatus::TimedOut).await), [late]);
    assert_eq!(ids(&only(ApprovalStatus::Approved).await), [approved.id()]);
    assert_eq!(ids(&only(ApprovalStatus::Cancelled).await), [withdrawn]);
    assert_eq!(ids(&only(ApprovalStatus::Pending).await), [open]);
    assert!(only(ApprovalStatus::Expired).await.is_empty());
    tokio::time::sleep(Duration::from_secs(16 * 60)).await;
    assert_eq!(ids(&only(ApprovalStatus::Expired).await), [approved.id()]);
    assert!(only(ApprovalStatus::Approved).await.is_empty());

    let both = RequestQuery::new().status(ApprovalStatus::Cancelled).status(ApprovalStatus::Expired);
    assert_eq!(read(&gate, &both).await, [withdrawn, approved.id()]);
    assert_eq!(read(&gate, &RequestQuery::new()).await.len(), 6);
}

/// Its readers think it is later than its writers do, so nobody has written what the clock changed.
#[derive(Debug)]
struct Ahead(Arc<MemoryStore>, TimeDelta);

impl ApprovalStore for Ahead {
    fn commit<'a>(&'a self, writes: &'a [Write]) -> BoxFuture<'a, Result<(), StoreError>> {
        self.0.commit(writes)
    }

    passes_on!(0: get, query, others);

    fn now(&self) -> BoxFuture<'_, Result<Moment, StoreError>> {
        Box::pin(async { Ok(Moment::at(self.0.now().await?.time + self.1)) })
    }
}

/// I6: past its deadline a request is not pending, for no reader, written or not.
#[tokio::test(start_paused = true)]
async fn i06_unwritten_deadlines_are_read() {
    let store = Arc::new(MemoryStore::new());
    let now = builder().shared_store(Arc::<MemoryStore>::clone(&store)).build().unwrap();
    let (first, approved, second) = (ask(&now).await.id(), ask(&now).await, ask(&now).await.id());
    now.decide(approved.id(), Decision::approve(alice(), approved.digest())).await.unwrap();

    for (seconds, waiting, timed_out, granted, expired) in [(119, 2, 0, 1, 0), (121, 0, 2, 1, 0), (901, 0, 2, 0, 1)] {
        let later = builder().shared_store(Arc::new(Ahead(Arc::clone(&store), TimeDelta::seconds(seconds)))).build().unwrap();
        let count = async |status| read(&later, &RequestQuery::new().status(status)).await.len();
        assert_eq!(count(ApprovalStatus::Pending).await, waiting, "after {seconds} s");
        assert_eq!(count(ApprovalStatus::TimedOut).await, timed_out, "after {seconds} s");
        assert_eq!(count(ApprovalStatus::Approved).await, granted, "after {seconds} s");
        assert_eq!(count(ApprovalStatus::Expired).await, expired, "after {seconds} s");
    }
    let (later, at) =
        (builder().shared_store(Arc::new(Ahead(store, TimeDelta::hours(1)))).build().unwrap(), ApprovalRequest::status);
    let page = later.get_requests(&RequestQuery::new().status(ApprovalStatus::TimedOut).limit(1)).await.unwrap();
    assert_eq!((ids(&page.requests), at(&page.requests[0])), (vec![second], ApprovalStatus::TimedOut));
    let next = RequestQuery::new().status(ApprovalStatus::TimedOut).after(page.next.unwrap());
    assert_eq!(read(&later, &next).await, [first]);
    assert!(later.get_pending().await.unwrap().is_empty());
    let all = later.get_requests(&RequestQuery::new()).await.unwrap().requests;
    assert_eq!(
        all.iter().map(at).collect::<Vec<_>>(),
        [ApprovalStatus::TimedOut, ApprovalStatus::Expired, ApprovalStatus::TimedOut]
    );
    // Reading wrote nothing.
    assert_eq!(ids(&now.get_pending().await.unwrap()), [first, second]);
}

#[tokio::test(start_paused = true)]
async fn pages_have_a_largest_size() {
    let gate = gate();
    for _ in 0..=MAX_PAGE {
        ask(&gate).await;
    }
    let size = async |query: RequestQuery| gate.get_requests(&query).await.unwrap().requests.len();
    assert_eq!(size(RequestQuery::new()).await, 100);
    assert_eq!(size(RequestQuery::new().limit(0)).await, 1);
    assert_eq!(size(RequestQuery::new().limit(usize::MAX)).await, MAX_PAGE);
}

/// I24: pages too show the own namespace only.
#[tokio::test(start_paused = true)]
async fn i24_pages_end_at_the_namespace() {
    let store: Arc<dyn ApprovalStore> = Arc::new(MemoryStore::new());
    let gate = |namespace: &str| builder().namespace(namespace).shared_store(Arc::clone(&store)).build().unwrap();
    let (a, b) = (gate("a"), gate("b"));
    ask(&a).await;
    let own = ask(&b).await.id();
    reject(&a, pending(&a).await.id()).await;
    ask(&a).await;
    assert_eq!(read(&b, &RequestQuery::new()).await, [own]);
    let page = a.get_requests(&RequestQuery::new().limit(1)).await.unwrap();
    assert!(b.get_requests(&RequestQuery::new().after(page.next.unwrap())).await.unwrap().requests.len() <= 1);
}

/// What is no longer kept is on no page, whatever its status was.
#[tokio::test(start_paused = true)]
async fn forgotten_requests_are_on_no_page() {
    let gate = builder().store(MemoryStore::new().keep_ended(2)).build().unwrap();
    let mut rejected = Vec::new();
    for _ in 0..5 {
        let id = ask(&gate).await.id();
        reject(&gate, id).await;
        rejected.insert(0, id);
    }
    let open = ask(&gate).await.id();
    assert_eq!(read(&gate, &RequestQuery::new()).await, [open, rejected[0], rejected[1]]);
    assert_eq!(read(&gate, &RequestQuery::new().status(ApprovalStatus::Rejected)).await, rejected[..2]);
}

/// Retention takes what has ended and is old enough, tells of it, and nothing else.
#[tokio::test(start_paused = true)]
async fn removed_records_are_told() {
    let gate = gate();
    let mut filed = Vec::new();
    for _ in 0..3 {
        filed.push(gate.create_request(NewRequest::new(pay(), five())).await.unwrap().id());
    }
    for id in &filed[..2] {
        gate.decide(*id, Decision::reject(alice())).await.unwrap();
    }
    let mut events = gate.events();
    assert_eq!(gate.remove_ended(Duration::from_secs(60)).await.unwrap(), 0, "they are too young");
    tokio::time::advance(Duration::from_secs(61)).await;
    assert_eq!(gate.remove_ended(Duration::from_secs(60)).await.unwrap(), 2);
    for id in &filed[..2] {
        let event = events.next().await.unwrap();
        assert_eq!((event.kind.as_str(), event.request.id()), ("removed", *id));
        assert_eq!(gate.get_request(*id).await.unwrap_err().code(), "not_found");
    }
    assert_eq!(gate.get_pending().await.unwrap()[0].id(), filed[2]);
}
