//! What the terminal shows of a request: facts first and whole, the agent's words last.

use std::fmt::Write;

use chrono::{TimeDelta, Utc};

use crate::arguments::display;
use crate::request::{ApprovalRequest, ApprovalStatus};

/// How to answer.
pub(super) const HINT: &str = "  y = approve, n = reject, n and why = reject with a comment; then Enter\n";

/// A label's column.
const LABEL: usize = 12;

fn row(card: &mut String, label: &str, value: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(card, "  {label:<LABEL$} {value}");
}

/// Renders the question about a request.
pub(super) fn question(request: &ApprovalRequest) -> String {
    let left = request.expires_at() - Utc::now();
    format!("\n{}{HINT}", card(request, left, &request.short_code()))
}

/// Renders a request without the time that is left: it changes when a reviewer has something else to look at.
pub(super) fn timeless(request: &ApprovalRequest) -> String {
    card(request, TimeDelta::zero(), &request.short_code())
}

/// Renders a request as it is shown with this much time left, under this code.
pub(crate) fn card(request: &ApprovalRequest, left: TimeDelta, code: &str) -> String {
    let tool = display::name(request.tool_name());
    let left = left.num_seconds().max(0);
    let mut card = format!("{tool} waits for approval ({}:{:02} left, code {code})\n", left / 60, left % 60);
    for fact in request.facts() {
        row(&mut card, &fact.name, &fact.value);
        if let Some(warning) = fact.warning() {
            let sign = if fact.flags.allows_auto_approval() { "note:" } else { "!" };
            row(&mut card, "", &format!("{sign} {warning}"));
        }
    }
    let chain: Vec<_> = request.agent_chain().map(display::name).collect();
    if !chain.is_empty() {
        row(&mut card, "called by", &chain.join(" > "));
    }
    if let Some(principal) = request.requested_by() {
        row(&mut card, "on behalf of", &display::name(principal));
    }
    row(&mut card, "effect", request.tool().stake().as_str());
    let not_reviewed: Vec<_> = request.tool().not_reviewed().collect();
    if !not_reviewed.is_empty() {
        row(&mut card, "not reviewed", &not_reviewed.join(", "));
    }
    if let Some(standing) = request.standing() {
        row(&mut card, "careful", standing);
    }
    let quorum = request.tool().required_quorum();
    if quorum > 1 {
        let approvals = request.votes().iter().filter(|vote| vote.digest == request.digest()).count();
        row(&mut card, "approvals", &format!("{approvals} of {quorum}"));
    }
    if let Some(reason) = request.reason() {
        row(&mut card, "reason given", &format!("{} (unverified)", display::text(reason)));
    }
    card
}

/// Says in one line how a request stands after somebody decided.
pub(super) fn ending(request: &ApprovalRequest) -> String {
    let tool = display::name(request.tool_name());
    match (request.status(), request.decided_by()) {
        (ApprovalStatus::Pending, _) => format!("{tool}: noted; it waits for more approvals"),
        (ApprovalStatus::Approved | ApprovalStatus::Rejected, Some(by)) => {
            format!("{tool}: {} by {}", request.status(), display::name(by))
        }
        (status, _) => format!("{tool}: {status}"),
    }
}
