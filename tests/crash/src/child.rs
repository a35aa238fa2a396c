//! A child: it asks, decides and runs at random until it is killed, and writes down what it was told.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{self, ExitCode};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use std::{panic, thread};

use approval_runtime::store::{ApprovalStore, Query, Which};
use approval_runtime::{
    ApprovalGate, ApprovalRequest, ApprovalStatus, Decision, ExecutionState, NewRequest, RequestId, RequestQuery, Reviewer,
    Settlement, SqliteStore,
};
use serde_json::json;

use crate::dice::Dice;
use crate::files::{self, Lines};
use crate::points::Part;
use crate::tools::{self, BODIES, Fault};

/// What the parent wants of a child.
pub(crate) struct Orders {
    pub(crate) folder: PathBuf,
    pub(crate) child: u64,
    pub(crate) seed: u64,
    /// The first number that it calls.
    pub(crate) first: u64,
    pub(crate) part: Part,
    /// The place where it stops, and how often it passes there before.
    pub(crate) point: Option<(String, u64)>,
}

impl Orders {
    pub(crate) fn args(&self) -> Vec<String> {
        let Self { folder, child, seed, first, part, point } = self;
        let numbers = [child, seed, first].map(u64::to_string);
        let mut args = vec!["child".to_owned(), folder.display().to_string(), part.name()];
        args.extend(numbers);
        args.extend(point.iter().flat_map(|(name, passes)| [name.clone(), passes.to_string()]));
        args
    }

    fn read(args: &[String]) -> Option<Self> {
        let number = |nth: usize| args.get(nth)?.parse().ok();
        let point = args.get(5).cloned().and_then(|name| Some((name, number(6)?)));
        Some(Self {
            folder: args.first()?.into(),
            part: Part::named(args.get(1)?)?,
            child: number(2)?,
            seed: number(3)?,
            first: number(4)?,
            point,
        })
    }
}

/// Says something to the parent.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

/// Stops here for ever, with whatever it holds.
fn stop(point: &str) -> ! {
    say(&format!("at {point}"));
    loop {
        thread::park();
    }
}

pub(crate) fn main(args: &[String]) -> ExitCode {
    let Some(orders) = Orders::read(args) else { return ExitCode::FAILURE };
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if panic.payload_as_str() != Some(tools::PANIC) {
            usual(panic);
            process::exit(101);
        }
    }));
    if let Some((point, passes)) = orders.point.clone() {
        let left = AtomicU64::new(passes);
        let reached = {
            let point = point.clone();
            move || {
                if left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err() {
                    stop(&point);
                }
            }
        };
        fail::cfg_callback(point, reached).expect("the failpoints are compiled");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("threads");
    runtime.block_on(work(orders));
    say("bye");
    process::exit(0)
}

async fn work(orders: Orders) {
    let answers = Lines::open(&files::answers(&orders.folder, orders.child)).expect("the folder is there");
    let bodies = Lines::open(&files::bodies(&orders.folder, orders.child)).expect("the folder is there");
    BODIES.set(bodies).expect("it is set once");
    let store = SqliteStore::open(files::store(&orders.folder)).expect("the store is there, or can be made");
    let builder = ApprovalGate::builder().policy(tools::policy()).without_notifier().store(store.clone());
    let gate = tools::declared().into_iter().fold(builder, approval_runtime::ApprovalGateBuilder::tool);
    let gate = gate.install().expect("the gate can be made");
    answers.add(&format!("hello {}", gate.instance()));
    say("ready");
    let worker = |nth: u64| Worker {
        gate: gate.clone(),
        store: store.clone(),
        answers: Arc::clone(&answers_of(&orders.folder, orders.child)),
        dice: Dice::new(orders.seed.wrapping_mul(31).wrapping_add(nth)),
        first: orders.first,
        calls: 0,
    };
    let asks = |nth| drop(tokio::spawn(worker(nth).ask_for_ever()));
    let decides = |nth| drop(tokio::spawn(worker(nth).decide_for_ever()));
    match orders.part {
        Part::Finishes => return worker(0).finish().await,
        Part::Idles => {
            worker(0).create().await;
            return std::future::pending().await;
        }
        Part::Asks => (0..4).for_each(asks),
        Part::Decides | Part::Recovers => (1..4).for_each(decides),
        Part::Waits => drop(tokio::spawn(worker(0).wait_for_ever())),
        Part::Both | Part::Renews | Part::Removes | Part::Leaves => {
            (0..3).for_each(asks);
            decides(3);
        }
    }
    let mut special = worker(9);
    match orders.part {
        Part::Recovers => loop {
            special.recover().await;
            special.settle().await;
            special.pause(3).await;
        },
        Part::Renews => loop {
            special.pause(40).await;
            special.renew().await;
        },
        Part::Removes => loop {
            special.pause(20).await;
            let _ = special.gate.remove_ended(Duration::from_millis(500)).await;
        },
        Part::Leaves => {
            special.pause(120).await;
            gate.shutdown().await;
            answers.add("bye");
        }
        _ => std::future::pending().await,
    }
}

