//! Checkpoints: who signed what, and what of it can be removed unseen (nothing that was exported).

use std::fs;

use approval_runtime::audit::{Audit, Flaw, Report};
use approval_runtime::store::{Expect, RowQuery, Space, Write};
use approval_runtime::{ApprovalStore, Checkpoint, CheckpointLog};

use super::store::Tables;
use super::*;

/// Three checkpoints over some requests, and a row behind the last one.
async fn thrice() -> (ApprovalGate, Arc<MemoryStore>, Vec<Checkpoint>) {
    let (gate, store) = kept();
    let mut exported = Vec::new();
    for _ in 0..3 {
        busy(&gate, 5).await;
        exported.extend(gate.audit().seal(&key()).await.unwrap());
    }
    file(&gate, pay()).await;
    (gate, store, exported)
}

async fn put(store: &MemoryStore, number: u64, value: Option<String>) {
    let write = Write::Put {
        namespace: "default".into(),
        space: Space::Checkpoint,
        key: format!("{number:020}"),
        value: value.map(String::into_bytes),
        expect: Expect::Any,
    };
    store.commit(&[write]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn t29_checkpoints_seal_what_was_there() {
    let (gate, _store, exported) = thrice().await;
    let report = gate.audit().verify().key(&key()).checkpoints(exported.clone()).run().await.unwrap();
    assert_eq!((report.checkpoints, report.exported, report.signatures), (3, 3, 6));
    assert_eq!((report.sealed, report.sealed + 1), (exported[2].count, report.rows));
    assert_eq!(gate.audit().checkpoints(0).await.unwrap(), exported);
    assert_eq!(gate.audit().checkpoints(2).await.unwrap(), exported[2..]);
    assert_eq!(gate.audit().last_checkpoint().await.unwrap().as_ref(), exported.last());
    assert_eq!(gate.audit().seal(&key()).await.unwrap().unwrap().previous, Some(exported[2].mac));
    assert_eq!(gate.audit().seal(&key()).await.unwrap(), None, "there is nothing new");
    for checkpoint in exported {
        assert_eq!(checkpoint.to_string().parse(), Ok(checkpoint.clone()));
        assert!(format!(" {checkpoint}").parse::<Checkpoint>().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn t29_removed_checkpoint_is_found() {
    for number in 1..=3 {
        let (gate, store, exported) = thrice().await;
        put(&store, number, None).await;
        let alone = gate.audit().verify().key(&key()).run().await;
        if number < 3 {
            assert_eq!(broken(alone).flaw, Flaw::CheckpointOrder, "the one behind it tells");
        } else {
            alone.expect("nothing in the store tells of the last one");
        }
        let found = broken(gate.audit().verify().key(&key()).checkpoints(exported).run().await);
        let expected = if number < 3 { Flaw::CheckpointOrder } else { Flaw::CheckpointMissing };
        assert_eq!(found.flaw, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn t29_altered_checkpoint_is_found() {
    let (gate, store, exported) = thrice().await;
    for number in 1..=3 {
        let line = exported[number - 1].to_string();
        for at in 0..line.len() {
            let mut bytes = line.clone().into_bytes();
            bytes[at] = if bytes[at] == b'1' { b'2' } else { b'1' };
            put(&store, number as u64, Some(String::from_utf8(bytes).unwrap())).await;
            broken(gate.audit().verify().key(&key()).run().await);
        }
        put(&store, number as u64, Some(line)).await;
        gate.audit().verify().key(&key()).run().await.unwrap();
    }
}

/// With the store and without the key nobody makes a checkpoint, neither over other rows nor over the same.
#[tokio::test(start_paused = true)]
async fn t29_forged_checkpoint_is_found() {
    let (gate, store, exported) = thrice().await;
    for number in 1..=3 {
        put(&store, number, None).await;
    }
    let own = AuditKey::new("2026", [8; 32]).unwrap();
    let forged = gate.audit().seal(&own).await.unwrap().unwrap();
    gate.audit().verify().key(&own).run().await.expect("it is signed with that key");
    let found = broken(gate.audit().verify().key(&key()).run().await);
    assert_eq!((found.checkpoint, found.flaw), (Some(1), Flaw::Forged));
    assert_eq!(broken(gate.audit().seal(&key()).await).flaw, Flaw::Forged, "it is not sealed over");
    let report = gate.audit().verify().run().await.unwrap();
    assert_eq!((report.checkpoints, report.signatures), (1, 0), "without a key the report says that none was checked");
    let found = broken(gate.audit().verify().checkpoints(exported).run().await);
    assert_eq!(found.flaw, Flaw::CheckpointMissing);

    put(&store, 1, None).await;
    let other = AuditKey::new("mine", [8; 32]).unwrap();
    gate.audit().seal(&other).await.unwrap();
    let found = broken(gate.audit().verify().key(&key()).run().await);
    assert_eq!(found.flaw, Flaw::UnknownKey { id: "mine".into() });
    assert_eq!(forged.verify([&key(), &other]), Err(Flaw::Forged));
}

#[tokio::test(start_paused = true)]
async fn t29_keys_are_changed() {
    let (gate, _store, _) = thrice().await;
    let next = AuditKey::new("2027", [9; 32]).unwrap();
    gate.audit().seal(&next).await.unwrap().unwrap();
    let report = gate.audit().verify().key(&key()).key(&next).run().await.unwrap();
    assert_eq!(report.signatures, 4);
    let found = broken(gate.audit().verify().key(&next).run().await);
    assert_eq!((found.checkpoint, found.flaw), (Some(1), Flaw::UnknownKey { id: "2026".into() }));
}

/// An exported checkpoint that is another one in the store: somebody put a backup back and sealed again.
#[tokio::test(start_paused = true)]
async fn t29_other_checkpoint_of_one_place_is_found() {
    let (gate, store, exported) = thrice().await;
    put(&store, 3, None).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    gate.audit().seal(&key()).await.unwrap().unwrap();
    let found = broken(gate.audit().verify().key(&key()).checkpoints(exported.clone()).run().await);
    assert_eq!((found.position, found.flaw), (Some(exported[2].position), Flaw::CheckpointMissing));
    let mut other = exported[0].clone();
    other.at += Duration::from_secs(1);
    let found = broken(gate.audit().verify().checkpoints([other]).run().await);
    assert_eq!((found.checkpoint, found.flaw), (Some(1), Flaw::CheckpointDiffers));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn i21_eight_sealers_do_not_fork() {
    let gate = gate();
    let working = tokio::spawn({
        let gate = gate.clone();
        async move { busy(&gate, 200).await }
    });
    let sealers: Vec<_> = (0..8)
        .map(|_| {
            let audit: Audit = gate.audit();
            tokio::spawn(async move {
                let mut sealed = Vec::new();
                for _ in 0..40 {
                    sealed.extend(audit.seal(&key()).await.unwrap());
                    tokio::task::yield_now().await;
                }
                sealed
            })
        })
        .collect();
    let mut sealed = Vec::new();
    for sealer in sealers {
        sealed.extend(sealer.await.unwrap());
    }
    working.await.unwrap();
    sealed.extend(gate.audit().seal(&key()).await.unwrap());
    sealed.sort_by_key(|checkpoint| checkpoint.number);
    assert_eq!(sealed, gate.audit().checkpoints(0).await.unwrap(), "each one that was returned is kept, and no other is");
    let report = gate.audit().verify().key(&key()).checkpoints(sealed).run().await.unwrap();
    assert_eq!(report.sealed, report.rows);
}

/// A sealer that read its rows before this one began, and wrote its checkpoint behind where this one reads by now.
#[tokio::test(start_paused = true)]
async fn i21_late_checkpoint_harms_nobody() {
    let (gate, store) = kept();
    busy(&gate, 250).await;
    let tables = Snapshot::of(&gate, &*store).await;
    assert!(tables.rows.len() > 600, "two pages");
    let slow = Arc::new(Snapshot::new(Tables { rows: tables.rows[..300].to_vec(), ..Tables::default() }));
    Audit::new(Arc::<Snapshot>::clone(&slow) as _, "default").seal(&key()).await.unwrap().unwrap();
    let here = Arc::new(Snapshot::new(tables));
    let audit = Audit::new(Arc::<Snapshot>::clone(&here) as _, "default");
    let late = move |report: &Report| {
        if report.rows == 500 {
            here.tables().checkpoints.clone_from(&slow.tables().checkpoints);
        }
    };
    let report = audit.verify().key(&key()).on_progress(late).run().await.unwrap();
    assert_eq!((report.checkpoints, report.sealed), (0, 0));
    let report = audit.verify().key(&key()).run().await.unwrap();
    assert_eq!((report.checkpoints, report.sealed), (1, 300));
}

/// F30: while the file cannot be written the chain in the store goes on, and what was not exported is later.
#[tokio::test(start_paused = true)]
async fn f30_failed_export_is_made_up_for() {
    let folder = std::env::temp_dir().join(format!("approval-audit-{}", std::process::id()));
    let log = CheckpointLog::new(folder.join("checkpoints.jsonl"));
    let (gate, _store, exported) = thrice().await;
    assert_eq!(log.read().unwrap(), []);
    log.append(&exported[0]).expect_err("there is no such folder");
    file(&gate, pay()).await;
    gate.audit().seal(&key()).await.unwrap().expect("the chain goes on");

    fs::create_dir_all(&folder).unwrap();
    for checkpoint in gate.audit().checkpoints(0).await.unwrap() {
        log.append(&checkpoint).unwrap();
    }
    let read = log.read().unwrap();
    assert_eq!(read.len(), 4);
    gate.audit().verify().key(&key()).checkpoints(read.clone()).run().await.unwrap();

    // A crash in the middle of a line.
    let whole = fs::read_to_string(log.path()).unwrap();
    fs::write(log.path(), &whole[..whole.len() - 20]).unwrap();
    assert_eq!(log.read().unwrap(), read[..3]);
    log.append(&read[3]).unwrap();
    assert_eq!(log.read().unwrap(), read);

    fs::write(log.path(), format!("{{}}\n{whole}")).unwrap();
    assert!(matches!(log.read(), Err(AuditError::Line { line: 1, .. })));
    fs::remove_dir_all(&folder).unwrap();
}

#[tokio::test(start_paused = true)]
async fn i24_namespaces_are_sealed_apart() {
    let (gate, store, exported) = thrice().await;
    let other = builder().tool(refund()).namespace("other").shared_store(Arc::<MemoryStore>::clone(&store)).build().unwrap();
    busy(&other, 5).await;
    let sealed = other.audit().seal(&key()).await.unwrap().unwrap();
    assert_eq!((sealed.number, &*sealed.namespace), (1, "other"));
    let all = || exported.iter().cloned().chain([sealed.clone()]);
    assert_eq!(gate.audit().verify().key(&key()).checkpoints(all()).run().await.unwrap().exported, 3);
    assert_eq!(other.audit().verify().key(&key()).checkpoints(all()).run().await.unwrap().exported, 1);
    // The line of another namespace is no checkpoint of this one.
    put(&store, 4, Some(sealed.to_string())).await;
    assert_eq!(broken(gate.audit().verify().key(&key()).run().await).flaw, Flaw::CheckpointOrder);
    assert_eq!(store.rows(&RowQuery::all("other", Space::Checkpoint)).await.unwrap().len(), 1);
}

#[test]
fn key_is_long_and_not_shown() {
    assert!(matches!(AuditKey::new("short", [7; 31]), Err(AuditError::ShortKey { len: 31 })));
    let shown = format!("{:?}", AuditKey::new("2026", b"canary-7f3a canary-7f3a canary-7f3a").unwrap());
    assert_eq!(shown, "AuditKey { id: \"2026\", .. }");
}

#[test]
fn futures_move_between_threads() {
    fn moves<T: Send>(_: T) {}
    let (audit, key) = (gate().audit(), key());
    moves(audit.verify().key(&key).run());
    moves(audit.seal(&key));
    moves(audit.export(approval_runtime::RequestId::random()));
    moves(audit.history(approval_runtime::RequestId::random()));
}
