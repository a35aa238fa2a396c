//! What is left after a kill, compared with what the children were told.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use approval_runtime::request::Moment;
use approval_runtime::store::{AuditQuery, Query, Which};
use approval_runtime::{ApprovalRequest, ApprovalStatus, ApprovalStore, RequestId, SqliteStore};
use chrono::{DateTime, Utc};
use tokio::runtime::Runtime;

use crate::child::id;
use crate::files::{self, Follow};
use crate::history::{Histories, History};

/// The namespace of the children's gates.
const NAMESPACE: &str = "default";

/// A body that began.
#[derive(Clone, Debug)]
struct Start {
    cents: u64,
    ended: bool,
}

/// What is known of a scenario's store by now.
pub(crate) struct Left {
    folder: PathBuf,
    runtime: Runtime,
    store: Option<SqliteStore>,
    histories: Histories,
    answers: Vec<Follow>,
    /// What they told behind the last look at the store.
    later: Vec<(u64, String)>,
    bodies: Vec<Follow>,
    starts: HashMap<RequestId, Start>,
    /// The gates by their instance, each with its child.
    gates: HashMap<String, u64>,
    killed: HashSet<u64>,
    /// The numbers of calls that their callers gave up.
    dropped: HashSet<String>,
    time: Moment,
    /// When nothing was left that had ended by itself, says who finished.
    finished: Option<DateTime<Utc>>,
    answered: usize,
}

impl Left {
    pub(crate) fn new(folder: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        Self {
            folder: folder.to_owned(),
            runtime,
            store: None,
            histories: Histories::default(),
            answers: Vec::new(),
            later: Vec::new(),
            bodies: Vec::new(),
            starts: HashMap::new(),
            gates: HashMap::new(),
            killed: HashSet::new(),
            dropped: HashSet::new(),
            time: Moment::default(),
            finished: None,
            answered: 0,
        }
    }

    /// A child is about to start.
    pub(crate) fn child(&mut self, child: u64) {
        self.answers.push(Follow::new(files::answers(&self.folder, child)));
        self.bodies.push(Follow::new(files::bodies(&self.folder, child)));
    }

    pub(crate) fn killed(&mut self, child: u64) {
        self.killed.insert(child);
    }

    pub(crate) fn compared(&self) -> (usize, usize, usize, usize) {
        (self.histories.of.len(), self.histories.rows, self.starts.len(), self.answered)
    }

    /// Compares what came since the last time.
    pub(crate) fn check(&mut self) -> Result<(), String> {
        // First what was told and what began, then the store: that has all of it.
        let mut answers = std::mem::take(&mut self.later);
        answers.extend(self.answers());
        let bodies: Vec<_> = self.bodies.iter_mut().flat_map(Follow::lines).collect();
        self.read()?;
        self.check_bodies(&bodies)?;
        for (child, line) in &answers {
            self.answered += 1;
            self.check_answer(*child, line).map_err(|error| format!("{error}\n  child {child} was told: {line}"))?;
        }
        // Those who live go on: one may have given a call up after its answers were read, and before the store was.
        self.later = self.answers();
        let gave_up = |(_, line): &(u64, String)| line.strip_prefix("drops ").map(str::to_owned);
        self.dropped.extend(self.later.iter().filter_map(gave_up));
        self.check_unknown()
    }

    /// Reads what the children were told since the last time.
    fn answers(&mut self) -> Vec<(u64, String)> {
        let told = self.answers.iter_mut().enumerate();
        told.flat_map(|(child, lines)| lines.lines().into_iter().map(move |line| (child as u64, line))).collect()
    }

    fn store(&mut self) -> Result<SqliteStore, String> {
        if let Some(store) = &self.store {
            return Ok(store.clone());
        }
        let store =
            SqliteStore::open(files::store(&self.folder)).map_err(|error| format!("the store cannot be opened: {error:?}"))?;
        Ok(self.store.insert(store).clone())
    }

