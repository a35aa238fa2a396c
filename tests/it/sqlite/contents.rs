//! What is kept, and what of it can be read.

use std::time::Duration;

use approval_runtime::request::Moment;
use approval_runtime::store::{AuditQuery, Expect, Query, Row, RowQuery, Space, StoreError, Which, Write};
use approval_runtime::{ApprovalRequest, ApprovalStatus, ApprovalStore, Cursor, Order};
use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::json;

use super::{Dir, approve, ask, ask_with, gate, gate_of, history, open, sql};

/// I11: what was acknowledged is there after a restart, byte for byte.
#[tokio::test]
async fn i11_reopened_store_keeps_everything() {
    let dir = Dir::new();
    let arguments = json!({
        "nul": "a\0b", "z": 1, "a": 2, "Ä": "\u{202e}ü𝄞", "most": u64::MAX, "least": i64::MIN, "tenth": 0.1, "one": 1.0,
        "nested": [[{"": null}], true],
    });
    let (request, told, rows) = {
        let store = open(&dir.file());
        let gate = gate(&store);
        let request = ask_with(&gate, arguments.clone()).await;
        gate.decide(request.id(), approve(&request, "älice").comment("fine \u{202e}")).await.unwrap();
        gate.decide(request.id(), approve(&request, "bob")).await.unwrap_err();
        let put = |key: &str, value: &[u8]| Write::Put {
            namespace: "n".into(),
            space: Space::Grant,
            key: key.into(),
            value: Some(value.into()),
            expect: Expect::Absent,
        };
        store.commit(&[put("a\0", b"\0\xff"), put("a", b""), put("ä", b"1")]).await.unwrap();
        gate.shutdown().await;
        (request.clone(), history(&store, &request).await, store.rows(&RowQuery::all("n", Space::Grant)).await.unwrap())
    };
    let store = open(&dir.file());
    let kept = store.get("", request.id()).await.unwrap().unwrap();
    assert_eq!(kept.arguments().canonical(), request.arguments().canonical());
    assert_eq!(kept.arguments().to_value(), arguments);
    assert_eq!(kept.digest(), request.digest());
    assert_eq!((kept.status(), kept.decided_by()), (ApprovalStatus::Approved, Some("älice")));
    assert_eq!(kept.comment(), Some("fine \u{202e}"));
    assert_eq!((kept.created_at(), kept.version()), (request.created_at(), 3));
    assert_eq!(history(&store, &request).await, told);
    assert_eq!(told.len(), 3, "made, approved, and the attempt that was refused");
    assert_eq!(kept.audit_head(), told[2].row.hash);
    let keys: Vec<_> = rows.iter().map(|row| row.key.as_str()).collect();
    assert_eq!(keys, ["a", "a\0", "ä"]);
    assert_eq!(rows[1], Row { key: "a\0".into(), value: b"\0\xff".into(), version: 1 });
    assert_eq!(store.rows(&RowQuery::all("n", Space::Grant)).await.unwrap(), rows);
}

/// I24: names that would meet if they were written one behind the other do not.
#[tokio::test]
async fn i24_namespaces_do_not_meet() {
    let dir = Dir::new();
    let store = open(&dir.file());
    let (one, other) = (gate_of(&store, "a"), gate_of(&store, "a:b"));
    let request = ask(&one).await;
    assert!(store.get("a:b", request.id()).await.unwrap().is_none());
    assert!(other.decide(request.id(), approve(&request, "alice")).await.is_err());
    assert_eq!(other.get_pending().await.unwrap().len(), 0);
    assert_eq!(one.get_pending().await.unwrap().len(), 1);
    let put = |namespace: &str, key: &str| Write::Put {
        namespace: namespace.into(),
        space: Space::Counter,
        key: key.into(),
        value: Some(namespace.into()),
        expect: Expect::Absent,
    };
    store.commit(&[put("a", "b:c"), put("a:b", "c")]).await.unwrap();
    for (namespace, key) in [("a", "b:c"), ("a:b", "c")] {
        let rows = store.rows(&RowQuery::all(namespace, Space::Counter)).await.unwrap();
        assert_eq!(rows, [Row { key: key.into(), value: namespace.into(), version: 1 }]);
    }
}

