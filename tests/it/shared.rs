//! Gates of several processes on one store: each with a handle of its own on one file.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use approval_runtime::store::{Expect, RowQuery, Space, Write};
use approval_runtime::{
    Agent, ApprovalGate, ApprovalStatus, ApprovalStore, Decision, Effect, EndedBecause, EventKind, ExecutionState, NewRequest,
    Refusal, RequestId, SqliteStore, Tool, Transition,
};
use serde_json::json;
use tokio::time::timeout;

use crate::sqlite::Dir;
use crate::tools::{Starts, alice, builder, five, pay, pending};

/// Ten times what a busy machine takes, and more.
const LONG: Duration = Duration::from_secs(60);

fn on(dir: &Dir) -> (ApprovalGate, Arc<SqliteStore>) {
    let store = Arc::new(SqliteStore::open(dir.file()).unwrap());
    (builder().shared_store(Arc::<SqliteStore>::clone(&store)).build().unwrap(), store)
}

fn agent() -> Agent {
    Agent::new("support").run_id("run-7").call_id("call-1")
}

/// Shuts a gate down while a call waits there, and returns its request.
async fn shut_down(gate: &ApprovalGate) -> RequestId {
    let request = pending(gate).await;
    assert!(request.is_waited_for());
    gate.shutdown().await;
    request.id()
}

/// I4, I17, L2: a decision of another process wakes the caller.
#[tokio::test]
async fn i17_other_process_wakes_the_caller() {
    let dir = Dir::new();
    let ((asks, _), (decides, _)) = (on(&dir), on(&dir));
    let starts = Starts::default();
    let (returned, request) = tokio::join!(timeout(LONG, starts.pay(&asks, five())), async {
        let request = pending(&decides).await;
        decides.decide(request.id(), Decision::approve(alice(), request.digest())).await.unwrap()
    });
    returned.expect("it is woken").unwrap();
    assert_eq!(starts.count(), 1);
    let ran = decides.get_request(request.id()).await.unwrap();
    assert_eq!((ran.execution().state, ran.execution().holder), (ExecutionState::Executed, Some(asks.instance())));
}

