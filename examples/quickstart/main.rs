//! Two agents handle a complaint. Rules let some of their calls pass, and you decide about the others: on a page, in a
//! shell, or right here with `y` and `n`.
//!
//! ```text
//! cargo run --example quickstart                  # the page is on port 7878
//! cargo run --example quickstart -- --port N      # or on this one
//! cargo run --example quickstart -- --store FILE  # what it knows is in this file, and not beside the program
//! ```
//!
//! Everything is kept in one file: stop it in the middle, by Ctrl-C or by `kill -9`, and start it again. What ran does not run
//! again, and what waited waits on.
//!
//! Here are the tools, the rules and the agents. What they print, and how it asks you, is in `screen.rs`.

mod screen;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use approval_runtime::arguments::display::text;
use approval_runtime::{Agent, ApprovalGate, ApprovalPolicy, RequestQuery, Reviewer, SqliteStore, requires_approval};
use approval_server::{Bound, ServeError, Server};

// The tools. One line above a function is all that it takes; whoever calls it calls it as before. These return what a model
// reads: of a call that did not run, a sentence such as "Action 'send_email' was rejected by alice." With a `Result` the
// caller gets a `Refusal` to match on, as in `typed_error.rs`. `record` keeps what a tool returned: a call that is made again
// after a restart gets that, and does not run a second time.

/// Sends an email. To a colleague it goes at once; for anybody else, people have two minutes to decide.
#[requires_approval(timeout = 120, effect = external, auto_approve = is_colleague(to), record)]
async fn send_email(to: &str, subject: &str, body: &str) -> String {
    screen::ran("send_email", &format!("to {}: {}", text(to), text(subject)));
    format!("Sent {} bytes to {to}.", body.len())
}

/// Deletes a record. Nothing brings it back.
#[requires_approval(timeout = 60, effect = irreversible, record)]
async fn delete_record(table: &str, record_id: u64) -> String {
    screen::ran("delete_record", &format!("number {record_id} of {} is gone", text(table)));
    format!("Deleted {record_id} from {table}.")
}

/// Pays money out.
#[requires_approval(timeout = 60, effect = irreversible, record)]
async fn process_payment(amount: f64, customer: &str) -> String {
    screen::ran("process_payment", &format!("{amount:.2} to {}", text(customer)));
    format!("Paid {amount:.2} to {customer}.")
}

/// Searches the records. It changes nothing, so the policies let it pass.
#[requires_approval]
async fn search_records(query: &str) -> String {
    screen::ran("search_records", &format!("2 invoices of {}", text(query)));
    format!("{query}: invoices 17 and 18, both paid.")
}

// The rules.

/// Says whether this is one plain address at company.com: no list, no display name, no look-alike.
fn is_colleague(to: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '+');
    to.strip_suffix("@company.com").is_some_and(|name| !name.is_empty() && name.chars().all(plain))
}

/// Support looks things up and writes. It may not pay at all.
fn support_policy() -> ApprovalPolicy {
    ApprovalPolicy::new().pass_through("search_records").add_deny_rule("process_payment", "only billing pays", |_| true)
}

/// Billing pays small amounts by itself. What is negative, missing or no number is not small.
fn billing_policy() -> ApprovalPolicy {
    ApprovalPolicy::new().add_auto_approve_rule("process_payment", "the amount is over 0 and under 10", |arguments| {
        arguments["amount"].as_f64().is_some_and(|amount| 0.0 < amount && amount < 10.0)
    })
}

// The agents. A model would choose these calls, give each an id, and read what they return.

async fn support() {
    screen::agent("takes a complaint: charged twice");
    search_records("Anna Berg").await;
    call("tell-books", send_email("books@company.com", "Invoice 18", "It is invoice 17 once more.")).await;
    call("delete-18", delete_record("invoices", 18)).await;
    call("pay-anna", process_payment(240.0, "Anna Berg")).await; // refused, so over to those who may
    Agent::new("billing").scope(billing()).await;
}

async fn billing() {
    screen::agent("is handed the money");
    call("pay-fee", process_payment(7.5, "Anna Berg")).await;
    call("pay-back", process_payment(240.0, "Anna Berg")).await;
    call(LAST, send_email("anna@example.org", "Your complaint", "Dear Anna, you hear from us soon.")).await;
}

/// The id of the last call.
const LAST: &str = "tell-anna";

/// Makes a call under its id. Run and id together say which call it is, so that one made again is found.
async fn call(id: &str, call: impl Future<Output = String>) {
    let agent = Agent::current().expect("an agent makes it").call_id(id);
    agent.scope(call).await;
    screen::halt_when_stopped().await;
}

