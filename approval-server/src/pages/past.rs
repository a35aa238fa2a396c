//! What was decided a moment ago, by people and by rules.

use std::cmp::Reverse;

use approval_runtime::arguments::display;
use approval_runtime::{ApprovalGate, ApprovalRequest, ApprovalStatus, DecideError, RequestQuery};
use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::ran;
use super::words::{text, time};

/// How many requests the list shows.
const SHOWN: usize = 20;

/// Reads what was decided last. Rules decide often, so that what people decided is looked for by itself.
pub(super) async fn recent(gate: &ApprovalGate) -> Result<Vec<ApprovalRequest>, DecideError> {
    const NOT_BY_RULE: [ApprovalStatus; 5] = [
        ApprovalStatus::Approved,
        ApprovalStatus::Rejected,
        ApprovalStatus::TimedOut,
        ApprovalStatus::Cancelled,
        ApprovalStatus::Expired,
    ];
    let last = RequestQuery::new().limit(SHOWN);
    let by_rule = last.clone().status(ApprovalStatus::AutoApproved);
    let mut recent = gate.get_requests(&NOT_BY_RULE.into_iter().fold(last, RequestQuery::status)).await?.requests;
    recent.extend(gate.get_requests(&by_rule).await?.requests);
    recent.sort_by_key(|request| Reverse(request.decided_at()));
    recent.truncate(SHOWN);
    Ok(recent)
}

pub(super) fn list(requests: &[ApprovalRequest], now: DateTime<Utc>) -> Markup {
    html! {
        section.past aria-labelledby="past" {
            h2 id="past" { "Decided recently" }
            ol {
                @for request in requests {
                    li {
                        a href={ "approvals/" (request.id()) } { code { (text(&display::name(request.tool_name()))) } }
                        p { (outcome(request)) }
                        @if let Some(decided_at) = request.decided_at() { (time(decided_at, now)) }
                    }
                }
            }
        }
    }
}

/// Says what became of a request, and who said so.
fn outcome(request: &ApprovalRequest) -> Markup {
    let by = display::name(request.decided_by().unwrap_or("nobody"));
    let rule = request.matched_rule().map(display::text);
    let because = request.ended_because().map_or("", approval_runtime::EndedBecause::as_clause);
    html! {
        @match (request.status(), &rule) {
            (ApprovalStatus::AutoApproved, Some(rule)) => { "Allowed by the rule " (text(rule)) ". It " (ran(request)) "." },
            (ApprovalStatus::Approved | ApprovalStatus::AutoApproved, _) => { "Approved by " bdi { (text(&by)) } ". It " (ran(request)) "." },
            (ApprovalStatus::Rejected, Some(rule)) => { "Refused by the rule " (text(rule)) "." },
            (ApprovalStatus::Rejected, None) => { "Rejected by " bdi { (text(&by)) } "." },
            (ApprovalStatus::TimedOut, _) => { "Nobody decided in time." },
            (ApprovalStatus::Cancelled, _) if because.is_empty() => { "Withdrawn." },
            (ApprovalStatus::Cancelled, _) => { "Withdrawn: " (because) "." },
            (ApprovalStatus::Expired, _) => { "Approved by " bdi { (text(&by)) } " and not started: " (because) "." },
            (status, _) => { (status) },
        }
    }
}
