//! I2, I4, I6, I21: everything that can end a request happens at once, and eight observers look: the caller, who decides, readers
//! of the request, of pages, of events and of a run's progress, HTTP, and the history. They agree.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use approval_runtime::store::AuditQuery;
use approval_runtime::{
    Agent, ApprovalGate, ApprovalRequest, ApprovalStatus, ApprovalStore, DecideError, Decision, ExecutionState, MemoryStore,
    Refusal, RequestId, RequestQuery, Reviewer, SqliteStore, Tool,
};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::server::{Served, served_at};
use crate::sqlite::Dir;
use crate::tools::builder;

/// Returns what gives each gate its handle of one fresh store, which may be in this folder.
type Open = fn(&Dir) -> Box<dyn Fn() -> Arc<dyn ApprovalStore>>;

/// The stores that are raced on, and how many batches the long race is there.
const STORES: &[(&str, usize, Open)] = &[
    ("memory", 4_000, |_| {
        let store = Arc::new(MemoryStore::new());
        Box::new(move || store.clone())
    }),
    // As in a process each.
    ("sqlite", 400, |dir| {
        let file = dir.file();
        Box::new(move || Arc::new(SqliteStore::open(&file).unwrap()))
    }),
];

/// How many requests race side by side.
const BATCH: usize = 25;

#[test]
fn i04_eight_observers_agree() {
    race(|_| 12, 4);
}

/// As [`i04_eight_observers_agree`], 100,000 times in memory, and 10,000 times on a disk.
#[test]
#[ignore = "takes minutes"]
fn i04_eight_observers_agree_for_long() {
    race(|long| long, 16);
}

/// Deadlines race in one batch of `every`: they take a second to come.
fn race(batches: impl Fn(usize) -> usize, every: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    for (name, long, open) in STORES {
        let outcomes = runtime.block_on(async {
            let dir = Dir::new();
            let handle = open(&dir);
            let served = served_at(builder().shared_store(handle()).build().unwrap()).await;
            let (served, mut outcomes) = (Arc::new(served), BTreeMap::<_, usize>::new());
            for batch in 0..batches(*long) {
                let mut rounds = JoinSet::new();
                let by_deadline = batch % every == every - 1;
                for nth in 0..BATCH {
                    let (store, served) = (handle(), Arc::clone(&served));
                    rounds.spawn(async move { Round::begin(store, served, batch, nth, by_deadline).run().await });
                }
                while let Some(outcome) = rounds.join_next().await {
                    *outcomes.entry(outcome.unwrap_or_else(|error| panic!("{name}, batch {batch}: {error}"))).or_default() += 1;
                }
            }
            outcomes
        });
        println!("{name}: {outcomes:?}");
        let came: Vec<_> = outcomes.keys().copied().collect();
        for status in ["approved", "cancelled", "rejected", "timed_out"] {
            assert!(came.iter().any(|(came, _)| *came == status), "{name}: no round ended {status}: {outcomes:?}");
        }
        assert!(outcomes.contains_key(&("approved", "executed")), "{name}: {outcomes:?}");
    }
}

/// What becomes of the call and its gate meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Waits,
    Dropped,
    ShutDown,
}

struct Round {
    store: Arc<dyn ApprovalStore>,
    served: Arc<Served>,
    gate: ApprovalGate,
    turn: usize,
    nth: usize,
    fate: Fate,
    by_deadline: bool,
    starts: Arc<AtomicUsize>,
}

/// A record as somebody saw it.
#[derive(Clone, Copy, Debug)]
struct Sight {
    by: &'static str,
    version: u32,
    status: ApprovalStatus,
    state: ExecutionState,
}

impl Sight {
    fn of(by: &'static str, request: &ApprovalRequest) -> Self {
        Self { by, version: request.version(), status: request.status(), state: request.execution().state }
    }
}

impl Round {
    fn begin(store: Arc<dyn ApprovalStore>, served: Arc<Served>, turn: usize, nth: usize, by_deadline: bool) -> Self {
        // A gate of its own: it may shut down.
        let gate = builder().shared_store(Arc::clone(&store)).build().unwrap();
        let fate = match nth % 5 {
            3 => Fate::Dropped,
            4 => Fate::ShutDown,
            _ => Fate::Waits,
        };
        Self { store, served, gate, turn, nth, fate, by_deadline, starts: Arc::default() }
    }

