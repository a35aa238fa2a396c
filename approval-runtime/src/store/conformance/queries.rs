//! Promises about which requests are found, and in which order.

use std::cmp::Reverse;
use std::time::Duration;

use chrono::TimeDelta;

use super::Opening;
use super::handle::{Handle, assert_distinct, assert_same, everything, those};
use super::sample::{Sample, approve, cancel, claim, finish, gate, reject, update};
use crate::decision::Reviewer;
use crate::request::{ApprovalRequest, ApprovalStatus, Event, Moment, Outcome, RequestId, Settlement, Verdict};
use crate::store::{Cursor, Order, Query, Which, Write};
use crate::tool::Tool;

/// The requests of a status are found as they stand at the query's moment: whoever was late counts as late, written or not.
pub async fn statuses_are_judged_at_the_moment(opening: &Opening) {
    let store = opening.handle().await;
    let population = population(&store).await;
    let all = ApprovalStatus::ALL;
    let mut lists = vec![vec![], all.to_vec()];
    lists.extend(all.map(|status| vec![status]));
    lists.extend((1..all.len()).map(|nth| vec![all[nth], all[nth - 1]]));
    for statuses in lists {
        assert_found(&store, &population, &Which::Standing(statuses)).await;
    }
}

/// Those that ended by themselves are found until that is written.
pub async fn due_ones_are_found(opening: &Opening) {
    let store = opening.handle().await;
    let population = population(&store).await;
    assert_found(&store, &population, &Which::Due).await;
    let now = store.now().await;
    let due = store.find(&those("a", Which::Due, now)).await;
    assert!(due.len() >= 2, "some are late");
    for request in due {
        let event = request.due_event(now).expect("it is due");
        store.does(&request, &event).await;
    }
    assert_eq!(store.ids(&those("a", Which::Due, now)).await, []);
}

/// Approvals that can still be used are found.
pub async fn unused_ones_are_found(opening: &Opening) {
    let store = opening.handle().await;
    let population = population(&store).await;
    assert_found(&store, &population, &Which::Unused).await;
}

/// The work of a gate is found: its starts, and its calls that wait.
pub async fn held_ones_are_found(opening: &Opening) {
    let store = opening.handle().await;
    let population = population(&store).await;
    for gate in [gate(1), gate(2), gate(3)] {
        assert_found(&store, &population, &Which::HeldBy(gate)).await;
    }
}

/// Those whose outcome nobody knows are found.
pub async fn indeterminate_ones_are_found(opening: &Opening) {
    let store = opening.handle().await;
    let population = population(&store).await;
    assert_found(&store, &population, &Which::Indeterminate).await;
}

/// I31: in a new life of the store, what waited or was approved before counts as expired, and is due.
pub async fn i31_another_life_ends_what_waited(opening: &Opening) {
    let store = opening.handle().await;
    let mut population = population(&store).await;
    let from = store.now().await.incarnation;
    store.write(&[Write::NewIncarnation { from }]).await;
    population.push(store.make(&Sample::of("a")).await);
    for status in ApprovalStatus::ALL {
        assert_found(&store, &population, &Which::Standing(vec![status])).await;
    }
    for which in [Which::Due, Which::Unused, Which::HeldBy(gate(1)), Which::Indeterminate] {
        assert_found(&store, &population, &which).await;
    }
}

/// Requests come in the order of their creation, then of their ids, in both directions.
pub async fn pages_come_in_both_orders(opening: &Opening) {
    let store = opening.handle().await;
    let population = population(&store).await;
    let now = store.now().await;
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let found = store.ids(&Query { order, ..everything("a", now) }).await;
        assert_eq!(found, expected(&population, &Which::default(), now, order));
    }
}

/// Pages put together are all there is, whatever their size.
pub async fn pages_are_complete(opening: &Opening) {
    let store = opening.handle().await;
    let population = population(&store).await;
    let now = store.now().await;
    let whiches = [
        Which::default(),
        Which::Standing(vec![ApprovalStatus::Pending, ApprovalStatus::Expired]),
        Which::Standing(vec![ApprovalStatus::TimedOut]),
        Which::Due,
        Which::Unused,
        Which::HeldBy(gate(1)),
        Which::Indeterminate,
    ];
    for which in whiches {
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let expected = expected(&population, &which, now, order);
            for limit in [1, 2, 3, 7] {
                let mut query = Query { order, limit: Some(limit), ..those("a", which.clone(), now) };
                let mut found = Vec::new();
                while let page @ [.., last] = &*store.find(&query).await {
                    query.after = Some(Cursor::of(last));
                    found.extend(page.iter().map(ApprovalRequest::id));
                    assert!(found.len() <= expected.len(), "{which:?}, {order:?}, pages of {limit}: too many");
                }
                assert_eq!(found, expected, "{which:?}, {order:?}, pages of {limit}");
            }
        }
    }
}