    /// Reads the histories' new rows.
    fn read(&mut self) -> Result<(), String> {
        let store = self.store()?;
        let query = AuditQuery { namespace: NAMESPACE.into(), request: None, after: self.histories.position, limit: None };
        let rows =
            self.runtime.block_on(store.audit(&query)).map_err(|error| format!("histories cannot be read: {error:?}"))?;
        self.histories.add(rows)?;
        let now = self.runtime.block_on(store.now()).map_err(|error| format!("the clock cannot be read: {error:?}"))?;
        if now.time < self.time.time || now.incarnation < self.time.incarnation {
            return Err("the store's clock went back (I30)".into());
        }
        self.time = now;
        Ok(())
    }

    fn history(&self, id: RequestId) -> Result<&History, String> {
        self.histories.of.get(&id).ok_or_else(|| format!("request {id} is lost (I11)"))
    }

    /// I1, I2: each body that began was claimed before, and began once.
    fn check_bodies(&mut self, lines: &[String]) -> Result<(), String> {
        for line in lines {
            let words: Vec<_> = line.split(' ').collect();
            match *words {
                ["start", request, _pid, _number, cents] => {
                    let request = id(request)?;
                    if !self.history(request)?.is_started() {
                        return Err(format!("the body of request {request} began and no claim is recorded (I1)"));
                    }
                    let start = Start { cents: cents.parse().map_err(|_| "no number")?, ended: false };
                    if self.starts.insert(request, start).is_some() {
                        return Err(format!("the body of request {request} began twice (I2)"));
                    }
                }
                ["end", request] => {
                    let request = id(request)?;
                    self.starts.get_mut(&request).ok_or(format!("the body of {request} ended and did not begin"))?.ended = true;
                }
                _ => return Err(format!("`{line}` is no line of a body")),
            }
        }
        Ok(())
    }

    /// I11: what a child was told is in the store.
    fn check_answer(&mut self, child: u64, line: &str) -> Result<(), String> {
        let words: Vec<_> = line.split(' ').collect();
        let number = |text: &str| text.parse::<usize>().map_err(|_| format!("`{text}` is no number"));
        match *words {
            ["hello", gate] => {
                self.gates.insert(gate.into(), child);
            }
            ["drops", call] => {
                self.dropped.insert(call.into());
            }
            ["finished", micros] => {
                self.finished = micros.parse().ok().and_then(DateTime::from_timestamp_micros);
            }
            ["created", request, version, call] => {
                let history = self.history(id(request)?)?;
                if history.number.as_deref() != Some(call) || history.at(number(version)?).is_none() {
                    return Err("the request is not the one that was made".into());
                }
            }
            ["decided", request, version, status, reviewer, said] => {
                let version = number(version)?;
                let history = self.history(id(request)?)?;
                // The same decision given again is told with what the clock has made of the request since.
                let by_clock = matches!(status, "timed_out" | "expired");
                let row = history.at(version - usize::from(by_clock)).ok_or("the decision is lost (I11)")?;
                let is_vote =
                    |what: &str| if said == "reject" { what == "rejected" } else { matches!(what, "voted" | "approved") };
                let by = |row: &crate::history::Row| row.by.as_deref() == Some(reviewer) && is_vote(&row.what);
                let rows = history.rows.iter().take(version);
                if !by_clock && row.status != status || !rows.into_iter().any(by) {
                    return Err(format!("the decision is not as it was told: {row:?} (I3, I11)"));
                }
            }
            ["cancelled", request, version] => {
                let row = self.history(id(request)?)?.at(number(version)?).ok_or("the withdrawal is lost (I11)")?;
                if row.what != "cancelled" {
                    return Err(format!("the request was not withdrawn: {row:?}"));
                }
            }
            ["settled", request, version, outcome] => {
                let row = self.history(id(request)?)?.at(number(version)?).ok_or("the settlement is lost (I11)")?;
                if row.execution != outcome {
                    return Err(format!("the call was not settled so: {row:?}"));
                }
            }
            ["resumed", request, of, _cents] if request == of => self.has_come_to(id(request)?, "executed")?,
            ["returned", _, "ok", request, _cents] => self.has_come_to(id(request)?, "executed")?,
            ["returned", _, "failed" | "panicked"] => {}
            ["returned", _, "refused", code, request] => {
                if request != "-" {
                    self.check_refusal(code, id(request)?)?;
                }
            }
            ["lives", life] => {
                if self.time.incarnation < number(life)? as u64 {
                    return Err("the new life is lost (I11)".into());
                }
            }
            // Checked by the child that says so, and where all is compared.
            ["pending", ..] | ["bye"] => {}
            _ => return Err("this should not be said to anybody".into()),
        }
        Ok(())
    }

