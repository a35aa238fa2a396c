//! The page: what waits, with all its facts, and two buttons. It works without a script.
//!
//! Everything that an agent, a reviewer or a tool's caller wrote is shown in the display form only, and escaped once, by
//! maud. The tool's facts come first; the agent's own words come last, marked as unverified.

use approval_runtime::arguments::display;
use approval_runtime::{
    ApprovalRequest, ApprovalStatus, DecideError, Decision, Effect, ExecutionState, RequestId, Reviewer, Tool,
};
use axum::http::header::{CONTENT_TYPE, HeaderValue, LOCATION, REFERRER_POLICY};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use maud::{DOCTYPE, Markup, html};

use crate::door::Door;
use crate::hosts::Address;
use crate::problem::Problem;
use crate::query::parameter;
use crate::session::Session;
use crate::sign_in;

/// How many requests the page shows. Nobody reads more at a time.
const SHOWN: usize = 100;

pub(crate) async fn style() -> Response {
    ([(CONTENT_TYPE, HeaderValue::from_static("text/css; charset=utf-8"))], include_str!("style.css")).into_response()
}

/// Answers a browser that wants the page.
///
/// A token in the query is traded for a session at once.
pub(crate) async fn home(door: &Door, query: &str, headers: &HeaderMap, address: &Address) -> Result<Response, Problem> {
    if let Some(token) = parameter(query, "token") {
        return sign_in::with_link(door, &token, address);
    }
    let session = door.session(headers);
    if session.is_none() && !door.is_open() {
        return Ok(sign_in::ask("", "You are not signed in."));
    }
    let news = news(door, session.as_ref(), query).await;
    let waiting = door.gate.get_pending().await?;
    Ok(page(StatusCode::OK, &list(&waiting, session.as_ref(), news.as_deref(), Utc::now())))
}

