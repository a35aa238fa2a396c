//! I21: every transition and every refused attempt is one row, in order, and none holds what was in an argument.

use std::future::pending as forever;

use approval_runtime::request::MAX_REFUSED;

use super::*;

#[tokio::test(start_paused = true)]
async fn i21_one_row_each_transition() {
    let gate = gate();

    let request = file(&gate, pay()).await;
    gate.decide(request.id(), yes(alice(), &request)).await.unwrap();
    gate.decide(request.id(), yes(alice(), &request)).await.expect("the same again is fine");
    gate.decide(request.id(), no(Reviewer::new("bob"))).await.unwrap_err();
    gate.cancel(request.id(), "operator").await.unwrap();
    gate.cancel(request.id(), "operator").await.unwrap_err();
    assert_eq!(told(&gate, &request).await, ["requested", "approved", "refused:ended", "cancelled", "refused:ended"]);

    let request = file(&gate, refund()).await;
    gate.decide(request.id(), yes(alice(), &request)).await.unwrap_err();
    gate.decide(request.id(), yes(finance("carol"), &request)).await.unwrap_err();
    let other = file(&gate, pay()).await;
    let digest = approval_runtime::Digest::of(b"another thing");
    gate.decide(request.id(), Decision::approve(finance("dora"), digest)).await.unwrap_err();
    gate.decide(request.id(), yes(finance("dora"), &request)).await.unwrap();
    gate.decide(request.id(), no(finance("dora"))).await.unwrap_err();
    gate.decide(request.id(), no(finance("erin"))).await.unwrap();
    let expected = [
        "requested",
        "refused:not_allowed",
        "refused:self_review",
        "refused:digest_mismatch",
        "voted",
        "refused:already_voted",
    ];
    assert_eq!(told(&gate, &request).await, [&expected[..], &["rejected"]].concat());
    assert_eq!(told(&gate, &other).await, ["requested"], "each request has a history of its own");
    gate.cancel(other.id(), "operator").await.unwrap();

    let starts = Starts::default();
    let (returned, approved) = tokio::join!(starts.pay(&gate, five()), approve(&gate));
    returned.unwrap();
    assert_eq!(told(&gate, &approved).await, ["requested", "approved", "started", "executed"]);

    let failing =
        gate.call(pay(), arguments(), |_| async { Err::<Value, _>(Refusal::ShuttingDown { tool: CANARY.into(), id: None }) });
    let (returned, failed) = tokio::join!(failing, approve(&gate));
    returned.unwrap_err();
    assert_eq!(told(&gate, &failed).await, ["requested", "approved", "started", "failed"]);

    let (returned, asked) = tokio::join!(starts.pay(&gate, five()), async {
        let request = pending(&gate).await;
        tokio::time::sleep(Duration::from_secs(200)).await;
        gate.decide(request.id(), yes(alice(), &request)).await.unwrap_err();
        request
    });
    returned.unwrap_err();
    assert_eq!(told(&gate, &asked).await, ["requested", "timed_out", "refused:ended"]);

    let running = tokio::spawn({
        let gate = gate.clone();
        async move { gate.call(pay(), arguments(), |_| forever::<Result<Value, Refusal>>()).await }
    });
    let dropped = approve(&gate).await;
    while gate.get_request(dropped.id()).await.unwrap().execution().started_at.is_none() {
        tokio::task::yield_now().await;
    }
    gate.settle(dropped.id(), alice(), Settlement::Failed).await.expect_err("it runs");
    running.abort();
    running.await.unwrap_err();
    gate.settle(dropped.id(), alice(), Settlement::Executed).await.unwrap();
    gate.settle(dropped.id(), alice(), Settlement::Executed).await.expect("the same again is fine");
    let expected = ["requested", "approved", "started", "refused:not_indeterminate", "indeterminate", "settled"];
    assert_eq!(told(&gate, &dropped).await, expected);

    let report = gate.audit().verify().run().await.unwrap();
    assert_eq!((report.requests, report.records, report.refused), (7, 7, 8));
}

#[tokio::test(start_paused = true)]
async fn i21_sixteen_refused_attempts_are_kept() {
    let gate = gate();
    let request = file(&gate, pay()).await;
    gate.decide(request.id(), no(alice())).await.unwrap();
    for nth in 0..40 {
        gate.decide(request.id(), yes(Reviewer::new(format!("late {nth}")), &request)).await.unwrap_err();
    }
    let told = told(&gate, &request).await;
    assert_eq!(told.iter().filter(|what| *what == "refused:ended").count(), usize::from(MAX_REFUSED));
    assert_eq!(told.len(), 2 + usize::from(MAX_REFUSED));
    gate.audit().verify().run().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn i21_removed_records_keep_their_histories() {
    let gate = gate();
    busy(&gate, 40).await;
    let (before, exported) = (gate.audit().verify().run().await.unwrap(), gate.audit().seal(&key()).await.unwrap());
    tokio::time::sleep(Duration::from_secs(10)).await;
    let removed = gate.remove_ended(Duration::from_secs(1)).await.unwrap() as u64;
    assert!(removed > 10, "{removed}");
    let after = gate.audit().verify().key(&key()).checkpoints(exported).run().await.unwrap();
    assert_eq!((after.rows, after.removed, after.records), (before.rows + removed, removed, before.records - removed));
    assert_eq!(after.requests, before.requests);
}

/// I23: rows hold no value of an argument, no result, no reason and no comment.
#[tokio::test(start_paused = true)]
async fn i23_rows_hold_no_values() {
    let gate = gate();
    busy(&gate, 60).await;
    let rows = every(&gate).await;
    assert!(rows.len() > 100);
    for Logged { row, .. } in rows {
        assert!(!row.text.contains(CANARY), "{}", row.text);
    }
}

/// The gate goes on while somebody verifies and somebody seals.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn i21_verifying_does_not_stop_the_gate() {
    let gate = gate();
    let working = tokio::spawn({
        let gate = gate.clone();
        async move {
            for _ in 0..30 {
                busy(&gate, 10).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    });
    while !working.is_finished() {
        gate.audit().seal(&key()).await.unwrap();
        gate.audit().verify().key(&key()).run().await.unwrap();
    }
    working.await.unwrap();
    gate.audit().seal(&key()).await.unwrap();
    let report = gate.audit().verify().key(&key()).run().await.unwrap();
    assert!(report.requests >= 300 && report.checkpoints > 0 && report.signatures == report.checkpoints, "{report:?}");
}

async fn every(gate: &ApprovalGate) -> Vec<Logged> {
    let mut rows = Vec::new();
    let pages = gate.get_requests(&approval_runtime::RequestQuery::new().limit(1_000)).await.unwrap();
    for request in pages.requests {
        rows.extend(gate.audit().history(request.id()).await.unwrap());
    }
    rows
}