/// Returns the run that an earlier start left unfinished, or a new one.
async fn run_id(gate: &ApprovalGate) -> Result<String, Box<dyn Error>> {
    // The last ones first.
    let known = gate.get_requests(&RequestQuery::new()).await?.requests;
    let run = known.iter().find_map(|request| request.run_id()?.strip_prefix("complaint-")?.parse::<u32>().ok());
    let Some(run) = run else { return Ok("complaint-1".into()) };
    let name = format!("complaint-{run}");
    let is_over = |call: &approval_runtime::ApprovalRequest| {
        call.run_id() == Some(&name) && call.call_id() == Some(LAST) && call.has_ended()
    };
    Ok(if known.iter().any(is_over) { format!("complaint-{}", run + 1) } else { name })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let Some((port, store)) = options(std::env::args().skip(1)) else {
        eprintln!("usage: quickstart [--port N] [--store FILE]");
        return ExitCode::from(2);
    };
    run(port, &store).await.unwrap_or_else(|error| {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        eprintln!("quickstart: {error}{cause}");
        ExitCode::FAILURE
    })
}

/// Reads the port, and the file that everything is kept in: beside the program unless another one is named.
fn options(mut arguments: impl Iterator<Item = String>) -> Option<(u16, PathBuf)> {
    let (mut port, mut store) = (7878, None);
    while let Some(option) = arguments.next() {
        match (&*option, arguments.next()?) {
            ("--port", number) => port = number.parse().ok()?,
            ("--store", file) => store = Some(file.into()),
            _ => return None,
        }
    }
    let beside = || std::env::current_exe().ok().map(|program| program.with_file_name("quickstart.db"));
    Some((port, store.or_else(beside)?))
}

async fn run(port: u16, store: &Path) -> Result<ExitCode, Box<dyn Error>> {
    let you = Reviewer::new(std::env::var("USER").unwrap_or_else(|_| "you".into()));
    let gate = ApprovalGate::builder()
        .store(SqliteStore::open(store)?)
        .policy_for("support", support_policy())
        .policy_for("billing", billing_policy())
        .notifier(screen::Asking::new(you.clone())) // shows each call that waits, and asks in the terminal if there is one
        .install()?;
    let server = bind(&gate, &you, port).await?;
    let run = run_id(&gate).await?;
    screen::open(&gate, &server, port, &run).await?;

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve_until(async { drop(stopped.await) }));
    let code = tokio::select! {
        () = Agent::new("support").run_id(&*run).scope(support()) => {
            screen::end("Every call has ended");
            // A browser may still be fetching the page that says so.
            tokio::time::sleep(Duration::from_secs(1)).await;
            ExitCode::SUCCESS
        }
        // Shutting down is not giving up: the call that waits can still be decided, and the next start goes on with it.
        () = async { screen::ctrl_c().await; gate.shutdown().await } => {
            screen::end("Stopped by Ctrl-C, and goes on when it is started again");
            ExitCode::from(130)
        }
        () = screen::follow(&gate) => ExitCode::SUCCESS,
    };
    drop(stop);
    let _ = serving.await;
    Ok(code)
}

/// Serves the page on this port, or on a free one if another program has it.
async fn bind(gate: &ApprovalGate, reviewer: &Reviewer, port: u16) -> Result<Bound, ServeError> {
    let server = || Server::new(gate.clone()).reviewer(reviewer.clone());
    match server().bind(("127.0.0.1", port)).await {
        Err(ServeError::PortInUse { .. }) => server().bind(("127.0.0.1", 0)).await,
        bound => bound,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn only_one_plain_address_is_a_colleague() {
        for to in ["books@company.com", "a.b-c_d+e@company.com"] {
            assert!(is_colleague(to), "{to}");
        }
        let outside = ["a@company.com,mallory@evil.example", "mallory@evil.example,a@company.com", "x@evil-company.com"];
        let tricks =
            ["a@company.com\n", "a\n@company.com", "a@company.com ", "@company.com", "a@b@company.com", "a@company.com.evil"];
        let names =
            ["Anna <a@company.com>", "<x@evil.example>@company.com", "\"a b\"@company.com", "а@company.com", "a@COMPANY.COM"];
        for to in outside.iter().chain(&tricks).chain(&names) {
            assert!(!is_colleague(to), "{to:?}");
        }
    }

    #[test]
    fn only_small_payments_pass() {
        let asks = |amount: Value| billing_policy().needs_approval("process_payment", &json!({ "amount": amount }));
        assert!([json!(0.01), json!(7), json!(9.99)].into_iter().all(|amount| !asks(amount)));
        let others = [json!(0), json!(-0.0), json!(-5), json!(10), json!(1e300), json!("7"), json!([7]), Value::Null];
        assert!(others.into_iter().all(asks));
    }
}