/// I24: histories of a namespace are read page by page, without those of others, wherever they begin.
#[tokio::test]
async fn i24_histories_are_read_by_namespace() {
    let dir = Dir::new();
    let store = open(&dir.file());
    let (quiet, busy) = (gate_of(&store, "quiet"), gate_of(&store, "busy"));
    let mut ids = Vec::new();
    for nth in 0..700 {
        ask(&busy).await;
        if nth % 150 == 0 {
            ids.push(ask(&quiet).await.id());
        }
    }
    let page = async |namespace: &str, after, limit| {
        let query = AuditQuery { namespace: namespace.into(), request: None, after, limit: Some(limit) };
        store.audit(&query).await.unwrap()
    };
    let mut found = Vec::new();
    let mut after = 0;
    while let [.., last] = &*page("quiet", after, 2).await {
        let rows = page("quiet", after, 2).await;
        after = last.position;
        assert!(rows.is_sorted_by_key(|logged| logged.position));
        found.extend(rows.into_iter().map(|logged| logged.row.request));
    }
    assert_eq!(found, ids);
    assert_eq!(page("busy", 0, 1_000).await.len(), 700);
    assert_eq!(page("busy", u64::MAX, 1_000).await, []);
}

/// A row's prefix, its place and its version are what the page says.
#[tokio::test]
async fn rows_are_read_in_order() {
    let dir = Dir::new();
    let store = open(&dir.file());
    let put = |key: &str, value: Option<&str>, expect| {
        let (namespace, key, value) = (String::new(), key.into(), value.map(Into::into));
        [Write::Put { namespace, space: Space::Outbox, key, value, expect }]
    };
    for key in ["b", "ab", "a", "aa", "a\u{10ffff}"] {
        store.commit(&put(key, Some("1"), Expect::Absent)).await.unwrap();
    }
    store.commit(&put("aa", Some("2"), Expect::Version(1))).await.unwrap();
    let stale = store.commit(&put("aa", Some("3"), Expect::Version(1))).await;
    assert!(matches!(stale, Err(StoreError::RowStale { space: Space::Outbox, .. })), "{stale:?}");
    let query = RowQuery { prefix: "a".into(), after: Some("a".into()), limit: Some(2), ..RowQuery::all("", Space::Outbox) };
    let rows = store.rows(&query).await.unwrap();
    assert_eq!(rows.iter().map(|row| (row.key.as_str(), row.version)).collect::<Vec<_>>(), [("aa", 2), ("ab", 1)]);
    store.commit(&put("aa", None, Expect::Version(2))).await.unwrap();
    store.commit(&put("aa", Some("4"), Expect::Any)).await.unwrap();
    assert_eq!(store.rows(&query).await.unwrap()[0].version, 1, "it was made anew");
}

/// I24: a commit is written whole or not at all.
#[tokio::test]
async fn refused_commit_writes_nothing() {
    let dir = Dir::new();
    let store = open(&dir.file());
    let put = |key: &str, expect| Write::Put {
        namespace: String::new(),
        space: Space::Counter,
        key: key.into(),
        value: Some(Vec::new()),
        expect,
    };
    let refused = store.commit(&[put("a", Expect::Any), put("b", Expect::Version(1))]).await;
    assert!(matches!(refused, Err(StoreError::RowStale { .. })));
    assert_eq!(store.rows(&RowQuery::all("", Space::Counter)).await.unwrap(), []);
}