    fn has_come_to(&self, id: RequestId, execution: &str) -> Result<(), String> {
        let came = self.history(id)?.rows.iter().any(|row| row.execution == execution);
        if came { Ok(()) } else { Err(format!("request {id} was never {execution} (I11)")) }
    }

    /// I4: the caller is told what the record says.
    fn check_refusal(&self, code: &str, id: RequestId) -> Result<(), String> {
        let was = |status: &str| {
            let stands = self.history(id)?.rows.iter().any(|row| row.status == status);
            if stands { Ok(()) } else { Err(format!("request {id} was never {status} (I4)")) }
        };
        match code {
            "rejected" | "cancelled" => was(code),
            "in_progress" => self.has_come_to(id, "executing"),
            "indeterminate" => self.has_come_to(id, "indeterminate"),
            "already_executed" => self.has_come_to(id, "executed").or_else(|_| self.has_come_to(id, "failed")),
            // Both are told as soon as the clock says so, and the row comes later.
            "timed_out" | "expired" | "pending" | "shutting_down" | "digest_mismatch" => self.history(id).map(drop),
            _ => Err(format!("nobody should be told `{code}`")),
        }
    }

    /// I13: only where a holder died, or its caller went away, nobody knows how a body ended.
    fn check_unknown(&self) -> Result<(), String> {
        for (id, history) in &self.histories.of {
            let Some(row) = history.rows.iter().find(|row| row.what == "indeterminate") else { continue };
            let gate = row.holder.as_deref().unwrap_or_default();
            // A child that died before it could say which gate it has is dead all the same.
            let lives = self.gates.get(gate).is_some_and(|child| !self.killed.contains(child));
            let dropped = history.number.as_ref().is_some_and(|number| self.dropped.contains(number));
            // Nor where a new life of the store began while it ran: what it came to may have been lost.
            let earlier = history.life < self.time.incarnation;
            if lives && !dropped && !earlier {
                return Err(format!("request {id} is indeterminate, and its holder lives: {row:?}"));
            }
        }
        Ok(())
    }

    /// Opens the store anew, after all children are gone, and compares everything.
    pub(crate) fn check_all(&mut self) -> Result<(), String> {
        self.check()?;
        let before = std::mem::take(&mut self.histories);
        self.store = None;
        self.read()?;
        for (id, history) in &before.of {
            let hashes = |history: &History| history.rows.iter().map(|row| row.hash).collect::<Vec<_>>();
            let now = self.history(*id)?;
            if hashes(now).get(..history.rows.len()) != Some(&hashes(history)[..]) {
                return Err(format!("the history of request {id} changed"));
            }
        }
        let records = self.query(Which::default())?;
        let records: HashMap<RequestId, ApprovalRequest> = records.into_iter().map(|record| (record.id(), record)).collect();
        for (id, history) in &self.histories.of {
            let last = history.last().ok_or("a history has a row")?;
            match records.get(id) {
                None if last.what == "removed" => {}
                None => return Err(format!("the record of request {id} is lost: {last:?} (I11)")),
                Some(record) => self.check_record(record, history)?,
            }
        }
        if let Some(record) = records.values().find(|record| !self.histories.of.contains_key(&record.id())) {
            return Err(format!("request {} has no history (I21)", record.id()));
        }
        self.check_pending(&records)?;
        self.check_file()
    }

