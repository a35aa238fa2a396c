//! What the rows of histories have to be like, written down a second time and in another way than the lifecycle itself.

use std::collections::HashMap;

use approval_runtime::store::Logged;
use approval_runtime::{Digest, RequestId};
use serde_json::Value;

/// One row.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) what: String,
    pub(crate) status: String,
    pub(crate) execution: String,
    pub(crate) by: Option<String>,
    pub(crate) claim: Option<String>,
    pub(crate) holder: Option<String>,
    pub(crate) hash: Digest,
    at: String,
    previous: Option<String>,
}

/// The rows of one request.
#[derive(Clone, Debug, Default)]
pub(crate) struct History {
    pub(crate) rows: Vec<Row>,
    pub(crate) number: Option<String>,
    pub(crate) expires_at: String,
    pub(crate) life: u64,
    pub(crate) quorum: usize,
}

impl History {
    pub(crate) fn last(&self) -> Option<&Row> {
        self.rows.last()
    }

    /// The row of a version.
    pub(crate) fn at(&self, version: usize) -> Option<&Row> {
        self.rows.get(version.checked_sub(1)?)
    }

    /// Says whether the one start is there, and how: by a claim, or by rule with the first row.
    pub(crate) fn is_started(&self) -> bool {
        self.rows.iter().any(|row| matches!(&*row.what, "started" | "auto_approved"))
    }
}

/// All histories of a store, as far as they were read.
#[derive(Clone, Debug, Default)]
pub(crate) struct Histories {
    pub(crate) of: HashMap<RequestId, History>,
    pub(crate) position: u64,
    pub(crate) rows: usize,
    life: u64,
}

impl Histories {
    /// Takes up rows in the order of their commits, and checks each one.
    pub(crate) fn add(&mut self, logged: Vec<Logged>) -> Result<(), String> {
        for logged in logged {
            if logged.position <= self.position {
                return Err(format!("row {} comes after row {}", logged.position, self.position));
            }
            self.position = logged.position;
            self.rows += 1;
            self.add_row(&logged).map_err(|error| format!("{error}\n  row {}: {}", logged.position, logged.row.text))?;
        }
        Ok(())
    }

    fn add_row(&mut self, logged: &Logged) -> Result<(), String> {
        let row = &logged.row;
        if Digest::of(row.text.as_bytes()) != row.hash {
            return Err("a row is not what its hash says".into());
        }
        let json: Value = serde_json::from_str(&row.text).map_err(|error| error.to_string())?;
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        let must = |name: &str| text(name).ok_or_else(|| format!("a row has no `{name}`"));
        let next = Row {
            what: must("what")?,
            status: must("status")?,
            execution: must("execution")?,
            by: text("by"),
            claim: text("claim_id"),
            holder: text("holder"),
            hash: row.hash,
            at: must("at")?,
            previous: text("previous"),
        };
        if text("request") != Some(row.request.to_string()) || json["version"] != row.version {
            return Err("a row's text is about another row".into());
        }
        let history = self.of.entry(row.request).or_default();
        if row.version as usize != history.rows.len() + 1 {
            return Err(format!("version {} comes after version {}", row.version, history.rows.len()));
        }
        if next.previous != history.last().map(|last| last.hash.to_string()) {
            return Err("a row does not name the hash of the one before".into());
        }
        if history.last().is_some_and(|last| last.at > next.at) {
            return Err("a row is older than the one before (I30)".into());
        }
        if row.version == 1 {
            let asked = &json["asked"];
            history.number = asked["call_id"].as_str().map(|call| call.trim_start_matches("call-").to_owned());
            history.expires_at = asked["expires_at"].as_str().unwrap_or_default().to_owned();
            history.life = asked["incarnation"].as_u64().unwrap_or_default();
            history.quorum = if asked["tool_name"] == "pay_much" { 2 } else { 1 };
            self.life = self.life.max(history.life);
        }
        follows(history, &next)?;
        let used = matches!(&*next.what, "voted" | "approved" | "started" | "auto_approved");
        if used && history.life < self.life {
            return Err(format!("a request of life {} was used in life {} (I31)", history.life, self.life));
        }
        history.rows.push(next);
        Ok(())
    }
}

/// Says why a row cannot come after those before.
fn follows(history: &History, next: &Row) -> Result<(), String> {
    let (what, status, execution) = (&*next.what, &*next.status, &*next.execution);
    let Some(last) = history.last() else {
        return match (what, status, execution) {
            ("requested", "pending", "not_started")
            | ("rejected", "rejected", "not_started")
            | ("auto_approved", "auto_approved", "executing") => Ok(()),
            _ => Err("no request begins like that".into()),
        };
    };
    if last.what == "removed" {
        return Err("a removed request has a history".into());
    }
    let before = (&*last.status, &*last.execution);
    let same = before == (status, execution);
    let early = next.at < history.expires_at;
    let approvals = history.rows.iter().filter(|row| row.what == "voted").count() + 1;
    let fine = match what {
        "refused" | "removed" => same,
        "attached" | "left" => same && matches!(before, ("pending" | "approved", "not_started")),
        "voted" => same && status == "pending" && early && history.quorum > 1,
        "approved" => {
            before.0 == "pending" && status == "approved" && execution == "not_started" && early && approvals >= history.quorum
        }
        "rejected" => before.0 == "pending" && status == "rejected" && execution == "not_started" && early,
        "timed_out" => before.0 == "pending" && status == "timed_out" && execution == "not_started" && !early,
        "cancelled" => {
            matches!(before, ("pending" | "approved", "not_started")) && (status, execution) == ("cancelled", "not_started")
        }
        "expired" => {
            matches!(before, ("pending" | "approved", "not_started")) && (status, execution) == ("expired", "not_started")
        }
        "started" => {
            before == ("approved", "not_started") && (status, execution) == ("approved", "executing") && !history.is_started()
        }
        "executed" | "failed" => status == before.0 && matches!(before.1, "executing" | "indeterminate") && execution == what,
        "indeterminate" => status == before.0 && before.1 == "executing" && execution == "indeterminate",
        "settled" => status == before.0 && before.1 == "indeterminate" && matches!(execution, "executed" | "failed"),
        _ => false,
    };
    if !fine {
        return Err(format!("`{what}` leads from {before:?} to {:?}", (status, execution)));
    }
    let claims = last.claim.is_some() && (last.claim != next.claim || last.holder != next.holder);
    if claims { Err("the one start changed hands (I14)".into()) } else { Ok(()) }
}
