//! Stores: what they are given comes back byte for byte, and finds nothing but itself.

use std::sync::Arc;

use approval_runtime::request::{Event, Outcome, Verdict};
use approval_runtime::store::conformance::{Sample, update};
use approval_runtime::store::{AuditQuery, Expect, Query, RowQuery, Space, Write};
use approval_runtime::{
    Agent, Answer, ApprovalGate, ApprovalStore, Arguments, Digest, MemoryStore, Refusal, RequestId, Reviewer, SqliteStore, Tool,
};
use serde_json::Value;

use super::corpus::{Bite, Case, biting, texts};
use crate::sqlite::Dir;

/// Every store that there is, empty.
fn stores(dir: &Dir) -> Vec<(&'static str, Arc<dyn ApprovalStore>)> {
    vec![("memory", Arc::new(MemoryStore::new())), ("sqlite", Arc::new(SqliteStore::open(dir.file()).expect("a new file")))]
}

/// As a value, a name, a key, a namespace and a person's words.
#[tokio::test]
async fn texts_come_back_from_stores() {
    let is_walked = |case: &&Case| texts().any(|other| other.id == case.id);
    assert!(biting(Bite::Sqlite).iter().all(is_walked), "one is no text");
    let dir = Dir::new();
    for (name, store) in stores(&dir) {
        for case in texts() {
            let _trying = case.trying();
            comes_back(name, &*store, case).await;
        }
    }
}

async fn comes_back(name: &str, store: &dyn ApprovalStore, case: &Case) {
    let (text, at) = (case.text(), || format!("{name}: {}", case.id));
    let quoted = serde_json::to_string(text).expect("texts have a JSON form");
    let arguments = Arguments::from_canonical(format!("{{{quoted}:[{quoted}]}}")).unwrap_or_else(|error| panic!("{error:?}"));
    let agent = Agent::new(text).run_id(text).call_id(text).on_behalf_of(text);
    let key = Digest::of(case.id.as_bytes());
    let claim_id = RequestId::random().into();
    let started = Verdict::AutoApprove { rule: text.into(), claim_id, holder: claim_id };
    let sample = || Sample::of(text).tool(Tool::named(text)).arguments(arguments.clone()).agent(agent.clone()).reason(text);
    // A text may be in the corpus twice.
    let before = store.audit(&log(text)).await.expect(name).len();
    let now = store.now().await.expect(name);
    let [asked, ran] = [sample(), sample().key(key).verdict(started)];
    let row = |namespace: &str, expect| Write::Put {
        namespace: namespace.into(),
        space: Space::Tool,
        key: text.into(),
        value: Some(text.into()),
        expect,
    };
    let writes = [asked.insert(now), ran.insert(now), row(text, Expect::Any), row("all", Expect::Any)];
    store.commit(&writes).await.unwrap_or_else(|error| panic!("{}: {error}", at()));

    let asked = store.get(text, asked.id()).await.expect(name).expect("it was inserted");
    assert_eq!(asked.arguments(), &arguments, "{}", at());
    assert_eq!(asked.arguments().to_value()[text][0], *text, "{}", at());
    assert_eq!((asked.tool_name(), asked.namespace(), asked.reason()), (text, text, Some(text)), "{}", at());
    assert_eq!((asked.agent_name(), asked.call_id(), asked.requested_by()), (Some(text), Some(text), Some(text)), "{}", at());
    let rejection = Event::Vote {
        reviewer: Reviewer::new(format!("reviewer {text}")),
        answer: Answer::Reject,
        digest: None,
        edited: None,
        comment: Some(text.into()),
        door: "test",
    };
    let ran = store.get(text, ran.id()).await.expect(name).expect("it was inserted");
    let finished = Event::Finish { claim_id, outcome: Outcome::Executed, result: Some(quoted.as_str().into()) };
    let now = store.now().await.expect(name);
    store.commit(&[update(&asked, &rejection, now), update(&ran, &finished, now)]).await.expect(name);
    let asked = store.get(text, asked.id()).await.expect(name).expect("it is kept");
    assert_eq!(asked.comment(), Some(text), "{}", at());
    assert_eq!(asked.decided_by(), Some(&*format!("reviewer {text}")), "{}", at());
    let ran = store.get(text, ran.id()).await.expect(name).expect("it is kept");
    assert_eq!((ran.matched_rule(), ran.execution().result.as_deref()), (Some(text), Some(&*quoted)), "{}", at());

    // As a filter it finds itself.
    let all = Query { namespace: text.into(), at: now, ..Query::default() };
    let found = store.query(&all).await.expect(name);
    assert!(found.corrupt.is_empty() && found.requests.iter().all(|request| request.namespace() == text), "{}", at());
    assert_eq!(store.audit(&log(text)).await.expect(name).len(), before + 4, "{}", at());
    let by_prefix = RowQuery { prefix: text.into(), ..RowQuery::all("all", Space::Tool) };
    let rows = store.rows(&by_prefix).await.expect(name);
    assert!(rows.iter().all(|row| row.key.starts_with(text)), "{}", at());
    assert!(rows.iter().any(|row| row.key == text && row.value == text.as_bytes()), "{}", at());
    let here = store.rows(&RowQuery::all(text, Space::Tool)).await.expect(name);
    assert_eq!(here.iter().map(|row| &*row.key).collect::<Vec<_>>(), [text], "{}", at());
}

/// I28: what is too large is refused by name before it comes to a store.
#[tokio::test]
async fn i28_bodies_too_large_reach_no_store() {
    let dir = Dir::new();
    for (name, store) in stores(&dir) {
        for case in biting(Bite::Stores) {
            let _trying = case.trying();
            let tool = Tool::named("bare.act");
            let gate = ApprovalGate::builder().without_notifier().tool(tool.clone()).shared_store(Arc::clone(&store));
            let gate = gate.build().expect("the tools are in order");
            let arguments: Value = serde_json::from_slice(case.body()).expect("it is JSON");
            let refusal = gate.call(tool, arguments, |_| async { Ok::<(), Refusal>(()) }).await.expect_err(&case.id);
            let Refusal::Unrepresentable { error, .. } = &refusal else { panic!("{name}: {refusal:?}") };
            assert_eq!(Some(error.error()), case.expect.error.as_deref(), "{name}");
            let all = Query { namespace: "default".into(), ..Query::default() };
            assert!(store.query(&all).await.expect(name).requests.is_empty(), "{name}");
            assert_eq!(store.audit(&log("default")).await.expect(name), [], "{name}");
        }
    }
}

fn log(namespace: &str) -> AuditQuery {
    AuditQuery { namespace: namespace.into(), request: None, after: 0, limit: None }
}
