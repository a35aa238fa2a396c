//! Promises about what comes back: byte for byte what was written.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::Opening;
use super::handle::{Handle, assert_same, everything};
use super::sample::{Sample, approve, cancel, claim, finish, gate, vote};
use crate::agent::Agent;
use crate::arguments::{Arguments, Digest, MAX_BYTES};
use crate::decision::{Answer, Reviewer};
use crate::request::{ApprovalRequest, Event, ExecutionState, Outcome, Settlement, Verdict};
use crate::store::Cursor;
use crate::tool::{Effect, Tool};

/// Texts that a careless store would change, cut, match or fail on.
pub(super) const TEXTS: [&str; 20] = [
    "",
    " ",
    "\0",
    "a\0b",
    "line\nbreak\r\n\ttab",
    "\u{1}\u{7f}\u{80}\u{9f}",
    "x'; DROP TABLE approvals;-- %_\\",
    "\"quoted\" `ticks` $1 ?1 :name @name {braces} %s",
    "*?[a-z]",
    "ünïcödé",
    "u\u{308}nicode",
    "\u{feff}mark",
    "\u{202e}evil\u{202c}",
    "👩‍👩‍👧‍👦 \u{10ffff}",
    "ẞ ß ſ İ ı",
    "null",
    "true",
    "1e400",
    "tenantA:req:1",
    "a:b:c/d\\e",
];

/// Arguments come back with their bytes, keys' order and digest: through reads, queries, and as edits.
pub async fn arguments_round_trip(opening: &Opening) {
    let store = opening.handle().await;
    for canonical in arguments() {
        let arguments = Arguments::from_canonical(&*canonical).expect("it is canonical");
        let request = store.make(&Sample::of("a").arguments(arguments.clone())).await;
        assert_eq!(request.arguments().canonical(), canonical);
        assert_eq!(request.digest(), Digest::of(canonical.as_bytes()));
        assert_eq!(request.arguments().to_value(), arguments.to_value());
        let edited = store.make(&Sample::of("a")).await;
        let edit = Event::Vote {
            reviewer: Reviewer::new("alice"),
            answer: Answer::Approve,
            digest: Some(edited.digest()),
            edited: Some(Arc::new(arguments)),
            comment: None,
            door: "suite",
        };
        let edited = store.does(&edited, &edit).await;
        assert_eq!(edited.edited_arguments().map(Arguments::canonical), Some(&*canonical));
        assert_eq!(edited.arguments().canonical(), Sample::of("a").made(store.now().await).0.arguments().canonical());
        for request in [request, edited] {
            assert_same(&found(&store, &request).await, &request);
        }
    }
}

