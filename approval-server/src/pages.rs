//! The page: what waits, with all its facts, and two buttons. It works without a script.
//!
//! Everything that an agent, a reviewer or a tool's caller wrote is shown in the display form only, and escaped once, by
//! maud. The tool's facts come first; the agent's own words come last, marked as unverified.

mod card;
mod past;
pub(crate) mod sheet;
mod words;

use approval_runtime::arguments::{Arguments, display};
use approval_runtime::gate::MAX_PAGE;
use approval_runtime::{
    ApprovalRequest, ApprovalStatus, Cursor, DecideError, Decision, ExecutionState, RequestId, RequestPage, RequestQuery,
    Reviewer,
};
use axum::http::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use maud::{Markup, Render, html};

use self::card::card;
use self::sheet::{Page, page};
use self::words::{clock, time};
use crate::door::Door;
use crate::hosts::Address;
use crate::problem::Problem;
use crate::query::parameter;
use crate::session::Session;
use crate::sign_in;

/// How many requests the page shows. Nobody reads more at a time.
const SHOWN: usize = 100;

/// How many bytes of arguments it shows, in their canonical form; the first call is shown whatever it has. On the page some
/// characters take ten times the room.
const SHOWN_BYTES: usize = 512 * 1024;

/// How far it counts.
const COUNTED: usize = MAX_PAGE;

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
    let session = door.session(headers, address);
    if session.is_none() && !door.is_open() {
        return Ok(sign_in::ask("", "You are not signed in."));
    }
    let after: Option<Cursor> = parameter(query, "after").and_then(|after| after.parse().ok());
    let mut waits = RequestQuery::new().status(ApprovalStatus::Pending).limit(COUNTED);
    waits = after.map_or(waits.clone(), |after| waits.after(after));
    let waiting = door.gate.get_requests(&waits).await?;
    let past = if after.is_none() { past::recent(&door.gate).await? } else { Vec::new() };
    let news = News::read(door, session.as_ref(), query).await;
    let shown = Shown { waiting, after, past, news, session: session.as_ref() };
    Ok(page(StatusCode::OK, &list(&shown, Utc::now())))
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
    let mut location = format!("../../page?about={id}");
    if let Err(error) = door.gate.decide(id, decision.comment(form.comment).door("page")).await {
        location += &format!("&problem={}", error.code());
    }
    if let Some(after) = form.after {
        location += &format!("&after={after}");
    }
    location += "#news";
    let location = HeaderValue::from_str(&location).expect("ids, cursors and an error's code are a header's text");
    Ok((StatusCode::SEE_OTHER, [(LOCATION, location)]).into_response())
}

/// What the page's form sends.
struct Form {
    key: String,
    digest: approval_runtime::Digest,
    approves: bool,
    comment: String,
    /// Where the page began.
    after: Option<Cursor>,
}

impl Form {
    fn read(body: &[u8]) -> Result<Self, Problem> {
        let malformed = Problem::invalid_form;
        let (mut key, mut digest, mut approves, mut comment, mut after) = (None, None, None, None, None);
        for (name, value) in form_urlencoded::parse(body) {
            let is_new = match &*name {
                "key" => key.replace(value.into_owned()).is_none(),
                "digest" => digest.replace(value.parse().map_err(|_| malformed())?).is_none(),
                "decision" if value == "approve" => approves.replace(true).is_none(),
                "decision" if value == "reject" => approves.replace(false).is_none(),
                "after" => after.replace(value.parse().map_err(|_| malformed())?).is_none(),
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
            after,
        })
    }
}

/// What became of the decision that the query is about, in a sentence and as the record has it.
struct News {
    words: String,
    /// The place of the request, as far as it is known.
    about: Option<Cursor>,
}

impl News {
    async fn read(door: &Door, session: Option<&Session<'_>>, query: &str) -> Option<Self> {
        let id: RequestId = parameter(query, "about")?.parse().ok()?;
        let problem = parameter(query, "problem");
        let (words, about) = match door.gate.get_request(id).await {
            Ok(request) => (sentence(&request, problem.as_deref(), session.map(Session::reviewer)), Some(Cursor::of(&request))),
            Err(error @ DecideError::NotFound { .. }) => (format!("Nothing was decided: {error}."), None),
            Err(error) => (format!("Whether anything was decided is not known: {error}."), None),
        };
        Some(Self { words, about })
    }
}