/// Page after page shows each request once, in both orders.
#[tokio::test]
async fn pages_are_complete_and_ordered() {
    let dir = Dir::new();
    let store = open(&dir.file());
    let gate = gate(&store);
    let mut ids = Vec::new();
    for nth in 0..50 {
        let request = ask(&gate).await;
        match nth % 3 {
            0 => drop(gate.decide(request.id(), approve(&request, "alice")).await.unwrap()),
            1 => drop(gate.cancel(request.id(), "operator").await.unwrap()),
            _ => {}
        }
        ids.push(request.id());
    }
    for order in [Order::OldestFirst, Order::NewestFirst] {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let at = store.now().await.unwrap();
            let which = Which::default();
            let query = Query { namespace: String::new(), which, at, order, after, limit: Some(7) };
            let page = store.query(&query).await.unwrap().requests;
            let Some(last) = page.last() else { break };
            after = Some(Cursor::of(last));
            found.extend(page.iter().map(ApprovalRequest::id));
        }
        if order == Order::NewestFirst {
            found.reverse();
        }
        assert_eq!(found, ids);
    }
}

/// I6: what the clock has ended stands where it ended, before anybody writes that.
#[tokio::test]
async fn i06_deadlines_count_in_queries() {
    let dir = Dir::new();
    let store = open(&dir.file());
    let gate = gate(&store);
    let (pending, approved, cancelled) = (ask(&gate).await, ask(&gate).await, ask(&gate).await);
    gate.decide(approved.id(), approve(&approved, "alice")).await.unwrap();
    gate.cancel(cancelled.id(), "operator").await.unwrap();
    let found = async |which: Which, at: Moment| {
        let query = Query { namespace: String::new(), which, at, order: Order::OldestFirst, after: None, limit: None };
        let found = store.query(&query).await.unwrap();
        assert_eq!(found.corrupt, []);
        found.requests.iter().map(ApprovalRequest::id).collect::<Vec<_>>()
    };
    let standing = |status| Which::Standing(vec![status]);
    let now = store.now().await.unwrap();
    let late = Moment::at(pending.expires_at());
    let later = Moment::at(now.time + Duration::from_secs(16 * 60));
    let elsewhere = now.of_incarnation(now.incarnation + 1);
    for (at, ends) in [(now, [None, None]), (late, [Some(ApprovalStatus::TimedOut), None])]
        .into_iter()
        .chain([(later, [Some(ApprovalStatus::TimedOut), Some(ApprovalStatus::Expired)])])
        .chain([(elsewhere, [Some(ApprovalStatus::Expired); 2])])
    {
        let [one, two] = ends;
        let is = |end: Option<ApprovalStatus>, status, kept| end.unwrap_or(kept) == status;
        for status in [ApprovalStatus::Pending, ApprovalStatus::Approved, ApprovalStatus::TimedOut, ApprovalStatus::Expired] {
            let mut expected = Vec::new();
            expected.extend(is(one, status, ApprovalStatus::Pending).then_some(pending.id()));
            expected.extend(is(two, status, ApprovalStatus::Approved).then_some(approved.id()));
            assert_eq!(found(standing(status), at).await, expected, "{status} at {at:?}");
        }
        let due: Vec<_> = [(one, &pending), (two, &approved)].into_iter().filter(|(end, _)| end.is_some()).collect();
        assert_eq!(found(Which::Due, at).await, due.iter().map(|(_, request)| request.id()).collect::<Vec<_>>());
        let unused: Vec<_> = two.is_none().then_some(approved.id()).into_iter().collect();
        assert_eq!(found(Which::Unused, at).await, unused);
        assert_eq!(found(Which::default(), at).await, [pending.id(), approved.id(), cancelled.id()]);
    }
}

