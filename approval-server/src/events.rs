//! `GET /approvals/events`: what happens at the gate, as server-sent events.
//!
//! A reader that is too slow holds nothing up: the gate's queue goes on without it, and it is told how much it missed.

use std::convert::Infallible;
use std::time::Duration;

use approval_runtime::events::Next;
use approval_runtime::{ApprovalRequest, Event, EventKind, Events};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use tokio::time::{Instant, sleep_until};

use crate::door::Door;
use crate::json;
use crate::problem::Problem;
use crate::streams::Place;

/// How often a stream on which nothing happens says that it is there, so that proxies keep it and a client that is gone is
/// noticed.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a stream lasts. Its reader comes again, and shows a credential that is still good.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Answers with a stream of what happens from now on.
pub(crate) fn stream(door: &Door) -> Result<Response, Problem> {
    let place = door.streams.place().ok_or_else(|| {
        let detail = "64 readers follow the events, the most at a time: end one, or read `/approvals` from time to time";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too_many_streams", detail)
    })?;
    let reader = Reader { events: door.gate.events(), until: Instant::now() + LIFETIME, place };
    let events = stream::unfold(reader, async |mut reader| {
        let event = reader.next().await?;
        Some((Ok::<_, Infallible>(event), reader))
    });
    let mut response = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response();
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx would hold the events back until a buffer is full.
    response.headers_mut().insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

/// One client. It holds neither the gate nor the server.
struct Reader {
    events: Events,
    until: Instant,
    place: Place,
}

impl Reader {
    async fn next(&mut self) -> Option<sse::Event> {
        tokio::select! {
            next = self.events.next_or_missed() => next.map(|next| written(&next)),
            () = self.place.closed() => None,
            () = sleep_until(self.until) => None,
        }
    }
}

fn written(next: &Next) -> sse::Event {
    match next {
        Next::Event(event) => sse::Event::default().event(event.kind.as_str()).data(data(&Told::of(event))),
        Next::Missed(missed) => sse::Event::default().event("missed").data(data(&Missed { missed: *missed })),
    }
}

/// Writes a document in one line: it is ASCII without control characters.
fn data(document: &impl Serialize) -> String {
    String::from_utf8(json::to_ascii(document)).expect("ASCII is UTF-8")
}

#[derive(Serialize)]
struct Missed {
    missed: u64,
}

/// The request as it was right after; where the event is about telling people, through which channel as well.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    request: &'a ApprovalRequest,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<Delivery<'a>>,
}

#[derive(Serialize)]
struct Delivery<'a> {
    channel: &'a str,
    error: Option<&'a str>,
}

impl<'a> Told<'a> {
    fn of(event: &'a Event) -> Self {
        let delivery = match &event.kind {
            EventKind::Delivered { channel } => Some(Delivery { channel, error: None }),
            EventKind::NotDelivered { channel, error } => Some(Delivery { channel, error: Some(error) }),
            _ => None,
        };
        Self { request: &event.request, delivery }
    }
}