impl Render for News {
    fn render(&self) -> Markup {
        html! { p.news id="news" role="status" { (self.words) } }
    }
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
            // A link may name any request; only a vote of one's own counts.
            None if request.votes().iter().any(|vote| reviewer.is_some_and(|reviewer| &*vote.reviewer == reviewer.name())) => {
                let approvals = request.votes().len();
                format!("Your approval of {call} counts: {approvals} of {}.", request.tool().required_quorum())
            }
            Some("digest_mismatch") => {
                format!("Nothing was decided: the arguments of {call} are not those you saw. Look again.")
            }
            Some("not_allowed") => format!("Nothing was decided: {call} is not yours to decide."),
            Some("self_review") => format!("Nothing was decided: {call} is made on your behalf, so somebody else has to look."),
            Some("already_voted") => format!("Nothing changed: you have already voted on {call}."),
            _ => format!("Nothing was decided about {call}. It still waits."),
        },
        ApprovalStatus::Approved | ApprovalStatus::AutoApproved => {
            format!("{nothing}{call} was approved by {by}. It {}.", ran(request))
        }
        ApprovalStatus::Rejected => format!("{nothing}{call} was rejected by {by}. It does not run."),
        ApprovalStatus::TimedOut => {
            format!("Too late: the time for {call} ran out at {}. It does not run.", clock(request.expires_at(), Utc::now()))
        }
        status => format!("{nothing}{call} is {status}. It does not run."),
    }
}

/// Says how far a call's body came, behind "it".
fn ran(request: &ApprovalRequest) -> &'static str {
    match request.execution().state {
        ExecutionState::NotStarted => "has not started yet",
        ExecutionState::Executing => "is running",
        ExecutionState::Executed => "ran",
        ExecutionState::Failed => "ran and failed",
        _ => "was cut short: how far it came is not known",
    }
}

/// What there is to show.
struct Shown<'a> {
    waiting: RequestPage,
    /// Where the page begins, unless that is with the oldest.
    after: Option<Cursor>,
    past: Vec<ApprovalRequest>,
    news: Option<News>,
    session: Option<&'a Session<'a>>,
}

fn list(shown: &Shown<'_>, now: DateTime<Utc>) -> Page {
    let Shown { waiting, after, past, news, session } = shown;
    let (requests, is_first) = (&waiting.requests, after.is_none());
    let count = count(requests.len(), waiting.next.is_some(), is_first);
    let (cards, rest) = requests.split_at(fitting(requests));
    // What was decided stands where its card stood: the answer leads there, and the next card follows.
    let news_at = news.as_ref().map(|news| cards.partition_point(|card| Some(Cursor::of(card)) < news.about));
    let body = html! {
        header.top {
            h1 { (count) }
            p {
                @match session {
                    Some(session) => (who(session.reviewer())),
                    None => "This server runs without authentication: every program on this machine can decide",
                }
                ". Seen at " (time(now, now)) ". "
                a href="page" { @if is_first { "Look again" } @else { "Show those that have waited longest" } }
            }
        }
        main {
            @if cards.is_empty() && is_first {
                p.quiet { "Calls that need a person appear here. While nothing waits, this page looks again every 10 seconds." }
            }
            @for (at, request) in cards.iter().enumerate() {
                @if let Some(news) = news.as_ref().filter(|_| news_at == Some(at)) { (news) }
                (card(request, *session, *after, now))
            }
            @if let Some(news) = news.as_ref().filter(|_| news_at == Some(cards.len())) { (news) }
            @if let (false, Some(last)) = (rest.is_empty(), cards.last()) {
                p.quiet {
                    @if waiting.next.is_some() { "More than " (rest.len()) " more wait. " }
                    @else if rest.len() == 1 { "1 more waits. " }
                    @else { (rest.len()) " more wait. " }
                    a href={ "page?after=" (Cursor::of(last)) } { "Show the next" }
                }
            }
            @if !past.is_empty() { (past::list(past, now)) }
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
    Page { root: "", title: format!("{count} · Approvals"), looks_again: requests.is_empty() && is_first, body }
}

/// Returns how many of the requests one page shows.
fn fitting(requests: &[ApprovalRequest]) -> usize {
    let sizes = requests.iter().map(|request| request.arguments().len() + request.edited_arguments().map_or(0, Arguments::len));
    let ends = sizes.scan(0, |end, size| {
        *end += size;
        Some(*end)
    });
    let fitting = ends.take(SHOWN).take_while(|end| *end <= SHOWN_BYTES).count();
    fitting.max(1).min(requests.len())
}

fn count(waiting: usize, and_more: bool, is_first: bool) -> String {
    let more = if is_first { "" } else { " more" };
    match waiting {
        0 => format!("Nothing{more} waits"),
        1 => format!("1{more} call waits"),
        n if and_more => format!("More than {n}{more} calls wait"),
        n => format!("{n}{more} calls wait"),
    }
}

fn who(reviewer: &Reviewer) -> Markup {
    let roles: Vec<_> = reviewer.roles().map(display::name).collect();
    html! {
        "You decide as " strong { bdi { (display::name(reviewer.name())) } }
        @if !roles.is_empty() { " (" (roles.join(", ")) ")" }
    }
}

fn message(root: &'static str, title: &str, text: &str, link: &str) -> Page {
    let body = html! {
        header.top { h1 { (title) } }
        main { p { (text) } p { a href={ (root) "page" } { (link) } } }
    };
    Page { root, title: format!("{title} · Approvals"), looks_again: false, body }
}