/// F8: a column that does not say what the record says is found; the record is named, nobody can decide it, and others are read.
#[tokio::test]
async fn f08_changed_column_is_named() {
    let dir = Dir::new();
    let store = open(&dir.file());
    let gate = gate(&store);
    let (victim, other) = (ask(&gate).await, ask(&gate).await);
    let connection = sql(&dir.file());
    let nr: i64 = connection.query_row("SELECT min(nr) FROM request", (), |row| row.get(0)).unwrap();
    let columns = [
        ("id", "zeroblob(16)"),
        ("created_at", "created_at + 1"),
        ("version", "version + 1"),
        ("phase", "1"),
        ("phase", "77"),
        ("executing", "1"),
        ("due_from", "due_from + 1"),
        ("due_from", "NULL"),
        ("held_by", "zeroblob(16)"),
        ("held_by", "zeroblob(3)"),
        ("key", "zeroblob(32)"),
        ("state", "zeroblob(0)"),
        ("state", "(SELECT state FROM request ORDER BY nr DESC LIMIT 1)"),
    ];
    for (column, value) in columns {
        connection.execute_batch(&format!("CREATE TEMP TABLE kept AS SELECT * FROM request WHERE nr = {nr}")).unwrap();
        connection.execute_batch(&format!("UPDATE request SET {column} = {value} WHERE nr = {nr}")).unwrap();
        let at = store.now().await.unwrap();
        let query = Query { at, ..Query::default() };
        let found = store.query(&query).await.unwrap();
        assert_eq!(found.requests.iter().map(ApprovalRequest::id).collect::<Vec<_>>(), [other.id()], "{column} {value}");
        assert_eq!(found.corrupt.len(), 1);
        if column != "id" {
            assert_eq!(found.corrupt, [victim.id()]);
            let read = store.get("", victim.id()).await;
            assert!(matches!(&read, Err(StoreError::Corrupt { id, .. }) if *id == victim.id()), "{column}: {read:?}");
            gate.decide(victim.id(), approve(&victim, "alice")).await.unwrap_err();
        }
        let restore = "INSERT OR REPLACE INTO request SELECT * FROM temp.kept; DROP TABLE temp.kept";
        connection.execute_batch(restore).unwrap();
    }
    assert_eq!(store.get("", victim.id()).await.unwrap().unwrap().version(), 1);
}

/// F8: 10,000 random flips of a bit in what was asked or where it stands, each of them is found, and no other record is harmed.
#[tokio::test]
async fn f08_flipped_bits_are_found() {
    const RECORDS: usize = 100;
    let dir = Dir::new();
    let store = open(&dir.file());
    let gate = gate(&store);
    let mut ids = Vec::new();
    for _ in 0..RECORDS {
        ids.push(ask(&gate).await.id());
    }
    let mut connection = sql(&dir.file());
    connection
        .execute_batch(
            "PRAGMA synchronous = OFF; CREATE TEMP TABLE kept AS SELECT nr, state, ask FROM request JOIN ask USING (nr)",
        )
        .unwrap();
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    for _ in 0..11_200 / RECORDS {
        let step = connection.transaction().unwrap();
        let mut left = Vec::new();
        for (nth, id) in ids.iter().enumerate() {
            let (table, text) = if random.next_u32().is_multiple_of(2) { ("request", "state") } else { ("ask", "ask") };
            let read = format!("SELECT nr, {text} FROM temp.kept ORDER BY nr LIMIT 1 OFFSET {nth}");
            let (nr, mut bytes): (i64, Vec<u8>) = step.query_row(&read, (), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
            let place = random.next_u32() as usize % bytes.len();
            // One in ten stays as it is.
            match random.next_u32() % 10 {
                0 => left.push(*id),
                bit => bytes[place] ^= 1 << (bit % 8),
            }
            let write = format!("UPDATE {table} SET {text} = ?1 WHERE nr = ?2");
            step.prepare_cached(&write).unwrap().execute((bytes, nr)).unwrap();
        }
        step.commit().unwrap();
        let found = store.query(&Query::default()).await.unwrap();
        assert_eq!(found.requests.iter().map(ApprovalRequest::id).collect::<Vec<_>>(), left);
        assert_eq!(found.corrupt.len(), RECORDS - left.len());
        let restore = "UPDATE request SET state = (SELECT state FROM temp.kept WHERE kept.nr = request.nr);
            UPDATE ask SET ask = (SELECT ask FROM temp.kept WHERE kept.nr = ask.nr)";
        connection.execute_batch(restore).unwrap();
    }
}
