//! One call that waits: its facts first and whole, the agent's own words last, and two buttons.

use approval_runtime::arguments::display;
use approval_runtime::{ApprovalRequest, Cursor, Effect, Reviewer, Tool};
use chrono::{DateTime, Utc};
use maud::{Markup, html};

use super::words::{left, text, time};
use crate::session::Session;

pub(super) fn card(
    request: &ApprovalRequest,
    session: Option<&Session<'_>>,
    after: Option<Cursor>,
    now: DateTime<Utc>,
) -> Markup {
    let id = request.id();
    let name = display::name(request.tool_name());
    let title = format!("call-{id}");
    html! {
        article aria-labelledby=(title) {
            header {
                h2 id=(title) { code { (text(&name)) } }
                (stake(request.tool().stake()))
                p.left { (left(request.expires_at() - now)) " left" }
            }
            (facts(request))
            (circumstances(request, now))
            @if let Some(reason) = request.reason() {
                figure.claim {
                    figcaption { "What the agent says about it. Nobody has checked this." }
                    blockquote { (text(&display::text(reason))) }
                }
            }
            @if let Some(standing) = request.standing() { p.warning { (standing) } }
            @if let Some(hindrance) = session.and_then(|session| hindrance(request, session.reviewer())) {
                p.hindrance { (hindrance) }
            } @else if let Some(session) = session {
                form method="post" action={ "approvals/" (id) "/decide" } {
                    input type="hidden" name="key" value=(session.form_key());
                    input type="hidden" name="digest" value=(request.digest());
                    @if let Some(after) = after { input type="hidden" name="after" value=(after); }
                    label for={ "comment-" (id) } { "Comment " span.hint { "optional; the agent gets it" } }
                    // A text area: Enter in a one-line field would press the first button.
                    textarea id={ "comment-" (id) } name="comment" rows="2" maxlength="2000" {}
                    div.buttons {
                        button.approve name="decision" value="approve" { "Approve " code { (text(&name)) } }
                        button.reject name="decision" value="reject" aria-describedby=(title) { "Reject" }
                    }
                }
            } @else {
                // A button here would be one that every program on this machine, and perhaps a page, could press unnamed.
                p.hindrance { "Decide with " code { "POST approvals/" (id) "/decide?approved=true&reviewer=<your name>" } }
            }
        }
    }
}

fn stake(effect: Effect) -> Markup {
    let (class, words) = match effect {
        Effect::Reversible => ("stake", "can be undone"),
        Effect::External => ("stake grave", "leaves this system"),
        _ => ("stake grave", "cannot be undone"),
    };
    html! { p class=(class) { (words) } }
}

/// Every argument that would run, whole.
fn facts(request: &ApprovalRequest) -> Markup {
    let facts = request.facts();
    let unseen: Vec<_> = request.tool().not_reviewed().collect();
    html! {
        @if facts.is_empty() { p.quiet { "No arguments." } }
        @else {
            dl.facts {
                @for fact in &facts {
                    div {
                        dt { (text(&fact.name)) }
                        dd {
                            code dir="ltr" { (text(&fact.value)) }
                            @if let Some(warning) = fact.warning() {
                                @if fact.flags.allows_auto_approval() { p.note { (warning) } }
                                @else { p.warning { strong { "Careful: " } (warning) } }
                            }
                        }
                    }
                }
            }
        }
        @if request.edited_arguments().is_some() {
            p.edited { "A reviewer has changed the arguments. Asked for was " code dir="ltr" { (text(&display::value(&request.arguments().to_value()))) } }
        }
        @if !unseen.is_empty() {
            p.unseen { "Not shown to you: " (unseen.join(", ")) }
        }
    }
}

/// Who asks, for whom, who may decide, and what to compare.
fn circumstances(request: &ApprovalRequest, now: DateTime<Utc>) -> Markup {
    let chain: Vec<_> = request.agent_chain().map(display::name).collect();
    let votes: Vec<_> = request.votes().iter().map(|vote| display::name(&vote.reviewer)).collect();
    html! {
        dl.circumstances {
            @if !chain.is_empty() {
                div { dt { "Agent" } dd { @for (at, agent) in chain.iter().enumerate() { @if at > 0 { " → " } bdi { (text(agent)) } } } }
            }
            @if let Some(principal) = request.requested_by() {
                div { dt { "For" } dd { bdi { (text(&display::name(principal))) } } }
            }
            @if let Some(run) = request.run_id() {
                div { dt { "Run" } dd { bdi { (text(&display::name(run))) } } }
            }
            @if let Some(who) = who_decides(request.tool()) {
                div { dt { "Decided by" } dd { (who) @if !votes.is_empty() { "; approved by " (votes.join(", ")) } } }
            }
            div { dt { "Asked" } dd { (time(request.created_at(), now)) ", waits until " (time(request.expires_at(), now)) } }
            div { dt { "Code" } dd { code title=(request.digest()) { (request.short_code()) } } }
        }
    }
}

fn who_decides(tool: &Tool) -> Option<String> {
    let approvers: Vec<_> = tool.named_approvers().map(display::name).collect();
    match (approvers.is_empty(), tool.required_quorum()) {
        (true, 1) => None,
        (true, quorum) => Some(format!("{quorum} reviewers")),
        (false, 1) => Some(approvers.join(" or ")),
        (false, quorum) => Some(format!("{quorum} of {}", approvers.join(" or "))),
    }
}

/// Says why this reviewer's decision would be refused, so that nobody fills in a form for nothing. The gate decides.
fn hindrance(request: &ApprovalRequest, reviewer: &Reviewer) -> Option<&'static str> {
    if request.requested_by() == Some(reviewer.name()) {
        Some("This call is made on your behalf, so somebody else has to decide.")
    } else if !request.may_decide(reviewer) {
        Some("This call is not yours to decide.")
    } else if request.votes().iter().any(|vote| &*vote.reviewer == reviewer.name()) {
        Some("You approved this call. It waits for another reviewer.")
    } else {
        None
    }
}
