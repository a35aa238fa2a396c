//! T29: 10,000 random changes of a history, each found where it is.

use std::collections::HashMap;

use approval_runtime::Digest;
use approval_runtime::audit::{Audit, Flaw};
use approval_runtime::request::{RequestId, Stored, Transition};

use super::store::Tables;
use super::*;

const BACKDATED: &str = "2001-01-01T00:00:00.000000Z";

/// A history of some hundred rows, sealed by six checkpoints, the last one behind the last row.
async fn sealed(requests: usize) -> Tables {
    let (gate, store) = kept();
    busy(&gate, requests).await;
    let Tables { rows, records, .. } = Snapshot::of(&gate, &*store).await;
    let snapshot = Arc::new(Snapshot::new(Tables { records, ..Tables::default() }));
    let audit = Audit::new(Arc::<Snapshot>::clone(&snapshot) as _, gate.audit().namespace());
    for part in rows.chunks(rows.len().div_ceil(6)) {
        snapshot.tables().rows.extend_from_slice(part);
        audit.seal(&key()).await.unwrap().expect("there are new rows");
    }
    let report = audit.verify().key(&key()).run().await.unwrap();
    assert_eq!((report.rows, report.sealed, report.checkpoints), (rows.len() as u64, rows.len() as u64, 6));
    snapshot.tables().clone()
}

fn audit(tables: &Tables) -> Audit {
    Audit::new(Arc::new(Snapshot::new(tables.clone())), "default")
}

/// Changes one thing, and says what in words.
fn change(rows: &mut Vec<Logged>, random: &mut Random) -> String {
    let nth = random.below(rows.len());
    match random.below(9) {
        0 => {
            let mut text = rows[nth].row.text.clone().into_bytes();
            let at = random.below(text.len());
            text[at] = if text[at] == b'3' { b'4' } else { b'3' };
            rows[nth].row.text = String::from_utf8(text).expect("it is ASCII");
            format!("byte {at} of row {nth}")
        }
        1 => {
            let mut hash = *rows[nth].row.hash.as_bytes();
            hash[random.below(32)] ^= 1 << random.below(8);
            rows[nth].row.hash = Digest::from_bytes(hash);
            format!("hash of row {nth}")
        }
        2 => {
            rows[nth].row.version += 1;
            format!("version of row {nth}")
        }
        3 => {
            let left = rows[nth].row.what == Some(Transition::Left);
            rows[nth].row.what = (!left).then_some(Transition::Left);
            format!("what of row {nth}")
        }
        4 => {
            rows.remove(nth);
            format!("row {nth} removed")
        }
        5 => {
            let other = (nth + 1 + random.below(rows.len() - 1)) % rows.len();
            let (row, moved) = (rows[nth].row.clone(), rows[other].row.clone());
            (rows[nth].row, rows[other].row) = (moved, row);
            format!("rows {nth} and {other} swapped")
        }
        6 => {
            let place = random.below(rows.len());
            let (before, row) = (rows[place].position, rows[nth].row.clone());
            rows.insert(place + 1, Logged { position: before + 5, row });
            format!("row {nth} again behind {place}")
        }
        7 => {
            // As somebody does it who knows what a row is.
            let row = &mut rows[nth].row;
            let mut text: Value = serde_json::from_str(&row.text).expect("rows are JSON");
            text["at"] = BACKDATED.into();
            row.text = text.to_string();
            row.hash = Digest::of(row.text.as_bytes());
            format!("row {nth} backdated")
        }
        _ => {
            let cut = 1 + random.below(rows.len() / 2);
            rows.truncate(rows.len() - cut);
            format!("the last {cut} rows cut")
        }
    }
}