/// While requests come, change and go, pages neither repeat one nor lose one that stays.
pub async fn pages_hold_while_rows_change(opening: &Opening) {
    for order in [Order::OldestFirst, Order::NewestFirst] {
        for which in [Which::default(), Which::Standing(vec![ApprovalStatus::Pending])] {
            let (store, namespace) = (opening.handle().await, format!("{order:?} {which:?}"));
            let start = store.now().await;
            let mut made = Vec::new();
            for nth in 0..14 {
                let mut at = start;
                at.time -= TimeDelta::seconds(nth / 2);
                made.push(store.make_at(&Sample::of(&*namespace), at).await.id());
            }
            let mut query = Query { order, limit: Some(3), ..those(&namespace, which.clone(), start) };
            let mut seen = Vec::new();
            while let [first, .., last] = &*store.find(&query).await {
                seen.extend(store.ids(&query).await);
                query.after = Some(Cursor::of(last));
                store.does(first, &approve(first, "alice")).await;
                let ended = store.does(last, &cancel("operator")).await;
                store.write(&[update(&ended, &Event::Remove, store.now().await)]).await;
                // Behind those that are still to come, or before all of them.
                if seen.len() < 9 {
                    store.make_at(&Sample::of(&*namespace), start).await;
                }
            }
            seen.extend(store.ids(&query).await);
            assert_distinct(&seen);
            let lost: Vec<_> = made.iter().filter(|id| !seen.contains(id)).collect();
            assert!(lost.is_empty(), "{namespace}: {} of {} are lost", lost.len(), made.len());
        }
    }
}

/// A query returns no more than it asks for.
pub async fn limit_is_kept(opening: &Opening) {
    let store = opening.handle().await;
    let population = population(&store).await;
    let now = store.now().await;
    for which in [Which::default(), Which::Due, Which::Unused, Which::HeldBy(gate(1)), Which::Indeterminate] {
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let expected = expected(&population, &which, now, order);
            for limit in [0, 1, expected.len(), expected.len() + 1, usize::MAX] {
                let query = Query { order, limit: Some(limit), ..those("a", which.clone(), now) };
                let found = store.ids(&query).await;
                assert_eq!(found, expected[..limit.min(expected.len())], "{which:?}, {order:?}, at most {limit}");
            }
        }
    }
}

/// Asserts that a query finds what [`Which::is`] says, at moments before and after deadlines, in both orders.
async fn assert_found(store: &Handle, population: &[ApprovalRequest], which: &Which) {
    let now = store.now().await;
    for later in [0, 20, 90, 60 * 24 * 40] {
        let mut at = now;
        at.time += TimeDelta::minutes(later);
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let found = store.find(&Query { order, ..those("a", which.clone(), at) }).await;
            let ids: Vec<_> = found.iter().map(ApprovalRequest::id).collect();
            assert_eq!(ids, expected(population, which, at, order), "{which:?} in {later} minutes, {order:?}");
            // Once is enough: it costs more than the query.
            for request in found.iter().filter(|_| later == 0 && order == Order::OldestFirst) {
                let written = population.iter().find(|written| written.id() == request.id()).expect("it is one of them");
                assert_same(request, written);
            }
        }
    }
}

fn expected(population: &[ApprovalRequest], which: &Which, at: Moment, order: Order) -> Vec<RequestId> {
    let mut these: Vec<_> = population.iter().filter(|request| which.is(request, at)).collect();
    match order {
        Order::OldestFirst => these.sort_by_key(|request| Cursor::of(request)),
        Order::NewestFirst => these.sort_by_key(|request| Reverse(Cursor::of(request))),
    }
    these.into_iter().map(ApprovalRequest::id).collect()
}