fn answers_of(folder: &Path, child: u64) -> Arc<Lines> {
    Arc::new(Lines::open(&files::answers(folder, child)).expect("the folder is there"))
}

struct Worker {
    gate: ApprovalGate,
    store: SqliteStore,
    answers: Arc<Lines>,
    dice: Dice,
    first: u64,
    calls: u64,
}

impl Worker {
    async fn pause(&mut self, most: u64) {
        tokio::time::sleep(Duration::from_millis(self.dice.below(most))).await;
    }

    /// A number near those that other children call, so that several make the same call.
    fn number(&mut self) -> u64 {
        self.calls += 1;
        self.first + self.calls / 4 + self.dice.below(16)
    }

    async fn ask_for_ever(mut self) {
        loop {
            match self.dice.below(10) {
                0 | 1 => self.create().await,
                _ => {
                    let number = self.number();
                    let patience = if self.dice.chance(20) { self.dice.below(30) } else { 400 + self.dice.below(900) };
                    self.call(number, Duration::from_millis(patience)).await;
                }
            }
            self.pause(3).await;
        }
    }

    async fn decide_for_ever(mut self) {
        loop {
            match self.dice.below(16) {
                0 => self.settle().await,
                1 => self.resume().await,
                2 => self.cancel().await,
                3 if self.dice.chance(50) => self.recover().await,
                _ => self.decide().await,
            }
            self.pause(4).await;
        }
    }

    /// Asks what nobody answers, and waits for the deadline.
    async fn wait_for_ever(mut self) {
        loop {
            let number = (self.number() / 12) * 12 + 11;
            self.call(number, Duration::from_secs(3)).await;
        }
    }

    /// Makes a call, and goes away if that takes too long.
    async fn call(&mut self, number: u64, patience: Duration) {
        let call = tools::agent(number).scope(tools::call(number));
        let mut call = tokio::spawn(call);
        let Ok(returned) = tokio::time::timeout(patience, &mut call).await else {
            self.answers.add(&format!("drops {number}"));
            call.abort();
            let _ = call.await;
            return;
        };
        let answer = match returned {
            Ok(Ok(text)) => format!("ok {text}"),
            Ok(Err(Fault::Failed)) => "failed".to_owned(),
            Ok(Err(Fault::Refused(refusal))) => {
                let id = refusal.request_id().map_or_else(|| "-".to_owned(), |id| id.to_string());
                if refusal.code() == "unavailable" {
                    self.answers.add(&format!("odd {refusal:?}").replace('\n', " "));
                }
                format!("refused {} {id}", refusal.code())
            }
            Err(error) if error.is_panic() => "panicked".to_owned(),
            Err(_) => return,
        };
        self.answers.add(&format!("returned {number} {answer}"));
    }

    async fn create(&mut self) {
        let number = self.number();
        let new = NewRequest::new(tools::tool(number), tools::arguments(number)).agent(tools::agent(number));
        match self.gate.create_request(new).await {
            Ok(request) => self.answers.add(&format!("created {} {} {number}", request.id(), request.version())),
            Err(refusal) if matches!(refusal.code(), "rejected" | "shutting_down") => {}
            Err(refusal) => self.answers.add(&format!("odd create: {refusal:?}").replace('\n', " ")),
        }
    }

    async fn pending(&mut self) -> Option<ApprovalRequest> {
        let pending = match self.gate.get_pending().await {
            Ok(pending) => pending,
            Err(error) => {
                self.answers.add(&format!("odd pending: {error:?}").replace('\n', " "));
                return None;
            }
        };
        let pending: Vec<_> = pending.into_iter().filter(|request| request.tool_name() != tools::NOBODY).collect();
        self.dice.pick(&pending).cloned()
    }

    async fn decide(&mut self) {
        let Some(request) = self.pending().await else { return };
        let reviewer = Reviewer::new(format!("reviewer-{}", self.dice.below(4)));
        let name = reviewer.name().to_owned();
        let kind = self.dice.below(100);
        let (said, decision) = match kind {
            0..12 => ("reject", Decision::reject(reviewer)),
            12..20 => ("approve", Decision::approve(reviewer, approval_runtime::Digest::of(b"something else"))),
            20..36 => {
                let number = request.arguments().to_value()["number"].clone();
                let edited = json!({"number": number, "cents": self.dice.below(1_000)});
                ("approve", Decision::approve(reviewer, request.digest()).edited_arguments(edited))
            }
            _ => ("approve", Decision::approve(reviewer, request.digest())),
        };
        let id = request.id();
        match self.gate.decide(id, decision).await {
            Ok(request) => self.answers.add(&format!("decided {id} {} {} {name} {said}", request.version(), request.status())),
            Err(error) => self.refused("decide", &error),
        }
    }