/// Where the first thing is that is not as it was, found out by comparing with what was.
fn expected(before: &Tables, originals: &HashMap<RequestId, Vec<&AuditRow>>, rows: &[Logged], ends: &[u64]) -> Option<u64> {
    let mut seen: HashMap<RequestId, (usize, bool)> = HashMap::new();
    let out_of_line = rows.iter().find_map(|logged| {
        let (place, is_spoiled) = seen.entry(logged.row.request).or_default();
        let original = originals[&logged.row.request].get(*place).copied();
        // A first row that is backdated, and says what its hash says, fits: the one behind it does not name it.
        let starts_otherwise = *place == 0 && logged.row.version == 1 && logged.row.text.contains(BACKDATED);
        if *is_spoiled || original != Some(&logged.row) && !starts_otherwise {
            return Some(logged.position);
        }
        *place += 1;
        *is_spoiled = starts_otherwise;
        None
    });
    let unsealed = ends.iter().copied().find(|end| {
        let is_sealed = |logged: &&Logged| logged.position <= *end;
        !rows.iter().take_while(is_sealed).eq(before.rows.iter().take_while(is_sealed))
    });
    let cut = || {
        let last: HashMap<_, _> = rows.iter().map(|logged| (logged.row.request, logged)).collect();
        let is_cut = |logged: &&Logged| originals[&logged.row.request].last() != Some(&&logged.row);
        last.into_values().filter(is_cut).map(|logged| logged.position).min()
    };
    [unsealed, out_of_line.or_else(cut)].into_iter().flatten().min()
}

