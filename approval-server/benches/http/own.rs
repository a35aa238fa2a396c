//! The server itself, its requests filed over the public API. No call waits for them; their watchers do.

use std::net::SocketAddr;
use std::time::Duration;

use approval_runtime::{ApprovalGate, ApprovalRequest, Decision, NewRequest, Reviewer, Tool};
use approval_server::Server;
use serde_json::{Value, json};

use crate::Outcome;
use crate::load::request;
use crate::serving::Serving;

/// Declared, as an annotated function is: its facts are worked out once.
fn tool() -> Tool {
    Tool::named("send_email").timeout(Duration::from_secs(3600))
}

fn gate() -> Outcome<ApprovalGate> {
    Ok(ApprovalGate::builder().tool(tool()).max_pending(1_000_000).without_notifier().build()?)
}

/// Files the gate's own mail: `send_email` with a body of 1 KiB.
async fn file(gate: &ApprovalGate) -> Outcome<ApprovalRequest> {
    let mut body = "The quarterly figures are attached. ".repeat(29);
    body.truncate(1024);
    let arguments = json!({ "to": "bob@example.com", "subject": "Quarterly report", "body": body });
    Ok(gate.create_request(NewRequest::new(tool(), arguments).agent("assistant").reason("External mail")).await?)
}

/// The record in JSON, as it is answered after an approval or on a page.
pub(crate) fn record(approved: bool) -> Outcome<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let gate = gate()?;
        let mut record = file(&gate).await?;
        if approved {
            let decision = Decision::approve(Reviewer::new("reviewer"), record.digest()).door("http");
            record = gate.decide(record.id(), decision).await?;
        }
        Ok(serde_json::to_value(&record)?)
    })
}

/// Serves so many pending requests, and gives what `ask` makes of them with the server's address and token.
fn serve<T: Send + 'static>(
    pending: usize,
    ask: impl FnOnce(Vec<ApprovalRequest>, SocketAddr, &str) -> T + Send + 'static,
) -> Outcome<(Serving, T)> {
    Serving::start("own", async move || {
        let gate = gate()?;
        let mut records = Vec::with_capacity(pending);
        for _ in 0..pending {
            records.push(file(&gate).await?);
        }
        let server = Server::new(gate).bind("127.0.0.1:0").await?;
        let link = server.link();
        let (_, token) = link.split_once("token=").ok_or("the link has no token")?;
        let (address, asked) = (server.address(), ask(records, server.address(), token));
        Ok((address, async { drop(server.serve().await) }, asked))
    })
}

/// Serves so many requests, with an approval of each.
pub(crate) fn decisions(requests: usize) -> Outcome<(Serving, Vec<Vec<u8>>)> {
    serve(requests, |records, address, token| {
        let approval = |record: &ApprovalRequest| {
            let body = format!(r#"{{"approved":true,"digest":"{}"}}"#, record.digest());
            request("POST", &format!("/approvals/{}/decide", record.id()), address, token, &body)
        };
        records.iter().map(approval).collect()
    })
}

/// Serves so many requests, with what asks for the first hundred.
pub(crate) fn page(pending: usize) -> Outcome<(Serving, Vec<u8>)> {
    serve(pending, |_, address, token| request("GET", "/approvals/pending?limit=100", address, token, ""))
}