    /// Only what became of the store is worth a line: anything else is an answer of the lifecycle.
    fn refused(&self, what: &str, error: &approval_runtime::DecideError) {
        if error.code() == "unavailable" {
            self.answers.add(&format!("odd {what}: {error:?}").replace('\n', " "));
        }
    }

    async fn cancel(&mut self) {
        let Some(request) = self.pending().await else { return };
        match self.gate.cancel(request.id(), "operator").await {
            Ok(request) => self.answers.add(&format!("cancelled {} {}", request.id(), request.version())),
            Err(error) => self.refused("cancel", &error),
        }
    }

    async fn settle(&mut self) {
        let unknown = match self.gate.get_indeterminate().await {
            Ok(unknown) => unknown,
            Err(error) => return self.refused("get_indeterminate", &error),
        };
        let Some(request) = self.dice.pick(&unknown) else { return };
        let (outcome, word) =
            if self.dice.chance(50) { (Settlement::Executed, "executed") } else { (Settlement::Failed, "failed") };
        match self.gate.settle(request.id(), Reviewer::new("operator"), outcome).await {
            Ok(request) => self.answers.add(&format!("settled {} {} {word}", request.id(), request.version())),
            Err(error) => self.refused("settle", &error),
        }
    }

    /// Finishes what others left. In a task of its own: a body may panic, and the next time goes on behind it.
    async fn recover(&mut self) {
        let gate = self.gate.clone();
        let Ok(recovery) = tokio::spawn(async move { gate.recover().await }).await else { return };
        match recovery {
            Ok(recovery) => {
                for (id, returned) in recovery.finished {
                    if let Ok(value) = returned {
                        self.answers.add(&format!("resumed {id} {}", value.as_str().unwrap_or_default()));
                    }
                }
            }
            Err(error) => self.refused("recover", &error),
        }
    }

    async fn resume(&mut self) {
        let query = RequestQuery::new().status(ApprovalStatus::Approved).limit(20);
        let Ok(page) = self.gate.get_requests(&query).await else { return };
        let Some(id) = self.dice.pick(&page.requests).map(ApprovalRequest::id) else { return };
        // In a task of its own: the body may panic.
        let gate = self.gate.clone();
        if let Ok(Ok(value)) = tokio::spawn(async move { gate.resume(id).await }).await {
            self.answers.add(&format!("resumed {id} {}", value.as_str().unwrap_or_default()));
        }
    }

    async fn renew(&mut self) {
        match self.gate.new_incarnation().await {
            Ok(life) => self.answers.add(&format!("lives {life}")),
            Err(error) => self.refused("new_incarnation", &error),
        }
    }

    /// What a program does that starts after all others died: within seconds nothing is left that could still go on.
    async fn finish(mut self) {
        let listed = self.gate.get_pending().await.expect("the store can be read");
        for request in listed {
            self.answers.add(&format!("pending {} {}", request.id(), request.version()));
        }
        let start = Instant::now();
        loop {
            self.recover().await;
            let mut again = Vec::new();
            let mut query = RequestQuery::new().status(ApprovalStatus::Approved).limit(1_000);
            loop {
                let page = self.gate.get_requests(&query).await.expect("the store can be read");
                let unused = page.requests.iter().filter(|request| request.execution().state == ExecutionState::NotStarted);
                // Whoever made a call can make it again, and finds it.
                again.extend(
                    unused
                        .filter(|request| request.idempotency_key().is_some())
                        .filter_map(|request| request.arguments().to_value()["number"].as_u64()),
                );
                let Some(next) = page.next else { break };
                query = query.after(next);
            }
            if again.is_empty() || start.elapsed() > Duration::from_secs(10) {
                break;
            }
            for number in again {
                self.call(number, Duration::from_secs(2)).await;
            }
        }
        // The gate's own thread writes what has ended by itself, once a second; on a slow disk a little later.
        while start.elapsed() < Duration::from_secs(20) {
            let at = self.store.now().await.expect("the clock can be read");
            let due = Query { namespace: "default".into(), which: Which::Due, at, limit: Some(1), ..Query::default() };
            if self.store.query(&due).await.expect("the store can be read").requests.is_empty() {
                self.answers.add(&format!("finished {}", at.time.timestamp_micros()));
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.gate.shutdown().await;
        self.answers.add("bye");
    }
}

/// Reads an id that this program wrote.
pub(crate) fn id(text: &str) -> Result<RequestId, String> {
    RequestId::from_str(text).map_err(|_| format!("`{text}` is no request id"))
}