    async fn run(self) -> (&'static str, &'static str) {
        let (mut events, mut progress) = (self.gate.events(), self.gate.events().run(&self.run_id()));
        let mut call = tokio::spawn(self.call());
        let asked = loop {
            // Each gate hears of the calls at the others.
            let event = events.next().await.expect("the call asks");
            if event.request.run_id() == Some(&self.run_id()) {
                break event.request;
            }
        };
        let id = asked.id();
        if self.by_deadline {
            // A little before it, or at it: deadlines race on the real clock, as the store's own does not stand still.
            let left = (asked.expires_at() - self.store.now().await.unwrap().time).to_std().unwrap_or_default();
            tokio::time::sleep(left.saturating_sub(Duration::from_millis(self.nth as u64 % 5))).await;
        }
        let over = Arc::new(AtomicBool::new(false));
        let (mut looks, mut acts) = (JoinSet::new(), JoinSet::new());
        looks.spawn(look_at_request(self.served.gate.clone(), id, Arc::clone(&over)));
        looks.spawn(look_at_pages(self.served.gate.clone(), id, Arc::clone(&over)));
        looks.spawn(look_over_http(Arc::clone(&self.served), id, Arc::clone(&over)));
        // Who comes first is another one each time.
        for nth in 0..4 {
            let (gate, digest) = (self.gate.clone(), asked.digest());
            let late = (self.turn * 7 + self.nth * 3 + nth * 5) % 6;
            let act = async move {
                for _ in 0..late {
                    tokio::task::yield_now().await;
                }
                let approve = |by| Decision::approve(Reviewer::new(by), digest);
                match nth {
                    0 => Some(Answered::of("alice", gate.decide(id, approve("alice")).await)),
                    1 => Some(Answered::of("bob", gate.decide(id, approve("bob")).await)),
                    2 => Some(Answered::of("cleo", gate.decide(id, Decision::reject(Reviewer::new("cleo"))).await)),
                    _ => Some(Answered::of("operator", gate.cancel(id, "operator").await)),
                }
            };
            if nth < 3 || self.nth.is_multiple_of(3) {
                acts.spawn(act);
            }
        }
        match self.fate {
            Fate::Waits => {}
            Fate::Dropped => call.abort(),
            Fate::ShutDown => {
                let gate = self.gate.clone();
                acts.spawn(async move {
                    gate.shutdown().await;
                    None
                });
            }
        }
        let told = timeout(LONG, &mut call).await.expect("whoever waits is told").ok();
        let answers: Vec<_> = acts.join_all().await.into_iter().flatten().collect();
        self.settled(id).await;
        over.store(true, Ordering::SeqCst);
        let sights = looks.join_all().await.concat();
        // Other gates settle what a gate that shut down left, at any time: read anew what may have been seen of it.
        let (last, history) = self.settled(id).await;

        let starts = self.starts.load(Ordering::SeqCst);
        let place = format!(
            "round {}, {:?}, {} starts, told {told:?}, answered {answers:?}, history {history:#?}",
            self.nth, self.fate, starts
        );
        check_history(&history, &last, &place);
        sights.iter().for_each(|sight| check_sight(sight, &history, &last, &place));
        check_answers(&answers, &history, &last, &place);
        check_caller(told.as_ref(), starts, &last, &place);
        if self.fate != Fate::ShutDown {
            let done: Vec<_> = history.iter().map(|row| &*row.what).filter(|what| *what != "refused").collect();
            let mut heard = vec!["requested"];
            while heard.len() < done.len() {
                let event = timeout(LONG, events.next()).await.unwrap_or_else(|_| panic!("{place}: heard {heard:?}")).unwrap();
                if event.request.id() != id {
                    continue;
                }
                check_sight(&Sight::of("a reader of events", &event.request), &history, &last, &place);
                heard.push(event.kind.as_str());
            }
            assert_same(&heard, &done, &place);
            let steps: Vec<_> = done.iter().map(|what| step_of(what)).collect();
            let mut shown = Vec::new();
            while shown.len() < steps.len() {
                let step = timeout(LONG, progress.next()).await.unwrap_or_else(|_| panic!("{place}: shown {shown:?}")).unwrap();
                shown.push(step.kind().as_str());
            }
            assert_same(&shown, &steps, &place);
        }
        (last.status().as_str(), last.execution().state.as_str())
    }

