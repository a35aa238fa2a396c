//! Several processes on one file.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use approval_runtime::{ApprovalStatus, RequestQuery};

use super::{Dir, approve, ask, gate, history, open};

const PROCESSES: usize = 8;
const SHARED: usize = 60;
const OWN: usize = 30;

/// Where a child finds the file, and who it is.
const CHILD: &str = "APPROVAL_SQLITE_CHILD";

/// F7: eight processes decide the same requests and make some of their own. Nothing is lost, nothing is decided twice.
#[tokio::test]
async fn f07_eight_processes_lose_nothing() {
    let dir = Dir::new();
    let store = open(&dir.file());
    let gate = gate(&store);
    let mut shared = Vec::new();
    for _ in 0..SHARED {
        shared.push(ask(&gate).await);
    }
    let children = (0..PROCESSES).map(|nth| {
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["sqlite::processes::child_of_eight", "--exact", "--ignored", "--nocapture"]);
        child.env(CHILD, format!("{nth} {}", dir.file().display())).stdout(Stdio::piped());
        child.spawn().unwrap()
    });
    let children: Vec<_> = children.collect();
    let mut won = 0;
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let text = String::from_utf8(output.stdout).unwrap();
        let line = text.lines().find_map(|line| line.split_once("won ")).expect("a child says how many it won");
        won += line.1.trim().parse::<usize>().unwrap();
    }
    assert_eq!(won, SHARED, "each is decided once");
    for request in &shared {
        let decided = gate.get_request(request.id()).await.unwrap();
        assert_eq!(decided.status(), ApprovalStatus::Approved);
        let rows = history(&store, request).await;
        assert!(rows.iter().zip(1..).all(|(logged, version)| logged.row.version == version));
        assert_eq!(decided.version() as usize, rows.len());
    }
    let query = RequestQuery::new().status(ApprovalStatus::Cancelled).limit(PROCESSES * OWN + 1);
    assert_eq!(gate.get_requests(&query).await.unwrap().requests.len(), PROCESSES * OWN);
}

/// What one of the eight does.
#[tokio::test]
#[ignore = "f07_eight_processes_lose_nothing runs it"]
async fn child_of_eight() {
    let Ok(named) = env::var(CHILD) else { return };
    let (nth, path) = named.split_once(' ').unwrap();
    let store = open(&PathBuf::from(path));
    let gate = gate(&store);
    let mut won = 0;
    let query = RequestQuery::new().limit(SHARED + PROCESSES * OWN);
    let mut shared = gate.get_requests(&query).await.unwrap().requests;
    shared.rotate_left(nth.parse::<usize>().unwrap() * 7 % SHARED);
    for request in shared.iter().filter(|request| request.arguments().canonical().contains("amount\":5")) {
        won += usize::from(gate.decide(request.id(), approve(request, &format!("reviewer {nth}"))).await.is_ok());
    }
    for _ in 0..OWN {
        let request = super::ask_with(&gate, serde_json::json!({"own": nth})).await;
        gate.cancel(request.id(), "operator").await.unwrap();
    }
    println!("won {won}");
}
