//! Two agents handle a complaint. Rules let some of their calls pass, and you decide about the others: on a page, in a
//! shell, or right here with `y` and `n`.
//!
//! ```text
//! cargo run --example quickstart               # the page is on port 7878
//! cargo run --example quickstart -- --port N   # or on this one
//! ```
//!
//! Here are the tools, the rules and the agents. What they print, and how it asks you, is in `screen.rs`.

mod screen;

use std::process::ExitCode;
use std::time::Duration;

use approval_runtime::arguments::display::text;
use approval_runtime::{Agent, ApprovalGate, ApprovalPolicy, Reviewer, requires_approval};
use approval_server::{Bound, ServeError, Server};

// The tools. One line above a function is all that it takes; whoever calls it calls it as before. These return what a model
// reads: of a call that did not run, a sentence such as "Action 'send_email' was rejected by alice." With a `Result` the
// caller gets a `Refusal` to match on, as in `typed_error.rs`.

/// Sends an email. To a colleague it goes at once; for anybody else, people have two minutes to decide.
#[requires_approval(timeout = 120, effect = external, auto_approve = is_colleague(to))]
async fn send_email(to: &str, subject: &str, body: &str) -> String {
    screen::ran("send_email", &format!("to {}: {}", text(to), text(subject)));
    format!("Sent {} bytes to {to}.", body.len())
}

/// Deletes a record. Nothing brings it back.
#[requires_approval(timeout = 60, effect = irreversible)]
async fn delete_record(table: &str, record_id: u64) -> String {
    screen::ran("delete_record", &format!("number {record_id} of {} is gone", text(table)));
    format!("Deleted {record_id} from {table}.")
}

/// Pays money out.
#[requires_approval(timeout = 60, effect = irreversible)]
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

// The agents. A model would choose these calls and read what they return.

async fn support() {
    screen::agent("takes a complaint: charged twice");
    search_records("Anna Berg").await;
    send_email("books@company.com", "Invoice 18", "It is invoice 17 once more.").await;
    delete_record("invoices", 18).await;
    process_payment(240.0, "Anna Berg").await; // refused, so over to those who may
    Agent::new("billing").scope(billing()).await;
}

async fn billing() {
    screen::agent("is handed the money");
    process_payment(7.5, "Anna Berg").await;
    process_payment(240.0, "Anna Berg").await;
    send_email("anna@example.org", "Your complaint", "Dear Anna, you hear from us soon.").await;
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let port = match &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => Some(7878),
        ["--port", port] => port.parse().ok(),
        _ => None,
    };
    let Some(port) = port else {
        eprintln!("usage: quickstart [--port N]");
        return ExitCode::from(2);
    };
    run(port).await.unwrap_or_else(|error| {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        eprintln!("quickstart: {error}{cause}");
        ExitCode::FAILURE
    })
}

async fn run(port: u16) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let you = Reviewer::new(std::env::var("USER").unwrap_or_else(|_| "you".into()));
    let gate = ApprovalGate::builder()
        .policy_for("support", support_policy())
        .policy_for("billing", billing_policy())
        .notifier(screen::Asking::new(you.clone())) // shows each call that waits, and asks in the terminal if there is one
        .install()?;
    let server = bind(&gate, &you, port).await?;
    screen::open(&gate, &server, port);

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve_until(async { drop(stopped.await) }));
    let code = tokio::select! {
        () = Agent::new("support").scope(support()) => {
            screen::end("Every call has ended");
            // A browser may still be fetching the page that says so.
            tokio::time::sleep(Duration::from_secs(1)).await;
            ExitCode::SUCCESS
        }
        // Dropping the agents withdraws the call that waits.
        () = screen::ctrl_c() => { screen::end("Stopped by Ctrl-C"); ExitCode::from(130) }
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