/// Takes a decision from the page's form and goes back to the page, which says what happened.
pub(crate) async fn decide(door: &Door, session: &Session<'_>, id: RequestId, body: &[u8]) -> Result<Response, Problem> {
    let form = Form::read(body)?;
    if !session.is_form_key(&form.key) {
        let text = "Nothing was decided: the form was not made for this session.";
        return Ok(page(StatusCode::FORBIDDEN, &message("../../", "Look again", text, "Show what waits now")));
    }
    let reviewer = session.reviewer().clone();
    let decision =
        if form.approves { Decision::approve(reviewer, form.digest) } else { Decision::reject(reviewer).digest(form.digest) };
    let location = match door.gate.decide(id, decision.comment(form.comment).door("page")).await {
        Ok(_) => format!("../../page?about={id}"),
        Err(error) => format!("../../page?about={id}&problem={}", error.code()),
    };
    let location = HeaderValue::from_str(&location).expect("an id and an error's code are a header's text");
    Ok((StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response())
}

/// What the page's form sends.
struct Form {
    key: String,
    digest: approval_runtime::Digest,
    approves: bool,
    comment: String,
}

impl Form {
    fn read(body: &[u8]) -> Result<Self, Problem> {
        let malformed = Problem::invalid_form;
        let (mut key, mut digest, mut approves, mut comment) = (None, None, None, None);
        for (name, value) in form_urlencoded::parse(body) {
            let is_new = match &*name {
                "key" => key.replace(value.into_owned()).is_none(),
                "digest" => digest.replace(value.parse().map_err(|_| malformed())?).is_none(),
                "decision" if value == "approve" => approves.replace(true).is_none(),
                "decision" if value == "reject" => approves.replace(false).is_none(),
                // Browsers send a line's end as CR LF.
                "comment" => comment.replace(value.replace("\r\n", "\n")).is_none(),
                _ => false,
            };
            if !is_new {
                return Err(malformed());
            }
        }
        Ok(Self {
            key: key.ok_or_else(malformed)?,
            digest: digest.ok_or_else(malformed)?,
            approves: approves.ok_or_else(malformed)?,
            comment: comment.unwrap_or_default(),
        })
    }
}

/// Says in a sentence what became of the decision that the query is about, as the record has it.
async fn news(door: &Door, session: Option<&Session<'_>>, query: &str) -> Option<String> {
    let id: RequestId = parameter(query, "about")?.parse().ok()?;
    let problem = parameter(query, "problem");
    Some(match door.gate.get_request(id).await {
        Ok(request) => sentence(&request, problem.as_deref(), session.map(Session::reviewer)),
        Err(error @ DecideError::NotFound { .. }) => format!("Nothing was decided: {error}."),
        Err(error) => format!("Whether anything was decided is not known: {error}."),
    })
}

fn sentence(request: &ApprovalRequest, problem: Option<&str>, reviewer: Option<&Reviewer>) -> String {
    let call = format!("{} ({})", display::name(request.tool_name()), request.short_code());
    let by = match request.decided_by() {
        Some(name) if reviewer.is_some_and(|reviewer| name == reviewer.name()) => "you".to_owned(),
        Some(name) => display::name(name),
        None => "nobody".to_owned(),
    };
    let nothing = if problem.is_some() { "Nothing changed: " } else { "" };
    match request.status() {
        ApprovalStatus::Pending => match problem {
            None => {
                let approvals = request.votes().len();
                format!("Your approval of {call} counts: {approvals} of {}.", request.tool().required_quorum())
            }
            Some("digest_mismatch") => {
                format!("Nothing was decided: the arguments of {call} are not those you saw. Look again.")
            }
            Some("not_allowed") => format!("Nothing was decided: {call} is not yours to decide."),
            Some("self_review") => format!("Nothing was decided: {call} is made on your behalf, so somebody else has to look."),
            Some("already_voted") => format!("Nothing changed: you have already voted on {call}."),
            Some(_) => format!("Nothing was decided about {call}. It still waits."),
        },
        ApprovalStatus::Approved | ApprovalStatus::AutoApproved => {
            let run = match request.execution().state {
                ExecutionState::NotStarted => "It has not started yet.",
                ExecutionState::Executing => "It is running.",
                ExecutionState::Executed => "It ran.",
                ExecutionState::Failed => "It ran and failed.",
                _ => "Whether it ran is not known.",
            };
            format!("{nothing}{call} was approved by {by}. {run}")
        }
        ApprovalStatus::Rejected => format!("{nothing}{call} was rejected by {by}. It does not run."),
        ApprovalStatus::TimedOut => {
            format!("Too late: the time for {call} ran out at {}. It does not run.", clock(request.expires_at(), Utc::now()))
        }
        status => format!("{nothing}{call} is {status}. It does not run."),
    }
}

/// The page's body: what waits, the oldest first.
fn list(waiting: &[ApprovalRequest], session: Option<&Session<'_>>, news: Option<&str>, now: DateTime<Utc>) -> Page {
    let count = match waiting.len() {
        0 => "Nothing waits".to_owned(),
        1 => "1 call waits".to_owned(),
        n => format!("{n} calls wait"),
    };
    let body = html! {
        header.top {
            h1 { (count) }
            p {
                @match session {
                    Some(session) => (who(session.reviewer())),
                    None => "This server runs without authentication: every program on this machine can decide",
                }
                ". Seen at " (time(now, now)) ". "
                a href="page" { "Look again" }
            }
        }
        main {
            @if let Some(news) = news { p.news role="status" { (news) } }
            @if waiting.is_empty() {
                p.quiet { "Calls that need a person appear here. While nothing waits, this page looks again every 10 seconds." }
            }
            @for request in waiting.iter().take(SHOWN) { (card(request, session, now)) }
            @if waiting.len() > SHOWN {
                p.quiet { "These are the " (SHOWN) " that have waited longest; the others follow when they are decided." }
            }
        }
        @if let Some(session) = session {
            footer {
                form method="post" action="sign-out" {
                    input type="hidden" name="key" value=(session.form_key());
                    button { "Sign out" }
                }
            }
        }
    };
    // A reload would take a half-written comment with it, so only a page without a form does it by itself.
    Page { root: "", title: format!("{count} · Approvals"), looks_again: waiting.is_empty(), body }
}

fn who(reviewer: &Reviewer) -> Markup {
    let roles: Vec<_> = reviewer.roles().map(display::name).collect();
    html! {
        "You decide as " strong { bdi { (display::name(reviewer.name())) } }
        @if !roles.is_empty() { " (" (roles.join(", ")) ")" }
    }
}

fn card(request: &ApprovalRequest, session: Option<&Session<'_>>, now: DateTime<Utc>) -> Markup {
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
            @if let Some(hindrance) = session.and_then(|session| hindrance(request, session.reviewer())) {
                p.hindrance { (hindrance) }
            } @else if let Some(session) = session {
                form method="post" action={ "approvals/" (id) "/decide" } {
                    input type="hidden" name="key" value=(session.form_key());
                    input type="hidden" name="digest" value=(request.digest());
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
    let unseen = request.tool().not_reviewed();
    html! {
        @if facts.is_empty() { p.quiet { "No arguments." } }
        @else {
            dl.facts {
                @for fact in &facts {
                    div { dt { (text(&fact.name)) } dd { code dir="ltr" { (text(&fact.value)) } } }
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

/// Writes text in the display form, with its escapes set apart: line ends and quotes recede, so that prose stays readable;
/// what was meant to stay hidden stands out.
fn text(displayed: &str) -> Markup {
    html! {
        @for (plain, escape) in escapes(displayed) {
            (plain)
            @if escape.ends_with('}') { span.hidden { (escape) } }
            @else if !escape.is_empty() { span.escape { (escape) } }
        }
    }
}

/// Splits text in the display form into pairs of plain text and the escape that follows it.
fn escapes(displayed: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = displayed;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (plain, tail) = rest.split_at(rest.find('\\').unwrap_or(rest.len()));
        let length = match tail.as_bytes() {
            [b'\\', b'u' | b's' | b'N', b'{', ..] => tail.find('}').map_or(tail.len(), |end| end + 1),
            _ => tail.len().min(2),
        };
        let (escape, tail) = tail.split_at(length);
        rest = tail;
        Some((plain, escape))
    })
}

fn time(time: DateTime<Utc>, now: DateTime<Utc>) -> Markup {
    html! { time datetime=(time.to_rfc3339_opts(SecondsFormat::Secs, true)) { (clock(time, now)) } }
}

/// Writes a time of today as such, any other with its date.
fn clock(time: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let format = if time.date_naive() == now.date_naive() { "%H:%M:%S UTC" } else { "%-d %B %Y, %H:%M UTC" };
    time.format(format).to_string()
}

/// Says how long something lasts, in its two largest units.
fn left(time: TimeDelta) -> String {
    let seconds = time.num_seconds().max(0);
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

pub(crate) struct Page {
    /// The router's folder, seen from the path that the page is served under: links stay relative, so any prefix will do.
    pub(crate) root: &'static str,
    pub(crate) title: String,
    pub(crate) looks_again: bool,
    pub(crate) body: Markup,
}

fn message(root: &'static str, title: &str, text: &str, link: &str) -> Page {
    let body = html! {
        header.top { h1 { (title) } }
        main { p { (text) } p { a href={ (root) "page" } { (link) } } }
    };
    Page { root, title: format!("{title} · Approvals"), looks_again: false, body }
}

pub(crate) fn page(status: StatusCode, page: &Page) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                @if page.looks_again { meta http-equiv="refresh" content={ "10; url=" (page.root) "page" }; }
                title { (page.title) }
                link rel="stylesheet" href={ (page.root) "style.css" };
            }
            body { (page.body) }
        }
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        // Under `no-referrer` browsers send the form with `Origin: null`, which is what a stranger's sandboxed frame sends.
        (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    ];
    (status, headers, markup.into_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_split_without_loss() {
        let displayed = r#""a\nb\\n\u{202E}c\s{12}d\N{9}\"""#;
        let joined: String = escapes(displayed).flat_map(|(plain, escape)| [plain, escape]).collect();
        assert_eq!(joined, displayed);
        let found: Vec<_> = escapes(displayed).map(|(_, escape)| escape).filter(|escape| !escape.is_empty()).collect();
        assert_eq!(found, [r"\n", r"\\", r"\u{202E}", r"\s{12}", r"\N{9}", r#"\""#]);
    }

    #[test]
    fn other_days_are_named() {
        let time = |text: &str| text.parse::<DateTime<Utc>>().expect("RFC 3339");
        let now = time("2026-11-23T16:17:12Z");
        assert_eq!(clock(time("2026-11-23T23:59:59Z"), now), "23:59:59 UTC");
        assert_eq!(clock(time("2026-11-24T16:17:12Z"), now), "24 November 2026, 16:17 UTC");
    }

    #[test]
    fn time_left_has_two_units() {
        for (seconds, words) in [(-5, "0 s"), (59, "59 s"), (60, "1 min 0 s"), (3_725, "1 h 2 min"), (90_000, "1 d 1 h")] {
            assert_eq!(left(TimeDelta::seconds(seconds)), words);
        }
    }
}