/// I28: arguments of the most bytes that a call may have are kept whole.
pub async fn longest_arguments_round_trip(opening: &Opening) {
    let store = opening.handle().await;
    let frame = r#"{"body":"!"}"#.len();
    let canonical = format!(r#"{{"body":"{}!"}}"#, "ß".repeat((MAX_BYTES - frame) / 2));
    assert!(canonical.len() > MAX_BYTES - 2);
    let arguments = Arguments::from_canonical(canonical.clone()).expect("it is canonical");
    let request = store.make(&Sample::of("a").arguments(arguments)).await;
    assert!(request.arguments().canonical() == canonical, "{} bytes are not as they were", canonical.len());
    let request = store.does(&request, &approve(&request, "alice")).await;
    assert_same(&found(&store, &request).await, &request);
}

/// What agents and people say comes back: reasons, comments, names, ids of runs and calls, rules.
pub async fn words_round_trip(opening: &Opening) {
    let store = opening.handle().await;
    let long = "länge ".repeat(1_000);
    for text in TEXTS.into_iter().chain([&*long]) {
        let before = Agent::new(format!("before {text}"));
        let agent = Agent::new(text).run_id(text).call_id(text).on_behalf_of(format!("p {text}")).handed_off_by(&before);
        let sample = || Sample::of("a").tool(Tool::named(text)).agent(agent.clone()).reason(text);
        let request = store.make(&sample()).await;
        assert_eq!((request.reason(), request.tool_name(), request.run_id()), (Some(text), text, Some(text)));
        assert_eq!((request.agent_name(), request.call_id()), (Some(text), Some(text)));
        let decided = store.does(&request, &vote(&request, &format!("r {text}"), Answer::Reject, Some(text))).await;
        assert_eq!((decided.comment(), decided.decided_by()), (Some(text), Some(&*format!("r {text}"))));
        assert_same(&found(&store, &decided).await, &decided);
        let denied = store.make(&sample().verdict(Verdict::Deny { rule: text.into() })).await;
        assert_eq!(denied.matched_rule(), Some(text));
        let cancelled = store.make(&sample()).await;
        let cancelled = store.does(&cancelled, &cancel(text)).await;
        assert_eq!(cancelled.decided_by(), Some(text));
    }
}

/// What a tool says of itself comes back, and so its fingerprint.
pub async fn tools_round_trip(opening: &Opening) {
    let store = opening.handle().await;
    let tool = Tool::named("delete_record")
        .timeout(Duration::from_secs(30 * 24 * 3_600))
        .max_wait(Duration::from_millis(1))
        .effect(Effect::External)
        .approvers(["dba", "a,b", ""])
        .redact(["card.number"])
        .quorum(3);
    let request = store.make(&Sample::of("a").tool(tool.clone())).await;
    let kept = request.tool();
    assert_eq!((kept.name(), kept.fingerprint()), (tool.name(), tool.fingerprint()));
    assert_eq!((kept.reviewers_time(), kept.callers_wait()), (tool.reviewers_time(), tool.callers_wait()));
    assert_eq!((kept.stake(), kept.required_quorum()), (tool.stake(), 3));
    assert!(kept.named_approvers().eq(["dba", "a,b", ""]));
    assert!(kept.redacted_paths().eq(["card.number"]));
}

/// Votes, starts, ends, results and settlements come back; so do the times, to the microsecond.
pub async fn outcomes_round_trip(opening: &Opening) {
    let store = opening.handle().await;
    for (outcome, result) in [
        (Outcome::Executed, Some("\"\\u0000 ü\"".to_owned())),
        (Outcome::Executed, Some(format!("\"{}\"", "x".repeat(200_000)))),
        (Outcome::Failed, None),
        (Outcome::Indeterminate, None),
    ] {
        let request = store.make(&Sample::of("a").tool(Tool::named("pay").quorum(2))).await;
        let request = store.does(&request, &approve(&request, "alice")).await;
        let request = store.does(&request, &approve(&request, "bob")).await;
        let votes: Vec<_> = request.votes().iter().map(|vote| (&*vote.reviewer, vote.decision, vote.digest)).collect();
        assert_eq!(votes, ["alice", "bob"].map(|by| (by, Answer::Approve, request.digest())));
        let started = store.does(&request, &claim(&request, gate(1), gate(2))).await;
        let execution = started.execution();
        assert_eq!((execution.claim_id, execution.holder), (Some(gate(1)), Some(gate(2))));
        let kept: Option<Arc<str>> = result.as_deref().map(Into::into);
        let ended = store.does(&started, &finish(gate(1), outcome, kept)).await;
        let execution = ended.execution();
        assert_eq!(execution.result.as_deref(), result.as_deref());
        assert_eq!(execution.result_digest, result.as_ref().map(|result| Digest::of(result.as_bytes())));
        assert!(request.created_at() <= request.decided_at().expect("it is decided"));
        assert!(request.decided_at() <= execution.started_at && execution.started_at <= execution.finished_at);
        assert_same(&found(&store, &ended).await, &ended);
        if outcome == Outcome::Indeterminate {
            let settle = Event::Settle { by: Reviewer::new("carol"), outcome: Settlement::Failed, door: "suite" };
            let settled = store.does(&ended, &settle).await;
            let execution = settled.execution();
            assert_eq!((execution.state, execution.settled_by.as_deref()), (ExecutionState::Failed, Some("carol")));
        }
    }
}

/// Finds a request by a query, as the only one at its place.
async fn found(store: &Handle, request: &ApprovalRequest) -> ApprovalRequest {
    let mut query = everything(request.namespace(), store.now().await);
    let all = store.find(&query).await;
    let place = all.iter().position(|other| other.id() == request.id()).expect("a query finds it");
    query.after = place.checked_sub(1).map(|before| Cursor::of(&all[before]));
    query.limit = Some(1);
    store.find(&query).await.pop().expect("it is at its place")
}

/// Canonical texts of arguments that are easily changed.
fn arguments() -> Vec<String> {
    let mut all: Vec<String> = [
        "{}",
        r#"{"":null}"#,
        r#"{"a":18446744073709551615,"b":9007199254740993,"c":-9223372036854775808}"#,
        r#"{"a":0.1,"b":5.0,"c":-0.0,"d":1e+300,"e":5e-324,"f":1.7976931348623157e+308}"#,
        r#"{"a":[],"b":[[],[{}]],"c":{"d":{"e":{}}},"f":[null,true,false]}"#,
        r#"{"A":1,"B":2,"a":3,"aa":4,"b":5,"ä":6,"中":7}"#,
    ]
    .map(Into::into)
    .into();
    let mut texts = String::from("{");
    let quoted = |text: &str| serde_json::to_string(text).expect("texts have a JSON form");
    for (nth, text) in TEXTS.iter().enumerate() {
        write!(texts, "{}\"{nth:02}\":{}", if nth == 0 { "" } else { "," }, quoted(text)).expect("a String takes it");
    }
    all.push(texts + "}");
    all.extend(TEXTS.map(|text| format!("{{{}:{{{}:1}}}}", quoted(text), quoted(text))));
    let deep = 62;
    all.push(format!(r#"{{"deep":{}1{}}}"#, "[".repeat(deep), "]".repeat(deep)));
    all
}