    fn call(&self) -> impl Future<Output = Result<Value, Refusal>> + Send + use<> {
        let (gate, starts, nth) = (self.gate.clone(), Arc::clone(&self.starts), self.nth);
        let tool = Tool::named("race").timeout(Duration::from_secs(if self.by_deadline { 1 } else { 120 }));
        let body = move |arguments| async move {
            starts.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Ok(arguments)
        };
        let call = async move { gate.call(tool, json!({ "nth": nth }), body).await };
        Agent::new("racer").run_id(self.run_id()).scope(call)
    }

    fn run_id(&self) -> String {
        format!("run-{}-{}", self.turn, self.nth)
    }

    /// Returns the request once nothing more happens to it, and its history. What a call left in the background takes a moment,
    /// and what a gate does by itself: the two are read until they are of the same version.
    async fn settled(&self, id: RequestId) -> (ApprovalRequest, Vec<Row>) {
        for _ in 0..1_000 {
            let request = self.served.gate.get_request(id).await.unwrap();
            if request.has_ended() || request.is_indeterminate() || self.fate == Fate::ShutDown {
                let history = self.history(id).await;
                if agrees(&history, &request) {
                    return (request, history);
                }
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("round {}, {:?}: it never ends", self.nth, self.fate)
    }

    async fn history(&self, id: RequestId) -> Vec<Row> {
        let query = AuditQuery { namespace: "default".into(), request: Some(id), after: 0, limit: None };
        let logged = self.store.audit(&query).await.unwrap();
        let rows = logged.into_iter().map(|logged| {
            let text: Value = serde_json::from_str(&logged.row.text).unwrap();
            Row {
                version: logged.row.version,
                what: text["what"].as_str().unwrap().into(),
                by: text["by"].as_str().map(Into::into),
                status: serde_json::from_value(text["status"].clone()).unwrap(),
                state: serde_json::from_value(text["execution"].clone()).unwrap(),
                previous: text["previous"].as_str().map(Into::into),
                hash: logged.row.hash.to_string(),
            }
        });
        rows.collect()
    }
}

/// Longer than anything takes here.
const LONG: Duration = Duration::from_secs(30);

#[derive(Debug)]
struct Row {
    version: u32,
    what: Box<str>,
    by: Option<Box<str>>,
    status: ApprovalStatus,
    state: ExecutionState,
    previous: Option<Box<str>>,
    hash: String,
}

/// What a reviewer or an operator was answered: whether theirs was taken, and the request as they were shown it.
#[derive(Debug)]
struct Answered {
    by: &'static str,
    taken: bool,
    sight: Sight,
}

impl Answered {
    fn of(by: &'static str, answer: Result<ApprovalRequest, DecideError>) -> Self {
        match answer {
            Ok(request) => Self { by, taken: true, sight: Sight::of(by, &request) },
            Err(DecideError::AlreadyDecided { request }) => Self { by, taken: false, sight: Sight::of(by, &request) },
            Err(error) => panic!("{by}: {error}"),
        }
    }
}

/// Looks again and again, and once more when it is over.
macro_rules! looks {
    ($over:expr, $look:expr) => {{
        let mut sights = Vec::new();
        loop {
            let over = $over.load(Ordering::SeqCst);
            sights.extend($look);
            if over {
                return sights;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }};
}

async fn look_at_request(gate: ApprovalGate, id: RequestId, over: Arc<AtomicBool>) -> Vec<Sight> {
    looks!(over, gate.get_request(id).await.map(|request| Sight::of("a reader of requests", &request)))
}

async fn look_at_pages(gate: ApprovalGate, id: RequestId, over: Arc<AtomicBool>) -> Vec<Sight> {
    looks!(over, {
        let page = gate.get_requests(&RequestQuery::new()).await.unwrap().requests;
        page.iter().find(|request| request.id() == id).map(|request| Sight::of("a reader of pages", request))
    })
}

async fn look_over_http(served: Arc<Served>, id: RequestId, over: Arc<AtomicBool>) -> Vec<Sight> {
    looks!(over, {
        let json = served.get(&format!("/approvals/{id}")).await.json();
        Some(Sight {
            by: "a client",
            version: u32::try_from(json["version"].as_u64().unwrap()).unwrap(),
            status: serde_json::from_value(json["status"].clone()).unwrap(),
            state: serde_json::from_value(json["execution"]["state"].clone()).unwrap(),
        })
    })
}

/// Says whether a history tells of this version, and no more.
fn agrees(history: &[Row], request: &ApprovalRequest) -> bool {
    let written = history.last().expect("it was asked");
    let same =
        (written.version, written.status, written.state) == (request.version(), request.status(), request.execution().state);
    // A deadline that nobody has written yet shows all the same.
    same || request.status() == ApprovalStatus::TimedOut && written.status == ApprovalStatus::Pending
}

/// I3, I21: a row a version, and one way out of pending.
fn check_history(history: &[Row], last: &ApprovalRequest, place: &str) {
    let mut before: Option<&Row> = None;
    for (version, row) in (1..).zip(history) {
        assert_eq!(row.version, version, "I21: {place}");
        assert_eq!(row.previous.as_deref(), before.map(|before| &*before.hash), "I21: {place}");
        let follows = match before.map(|before| before.status) {
            None | Some(ApprovalStatus::Pending) => true,
            Some(ApprovalStatus::Approved) => matches!(row.status, ApprovalStatus::Approved | ApprovalStatus::Cancelled),
            Some(status) => row.status == status,
        };
        assert!(follows, "I3: {place}");
        before = Some(row);
    }
    assert!(agrees(history, last), "I4: {last:?}, {place}");
    let started = history.iter().filter(|row| &*row.what == "started").count();
    assert!(started <= 1, "I2: {place}");
}

/// I4, I6: what anybody saw is what was written, and what has ended stays.
fn check_sight(sight: &Sight, history: &[Row], last: &ApprovalRequest, place: &str) {
    if sight.status == ApprovalStatus::TimedOut {
        assert_eq!(last.status(), ApprovalStatus::TimedOut, "I6: {} saw {sight:?}, {place}", sight.by);
        return;
    }
    let row = history.get(sight.version as usize - 1).unwrap_or_else(|| panic!("{} saw {sight:?}, {place}", sight.by));
    assert_eq!((row.status, row.state), (sight.status, sight.state), "I4: {} saw {sight:?}, {place}", sight.by);
}

/// I3: whoever was told that theirs was taken has it in the history, and nobody else has.
fn check_answers(answers: &[Answered], history: &[Row], last: &ApprovalRequest, place: &str) {
    answers.iter().for_each(|answer| check_sight(&answer.sight, history, last, place));
    let mut taken: Vec<_> = answers.iter().filter(|answer| answer.taken).map(|answer| answer.by).collect();
    let done = history.iter().filter(|row| matches!(&*row.what, "approved" | "rejected" | "cancelled"));
    let mut written: Vec<_> = done.filter_map(|row| row.by.as_deref()).filter(|by| *by != "caller").collect();
    taken.sort_unstable();
    written.sort_unstable();
    assert_eq!(taken, written, "I3: {place}");
    assert!(taken.iter().filter(|by| **by != "operator").count() <= 1, "I3: {place}");
}

/// I2, I4, I25: what the caller was told, and whether the body started.
fn check_caller(told: Option<&Result<Value, Refusal>>, starts: usize, last: &ApprovalRequest, place: &str) {
    let state = last.execution().state;
    match starts {
        0 => assert!(matches!(state, ExecutionState::NotStarted | ExecutionState::Indeterminate), "I1: {place}"),
        1 => assert!(matches!(state, ExecutionState::Executed | ExecutionState::Indeterminate), "I1: {place}"),
        _ => panic!("I2: {place}"),
    }
    let agrees = match told {
        None => !matches!((last.status(), state), (ApprovalStatus::Pending, _) | (_, ExecutionState::Executing)),
        Some(Ok(_)) => starts == 1 && state == ExecutionState::Executed,
        Some(Err(Refusal::Rejected { .. })) => last.status() == ApprovalStatus::Rejected,
        Some(Err(Refusal::TimedOut { .. })) => last.status() == ApprovalStatus::TimedOut,
        Some(Err(Refusal::Cancelled { .. })) => last.status() == ApprovalStatus::Cancelled,
        Some(Err(Refusal::ShuttingDown { .. })) => starts == 0,
        Some(Err(_)) => false,
    };
    assert!(agrees, "I4: {place}");
}

/// Returns what the end user of a run is shown of a transition.
fn step_of(what: &str) -> &str {
    match what {
        "requested" => "waiting",
        "started" => "running",
        "executed" => "done",
        what => what,
    }
}

/// Two commits may be told in another order than they were made in, each once.
fn assert_same(told: &[&str], written: &[&str], place: &str) {
    let sorted = |list: &[&str]| {
        let mut list: Vec<_> = list.iter().map(|&word| word.to_owned()).collect();
        list.sort_unstable();
        list
    };
    assert_eq!(sorted(told), sorted(written), "I4: {place}");
}