async fn change_often(times: usize, requests: usize) {
    let before = sealed(requests).await;
    let ends: Vec<u64> = before
        .checkpoints
        .iter()
        .map(|row| serde_json::from_slice::<Value>(&row.value).expect("it is JSON")["position"].as_u64().expect("a number"))
        .collect();
    let mut originals = HashMap::<_, Vec<_>>::new();
    before.rows.iter().for_each(|logged| originals.entry(logged.row.request).or_default().push(&logged.row));
    let mut random = Random(29);
    let mut tables = before.clone();
    for nth in 0..times {
        tables.rows.clone_from(&before.rows);
        let what = change(&mut tables.rows, &mut random);
        if tables.rows == before.rows {
            continue;
        }
        let found = broken(audit(&tables).verify().key(&key()).run().await);
        assert_eq!(
            found.position,
            expected(&before, &originals, &tables.rows, &ends),
            "change {nth}: {what}, and found was: {found}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn t29_any_of_1_000_changes_is_found() {
    change_often(1_000, 40).await;
}

#[tokio::test(start_paused = true)]
#[ignore = "takes some minutes unoptimised; any of 1,000 changes is always tried"]
async fn t29_any_of_10_000_changes_is_found() {
    change_often(10_000, 100).await;
}

/// A store that tells a place twice, or goes back, is not followed.
#[tokio::test(start_paused = true)]
async fn t29_positions_grow() {
    let before = sealed(5).await;
    for position in [10, 15, 20] {
        let mut tables = before.clone();
        tables.checkpoints.clear();
        tables.rows[2].position = position;
        let found = broken(audit(&tables).verify().run().await);
        assert_eq!((found.position, found.flaw), (Some(position), Flaw::Position));
    }
}

/// Somebody who may write everything, and has no key, makes a history anew: no row shows it, a checkpoint does.
#[tokio::test(start_paused = true)]
async fn t29_history_made_anew_is_not_what_was_sealed() {
    let before = sealed(30).await;
    let exported: Vec<_> = audit(&before).checkpoints(0).await.unwrap();
    let mut anew = sealed(20).await;
    anew.checkpoints.clear();
    audit(&anew).verify().run().await.expect("its rows fit together");

    let compared = audit(&anew).verify().key(&key()).checkpoints(exported.clone()).run().await;
    assert!(matches!(broken(compared).flaw, Flaw::Sealed { since: 0, .. }));
    let Tables { rows, records, .. } = anew;
    let kept = Tables { rows, records, checkpoints: before.checkpoints.clone() };
    let found = broken(audit(&kept).verify().key(&key()).run().await);
    assert!(matches!(found.flaw, Flaw::Sealed { since: 0, .. }), "{found}");
}

/// Whoever cuts all of it, the records and the checkpoints too, is found by what was exported.
#[tokio::test(start_paused = true)]
async fn t29_cut_behind_an_exported_checkpoint_is_found() {
    let before = sealed(30).await;
    let exported = audit(&before).checkpoints(0).await.unwrap();
    let last = exported.last().unwrap().clone();
    for cut in 1..before.rows.len() {
        let mut tables = before.clone();
        tables.rows.truncate(before.rows.len() - cut);
        let end = tables.rows.last().unwrap().position;
        // The records that are left are those whose last rows are.
        let heads: Vec<_> = tables.rows.iter().map(|logged| logged.row.hash).collect();
        let whole = |record: &ApprovalRequest| heads.contains(&record.audit_head());
        tables.records.retain(whole);
        let ids: Vec<_> = tables.records.iter().map(ApprovalRequest::id).collect();
        tables.rows.retain(|logged| ids.contains(&logged.row.request));
        let position_of = |row: &approval_runtime::store::Row| {
            serde_json::from_slice::<Value>(&row.value).unwrap()["position"].as_u64().unwrap()
        };
        let at = tables.rows.last().map_or(0, |logged| logged.position).min(end);
        tables.checkpoints.clear();
        audit(&tables).verify().key(&key()).run().await.expect("what is left fits together");
        tables.checkpoints = before.checkpoints.iter().filter(|row| position_of(row) <= at).cloned().collect();
        broken(audit(&tables).verify().key(&key()).checkpoints([last.clone()]).run().await);
    }
}

/// What a record says is what its history says, of all that both say.
#[tokio::test(start_paused = true)]
async fn i21_record_that_differs_is_named() {
    let (gate, store) = kept();
    let request = file(&gate, pay()).await;
    let early = gate.get_request(request.id()).await.unwrap();
    gate.decide(request.id(), yes(alice(), &request)).await.unwrap();
    let tables = Snapshot::of(&gate, &*store).await;
    let with = |records: Vec<ApprovalRequest>| Tables { records, ..tables.clone() };

    let behind = broken(audit(&with(vec![early])).verify().run().await);
    assert_eq!((behind.position, behind.flaw), (Some(20), Flaw::RecordBehind { version: 1 }));
    let gone = broken(audit(&with(Vec::new())).verify().run().await);
    assert_eq!((gone.position, gone.request, gone.flaw), (Some(20), Some(request.id()), Flaw::RecordMissing));
    let mut cut = tables.clone();
    cut.rows.pop();
    let cut = broken(audit(&cut).verify().run().await);
    assert_eq!((cut.position, cut.version, cut.flaw), (Some(10), Some(1), Flaw::TailMissing { version: 2 }));
    let mut none = tables.clone();
    none.rows.clear();
    let none = broken(audit(&none).verify().run().await);
    assert_eq!((none.position, none.request, none.flaw), (None, Some(request.id()), Flaw::NoHistory { version: 2 }));

    let said = String::from_utf8(Stored::state(&tables.records[0])[9..].to_vec()).unwrap();
    let ask = Stored::ask(&tables.records[0]);
    let record = |said: &str| {
        let sum = Digest::of(said.as_bytes());
        let state = [&[1], &sum.as_bytes()[..8], said.as_bytes()].concat();
        Stored::read(&ask, &state).unwrap()
    };
    audit(&with(vec![record(&said)])).verify().run().await.expect("read back it is the same");
    let other = tables.rows[0].row.hash.to_string();
    for (from, to, name) in [
        (r#""approved""#, r#""auto_approved""#, "status"),
        (r#""not_started""#, r#""executed""#, "execution"),
        (r#","changed_at""#, r#","ended_because":"revoked","changed_at""#, "ended_because"),
        (r#""by":"alice""#, r#""by":"alice","matched_rule":"small""#, "matched_rule"),
        (tables.records[0].audit_head().to_string().as_str(), other.as_str(), "audit_head"),
    ] {
        assert!(said.contains(from), "{from} in {said}");
        let found = broken(audit(&with(vec![record(&said.replacen(from, to, 1))])).verify().run().await);
        assert_eq!((found.position, found.flaw), (Some(20), Flaw::Record(name)));
    }

    // What was asked: by whom and for whom, under which policy, in which life of the store.
    let asked = String::from_utf8(ask[9..].to_vec()).unwrap();
    for (from, to, name) in [
        ("billing", "backups", "agent_chain"),
        (r#""carol""#, r#""alice""#, "requested_by"),
        (r#""policy_version":"#, r#""policy_version":9"#, "policy_version"),
        (r#""incarnation":"#, r#""incarnation":9"#, "incarnation"),
    ] {
        assert!(asked.contains(from), "{from} in {asked}");
        let said = asked.replacen(from, to, 1);
        let ask = [&[1], &Digest::of(said.as_bytes()).as_bytes()[..8], said.as_bytes()].concat();
        let record = Stored::read(&ask, &Stored::state(&tables.records[0])).unwrap();
        let found = broken(audit(&with(vec![record])).verify().run().await);
        assert_eq!((found.position, found.flaw), (Some(20), Flaw::Record(name)));
    }
}