/// Readers of events hear what other processes do.
#[tokio::test]
async fn events_tell_of_other_processes() {
    let dir = Dir::new();
    let ((asks, _), (decides, _)) = (on(&dir), on(&dir));
    let (mut events, mut progress) = (asks.events(), asks.events().run("run-7"));
    let rejecting = async {
        // Changes count from the moment at which the gate's own thread has looked for the first time.
        loop {
            let request = asks.create_request(NewRequest::new(pay(), five()).agent(agent())).await.unwrap();
            decides.decide(request.id(), Decision::reject(alice()).comment("no")).await.unwrap();
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    let rejected = async {
        while let Some(event) = events.next().await {
            if event.kind == EventKind::Changed(Transition::Rejected) {
                return event.request;
            }
        }
        panic!("the events ended");
    };
    let heard = async {
        tokio::select! {
            request = rejected => request,
            () = rejecting => panic!("it goes on for ever"),
        }
    };
    assert_eq!(timeout(LONG, heard).await.expect("it is told").comment(), Some("no"));
    let told = async {
        while let Some(step) = progress.next().await {
            if step.kind().is_final() {
                return step.to_string();
            }
        }
        panic!("the run ended");
    };
    assert_eq!(timeout(LONG, told).await.expect("it is told"), "pay: Rejected by alice");
}

/// L1: nobody waits, and the deadline is written all the same.
#[tokio::test]
async fn unattended_deadline_is_written() {
    let dir = Dir::new();
    let (gate, store) = on(&dir);
    let brief = Tool::named("brief").timeout(Duration::from_secs(1));
    let request = gate.create_request(NewRequest::new(brief, json!({}))).await.unwrap();
    let written = async {
        loop {
            let stored = store.get("default", request.id()).await.unwrap().expect("it is kept");
            if stored.status() == ApprovalStatus::TimedOut {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(LONG, written).await.expect("it is written");
}

/// A gate that says it has ended leaves nothing that looks attended or running.
#[tokio::test]
async fn i13_ended_gate_is_settled() {
    let dir = Dir::new();
    let (asks, store) = on(&dir);
    let starts = Starts::default();
    let id = {
        let call = agent().scope(starts.pay(&asks, five()));
        tokio::join!(call, shut_down(&asks)).1
    };
    let running = asks.instance();
    let rows = store.rows(&RowQuery::all("default", Space::Process)).await.unwrap();
    assert!(rows.iter().any(|row| row.key == running.to_string()));
    let (other, _) = on(&dir);
    other.recover().await.unwrap();
    let left = other.get_request(id).await.unwrap();
    assert_eq!((left.status(), left.is_waited_for()), (ApprovalStatus::Pending, false), "{left:?}");
    assert!(left.standing().is_some_and(|standing| standing.contains("only if its caller asks again")));
    let rows = store.rows(&RowQuery::all("default", Space::Process)).await.unwrap();
    assert!(!rows.iter().any(|row| row.key == running.to_string()), "what is settled is forgotten");
}

/// I13, I14, F17: a gate whose heart stopped is taken for lost; when it goes on after all, its outcome is taken.
#[tokio::test]
async fn i14_late_holder_is_heard() {
    let dir = Dir::new();
    let (asks, store) = on(&dir);
    let (release, released) = tokio::sync::oneshot::channel::<()>();
    let body = |_| async move {
        released.await.expect("it is released");
        Ok::<_, Refusal>(json!(1))
    };
    let call = asks.call(pay(), five(), body);
    let (watches, _) = on(&dir);
    let lost = async {
        let request = pending(&watches).await;
        watches.decide(request.id(), Decision::approve(alice(), request.digest())).await.unwrap();
        let executing = async {
            while watches.get_request(request.id()).await.unwrap().execution().state != ExecutionState::Executing {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(LONG, executing).await.expect("it starts");
        // As if it had not been heard of for long: from another machine, whose pids say nothing here.
        let silent = json!({"beat": 0, "pid": 1, "place": "elsewhere"});
        let put = Write::Put {
            namespace: "default".into(),
            space: Space::Process,
            key: asks.instance().to_string(),
            value: Some(silent.to_string().into_bytes()),
            expect: Expect::Any,
        };
        store.commit(&[put]).await.unwrap();
        watches.recover().await.unwrap();
        let found = watches.get_indeterminate().await.unwrap();
        assert_eq!(found.iter().map(approval_runtime::ApprovalRequest::id).collect::<Vec<_>>(), [request.id()]);
        release.send(()).expect("the body waits");
        request.id()
    };
    let (returned, id) = tokio::join!(timeout(LONG, call), lost);
    returned.expect("it ends").unwrap();
    let ended = watches.get_request(id).await.unwrap();
    assert_eq!(ended.execution().state, ExecutionState::Executed);
    assert!(watches.get_indeterminate().await.unwrap().is_empty());
}

/// I16: a tool that changed is shown as such, not started, and what was approved expires.
#[tokio::test]
async fn i16_changed_tool_is_unrunnable() {
    let dir = Dir::new();
    let with = |effect| {
        let store = SqliteStore::open(dir.file()).unwrap();
        ApprovalGate::builder().store(store).tool(Tool::named("shape").effect(effect)).without_notifier().build().unwrap()
    };
    let (before, after) = (with(Effect::Reversible), with(Effect::Irreversible));
    let id = {
        let call = agent().scope(before.call(Tool::named("shape"), five(), |_| async { Ok::<_, Refusal>(()) }));
        tokio::join!(call, shut_down(&before)).1
    };
    let shown = after.get_request(id).await.unwrap();
    assert!(shown.is_unrunnable() && !before.get_request(id).await.unwrap().is_unrunnable());
    assert_eq!(serde_json::to_value(&shown).unwrap()["unrunnable"], true);
    assert!(shown.standing().is_some_and(|standing| standing.contains("has changed")));
    after.decide(id, Decision::approve(alice(), shown.digest())).await.unwrap();
    let body = |_| async { panic!("it must not run") };
    let refused: Result<(), Refusal> = agent().scope(after.call(Tool::named("shape"), five(), body)).await;
    assert_eq!(refused.unwrap_err().code(), "unrunnable");
    assert_eq!(after.get_request(id).await.unwrap().execution().state, ExecutionState::NotStarted);
}

/// I2, I31, T30, F33: a backup that is put back starts nothing again.
#[tokio::test]
async fn t30_backup_starts_nothing_again() {
    let dir = Dir::new();
    let (backup, starts) = (dir.file().with_extension("backup"), Starts::default());
    let id = {
        let (gate, store) = on(&dir);
        let call = agent().scope(starts.pay(&gate, five()));
        let review = async {
            let request = pending(&gate).await;
            rusqlite::Connection::open(dir.file())
                .unwrap()
                .execute("VACUUM INTO ?1", [backup.to_str().expect("a plain path")])
                .unwrap();
            gate.decide(request.id(), Decision::approve(alice(), request.digest())).await.unwrap();
            request.id()
        };
        let (returned, id) = tokio::join!(timeout(LONG, call), review);
        returned.expect("it runs").unwrap();
        gate.shutdown().await;
        drop(store);
        id
    };
    assert_eq!(starts.count(), 1);
    let put_back = Dir::new();
    fs::copy(&backup, put_back.file()).unwrap();

    let (gate, _) = on(&put_back);
    assert_eq!(gate.get_request(id).await.unwrap().status(), ApprovalStatus::Pending, "the backup does not know better");
    assert_eq!(gate.new_incarnation().await.unwrap(), 1);
    let ended = gate.get_request(id).await.unwrap();
    assert_eq!((ended.status(), ended.ended_because()), (ApprovalStatus::Expired, Some(EndedBecause::Incarnation)));
    let late = gate.decide(id, Decision::approve(alice(), ended.digest())).await.unwrap_err();
    assert_eq!(late.code(), "already_decided");
    let again = agent().scope(starts.pay(&gate, five())).await.unwrap_err();
    assert_eq!(again.code(), "expired");
    assert_eq!(starts.count(), 1);
}

/// I13, I31: what ran when the copy was made may have ended since; nobody knows.
#[tokio::test]
async fn i31_earlier_life_runs_nothing() {
    let dir = Dir::new();
    let (gate, _) = on(&dir);
    let body = |_| std::future::pending::<Result<(), Refusal>>();
    let call = gate.call(pay(), five(), body);
    let renews = async {
        let request = pending(&gate).await;
        gate.decide(request.id(), Decision::approve(alice(), request.digest())).await.unwrap();
        let executing = async {
            while gate.get_request(request.id()).await.unwrap().execution().state != ExecutionState::Executing {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(LONG, executing).await.expect("it starts");
        gate.new_incarnation().await.unwrap();
        gate.get_request(request.id()).await.unwrap().execution().state
    };
    tokio::select! {
        _ = call => panic!("it does not end"),
        state = renews => assert_eq!(state, ExecutionState::Indeterminate),
    }
}