/// Requests of every status, early and late, in the namespace `a`; a few others in `b`.
async fn population(store: &Handle) -> Vec<ApprovalRequest> {
    let now = store.now().await;
    let ago = |minutes: i64| {
        let mut at = now;
        at.time -= TimeDelta::minutes(minutes);
        at
    };
    let minutes = |minutes: u64| Tool::named("pay").timeout(Duration::from_secs(60 * minutes));
    let sample = || Sample::of("a");
    let waited = |by: u128| sample().verdict(Verdict::Ask { waiter: Some(gate(by)) });
    let mut all = Vec::new();

    let held = Verdict::AutoApprove { rule: "it is cheap".into(), claim_id: gate(9), holder: gate(1) };
    for verdict in [Verdict::Ask { waiter: Some(gate(1)) }, Verdict::Deny { rule: "never".into() }, held] {
        for minutes in [1, 5, 70] {
            store.make_at(&Sample::of("b").verdict(verdict.clone()), ago(minutes)).await;
        }
    }

    // Pending: three of one moment, two for long, with a vote, late.
    for _ in 0..3 {
        all.push(store.make_at(&sample(), ago(3)).await);
    }
    all.push(store.make_at(&waited(1), ago(5)).await);
    all.push(store.make_at(&waited(2).tool(minutes(60 * 24)), ago(1)).await);
    let voted = store.make_at(&sample().tool(minutes(60).quorum(2)), ago(4)).await;
    all.push(store.does(&voted, &approve(&voted, "alice")).await);
    for over in [5, 10] {
        all.push(store.make_at(&waited(1).tool(minutes(over)), ago(10)).await);
    }

    // Ended while people decided.
    let late = store.make_at(&sample().tool(minutes(5)), ago(11)).await;
    all.push(store.does(&late, &Event::TimeOut).await);
    for (nth, by) in [(7, "alice"), (2, "bob")] {
        let request = store.make_at(&sample(), ago(nth)).await;
        all.push(store.does(&request, &reject(&request, by)).await);
    }
    let request = store.make_at(&waited(1), ago(6)).await;
    all.push(store.does(&request, &Event::Withdraw { waiter: gate(1) }).await);
    all.push(store.make_at(&sample().verdict(Verdict::Deny { rule: "never".into() }), ago(6)).await);

    // Approved: now, long ago, revoked, expired in writing.
    for since in [0, 1, 14, 16, 40] {
        let request = store.make_at(&waited(1), ago(since + 1)).await;
        let approval = approve(&request, "alice");
        all.push(store.does_at(&request, &approval, ago(since)).await);
    }
    let request = store.make_at(&sample(), ago(9)).await;
    let request = store.does(&request, &approve(&request, "alice")).await;
    all.push(store.does(&request, &cancel("operator")).await);
    let request = store.make_at(&sample(), ago(31)).await;
    let approval = approve(&request, "alice");
    let request = store.does_at(&request, &approval, ago(30)).await;
    all.push(store.does(&request, &Event::Expire(crate::request::EndedBecause::Grant)).await);

    // Started, by people and by rule: running, done, failed, unknown, settled.
    let outcomes = [None, Some(Outcome::Executed), Some(Outcome::Failed), Some(Outcome::Indeterminate)];
    for (nth, outcome) in (0..).zip(outcomes) {
        for by in [1, 2] {
            let start = gate(100 + nth);
            let request = store.make_at(&waited(2), ago(8)).await;
            let request = store.does(&request, &approve(&request, "alice")).await;
            let by_people = store.does(&request, &claim(&request, start, gate(by))).await;
            let verdict = Verdict::AutoApprove { rule: "it is cheap".into(), claim_id: start, holder: gate(by) };
            let by_rule = store.make_at(&sample().verdict(verdict), ago(8)).await;
            for request in [by_people, by_rule] {
                all.push(match outcome {
                    Some(outcome) => store.does(&request, &finish(start, outcome, None)).await,
                    None => request,
                });
            }
        }
    }
    let request =
        store.make(&sample().verdict(Verdict::AutoApprove { rule: "ok".into(), claim_id: gate(9), holder: gate(1) })).await;
    let request = store.does(&request, &Event::Orphan { holder: gate(1) }).await;
    all.push(request.clone());
    let request =
        store.make(&sample().verdict(Verdict::AutoApprove { rule: "ok".into(), claim_id: gate(9), holder: gate(1) })).await;
    let request = store.does(&request, &Event::Orphan { holder: gate(1) }).await;
    let settled = Event::Settle { by: Reviewer::new("alice"), outcome: Settlement::Executed, door: "suite" };
    all.push(store.does(&request, &settled).await);
    all
}