    fn check_record(&self, record: &ApprovalRequest, history: &History) -> Result<(), String> {
        let wrong = |why: &str| Err(format!("request {}: {why}\n  {record:?}", record.id()));
        let Some(last) = history.last() else { return wrong("it has no history") };
        if record.version() as usize != history.rows.len() || record.audit_head() != last.hash {
            return wrong("its record is not what its history says (I21)");
        }
        let execution = record.execution();
        let state = execution.state.as_str();
        if record.status().as_str() != last.status || state != last.execution {
            return wrong("its record stands elsewhere than its history says (I21)");
        }
        let start = self.starts.get(&record.id());
        if start.is_some() && !history.is_started() {
            return wrong("it began without a claim (I1)");
        }
        let settled = execution.settled_by.is_some();
        if state == "executed" && !settled && !start.is_some_and(|start| start.ended) {
            return wrong("it is recorded as executed, and its body did not end");
        }
        if state == "failed" && !settled && start.is_none() {
            return wrong("it is recorded as failed, and its body did not begin");
        }
        if let Some(start) = start {
            if record.effective_arguments().to_value()["cents"] != start.cents {
                return wrong("its body ran on something else than what was approved (I5)");
            }
            if let Some(result) = execution.result.as_deref()
                && result != format!("\"{} {}\"", record.id(), start.cents)
            {
                return wrong("its result is not what its body returned");
            }
        }
        Ok(())
    }

    fn query(&mut self, which: Which) -> Result<Vec<ApprovalRequest>, String> {
        let store = self.store()?;
        let at = self.time;
        let query = Query { namespace: NAMESPACE.into(), which, at, ..Query::default() };
        let found =
            self.runtime.block_on(store.query(&query)).map_err(|error| format!("requests cannot be read: {error:?}"))?;
        if found.corrupt.is_empty() { Ok(found.requests) } else { Err(format!("cannot be read: {:?}", found.corrupt)) }
    }

    /// L3: what is pending is listed, and nothing else.
    fn check_pending(&mut self, records: &HashMap<RequestId, ApprovalRequest>) -> Result<(), String> {
        let listed: HashSet<_> =
            self.query(Which::Standing(vec![ApprovalStatus::Pending]))?.iter().map(ApprovalRequest::id).collect();
        let pending: HashSet<_> = records
            .values()
            .filter(|record| record.status() == ApprovalStatus::Pending && record.expires_at() > self.time.time)
            .filter(|record| record.incarnation() == self.time.incarnation)
            .map(ApprovalRequest::id)
            .collect();
        if listed == pending { Ok(()) } else { Err(format!("listed as pending: {listed:?}, pending: {pending:?} (L3)")) }
    }

    fn check_file(&self) -> Result<(), String> {
        let connection = rusqlite::Connection::open(files::store(&self.folder)).map_err(|error| error.to_string())?;
        let said: String =
            connection.query_row("PRAGMA integrity_check", (), |row| row.get(0)).map_err(|error| error.to_string())?;
        if said == "ok" { Ok(()) } else { Err(format!("the file is damaged: {said}")) }
    }

    /// L3, I13: when somebody has recovered and all processes are gone, nothing hangs.
    pub(crate) fn check_finished(&mut self) -> Result<(), String> {
        self.check_all()?;
        let finished = self.finished.ok_or("what ended by itself was not written within 20 seconds")?;
        let finished = Moment::at(finished).of_incarnation(self.time.incarnation);
        for record in self.query(Which::default())? {
            let state = record.execution().state.as_str();
            let stuck = match (record.status().as_str(), state) {
                (_, "executing") => Some("its process died, and it counts as executing"),
                // Nobody can call it again, and no function has it: it expires, later than anybody wants to wait here.
                ("approved", "not_started") if record.idempotency_key().is_none() && record.tool_name() == "pay_plain" => None,
                ("approved", "not_started") => Some("it was approved, and did neither run nor expire"),
                ("pending", _) if record.status_at(finished) != ApprovalStatus::Pending => {
                    Some("its deadline passed, and nobody wrote that")
                }
                ("pending", _) if record.is_waited_for() => Some("nobody waits for it, and it says so not"),
                _ => None,
            };
            if let Some(why) = stuck {
                return Err(format!("request {} is stuck: {why}\n  {record:?}", record.id()));
            }
        }
        for id in self.starts.keys() {
            let last = self.history(*id)?.last().map(|row| row.execution.clone()).unwrap_or_default();
            if !matches!(&*last, "executed" | "failed" | "indeterminate") {
                return Err(format!("the body of request {id} began, and it counts as {last}"));
            }
        }
        Ok(())
    }
}
