//! What happens, as it happens, over HTTP.

use std::time::Duration;

use approval_runtime::{ApprovalGate, BoxFuture, Decision, NewRequest, Notice, Notifier, NotifyError, Reviewer, Tool};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

use super::{Served, served};

/// A client that follows the events.
struct Stream {
    stream: TcpStream,
    head: String,
    read: String,
}

impl Stream {
    /// Asks for the events, in HTTP/1.0, so that what comes is the stream as it is.
    async fn open(served: &Served, header: &str) -> Self {
        let mut stream = TcpStream::connect(served.address).await.expect("it listens");
        let head = format!("GET /approvals/events HTTP/1.0\r\nHost: {}\r\n{header}\r\n\r\n", served.address);
        stream.write_all(head.as_bytes()).await.expect("it reads");
        let mut opened = Self { stream, head: String::new(), read: String::new() };
        opened.head = opened.until("\r\n\r\n").await.expect("an answer has a head");
        opened
    }

    async fn with_token(served: &Served) -> Self {
        let opened = Self::open(served, &format!("Authorization: Bearer {}", served.token)).await;
        assert!(opened.head.starts_with("HTTP/1.0 200 "), "{}", opened.head);
        opened
    }

    /// Returns what comes before this mark; `None` when the stream ends first.
    async fn until(&mut self, mark: &str) -> Option<String> {
        loop {
            if let Some((before, after)) = self.read.split_once(mark) {
                let (before, after) = (before.to_owned(), after.to_owned());
                self.read = after;
                return Some(before);
            }
            let mut bytes = vec![0; 65_536];
            match self.stream.read(&mut bytes).await {
                Ok(0) | Err(_) => return None,
                Ok(read) => self.read.push_str(std::str::from_utf8(&bytes[..read]).expect("ASCII")),
            }
        }
    }

    /// Returns the next event's name and its data.
    async fn event(&mut self) -> Option<(String, Value)> {
        loop {
            let event = self.until("\n\n").await?;
            if event.starts_with(':') {
                continue;
            }
            let (name, data) = event.split_once('\n').expect("two lines");
            let data = data.strip_prefix("data: ").expect("one line of data");
            assert!(data.bytes().all(|byte| matches!(byte, b' '..=b'~')), "{data}");
            let name = name.strip_prefix("event: ").expect("a name").to_owned();
            return Some((name, serde_json::from_str(data).expect("JSON")));
        }
    }
}

#[tokio::test]
async fn events_are_told_as_they_happen() {
    let served = served().await;
    let mut stream = Stream::with_token(&served).await;
    for header in ["content-type: text/event-stream", "cache-control: no-store"] {
        assert!(stream.head.contains(header), "{}", stream.head);
    }
    let arguments = json!({"text": "one\ntwo\r\n\r\nevent: approved\ndata: \u{202e}é", "n": 9_007_199_254_740_993_u64});
    let request = served.ask(Tool::named("post"), arguments).await;
    let (name, data) = stream.event().await.expect("an event");
    assert_eq!((&*name, data), ("requested", serde_json::to_value(&request).expect("JSON")));

    served.decide(&request, json!({"approved": false, "comment": "no"})).await;
    let (name, data) = stream.event().await.expect("an event");
    assert_eq!((&*name, &data["decided_by"], &data["comment"]), ("rejected", &json!("alice"), &json!("no")));

    let two = served.ask(Tool::named("pay").quorum(2), json!({})).await;
    served.approve(&two).await;
    let bob = Decision::approve(Reviewer::new("bob"), two.digest());
    served.gate.decide(two.id(), bob).await.expect("the second one");
    served.gate.cancel(two.id(), "operator").await.expect("not started");
    for expected in ["requested", "voted", "approved", "cancelled"] {
        assert_eq!(stream.event().await.expect("an event").0, expected);
    }
}

/// Reaches one of two.
struct Half(&'static str);

impl Notifier for Half {
    fn name(&self) -> &'static str {
        self.0
    }

    fn can_reach(&self) -> bool {
        true
    }

    fn notify(&self, _: Notice) -> BoxFuture<'_, Result<(), NotifyError>> {
        let reached = if self.0 == "mail" { Ok(()) } else { Err(NotifyError::new("the line is dead")) };
        Box::pin(std::future::ready(reached))
    }
}

#[tokio::test]
async fn deliveries_name_their_channel() {
    let gate = ApprovalGate::builder().notifier(Half("mail")).notifier(Half("phone")).build().expect("in order");
    let served = super::served_at(gate).await;
    let mut stream = Stream::with_token(&served).await;
    let request = served.ask_mail().await;
    let mut told = Vec::new();
    while told.len() < 3 {
        let (name, data) = stream.event().await.expect("an event");
        assert_eq!(data["id"], request.id().to_string());
        told.push((name, data["delivery"].clone()));
    }
    told.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = [
        ("delivered", json!({"channel": "mail", "error": null})),
        ("not_delivered", json!({"channel": "phone", "error": "the line is dead"})),
        ("requested", Value::Null),
    ];
    assert_eq!(told, expected.map(|(name, delivery)| (name.to_owned(), delivery)));
}

#[tokio::test]
async fn events_are_for_reviewers() {
    let served = served().await;
    for header in ["Accept: text/event-stream", "Authorization: Bearer 0", "Cookie: approvals=0"] {
        let refused = Stream::open(&served, header).await;
        assert!(refused.head.starts_with("HTTP/1.0 401 "), "{header}: {}", refused.head);
    }
    let browser = served.sign_in().await;
    let mut stream = Stream::open(&served, &format!("Cookie: {}", browser.cookie)).await;
    assert!(stream.head.starts_with("HTTP/1.0 200 "), "{}", stream.head);
    served.ask_mail().await;
    assert_eq!(stream.event().await.expect("an event").0, "requested");
}

/// T34: whoever reads too slowly holds nothing up, and is told what is gone.
#[tokio::test]
async fn t34_slow_reader_is_told_what_it_missed() {
    let served = served().await;
    let mut stream = Stream::with_token(&served).await;
    // Nothing here waits, so the server does not get to send anything meanwhile.
    for _ in 0..3_000 {
        let asked = NewRequest::new(Tool::named("pay"), json!({}));
        served.gate.create_request(asked).await.expect("filed");
    }
    let (name, data) = stream.event().await.expect("an event");
    let missed = data["missed"].as_u64().expect("how many");
    assert!(name == "missed" && (1_900..3_000).contains(&missed), "{name}: {data}");
    for _ in missed..3_000 {
        assert_eq!(stream.event().await.expect("an event").0, "requested");
    }
}

/// I28: a bound on streams, and a typed answer to one more.
#[tokio::test]
async fn i28_streams_are_bounded() {
    let served = served().await;
    let mut streams = Vec::new();
    for _ in 0..64 {
        streams.push(Stream::with_token(&served).await);
    }
    let answer =
        tokio::time::timeout(Duration::from_secs(60), served.get("/approvals/events")).await.expect("an answer, no stream");
    assert_eq!((answer.status, &*answer.problem()), (503, "too_many_streams"));
    assert_eq!(served.get("/approvals/pending").await.status, 200, "nobody else is held up");

    // One that left makes room.
    streams.pop();
    let header = format!("Authorization: Bearer {}", served.token);
    let again = async {
        while !Stream::open(&served, &header).await.head.starts_with("HTTP/1.0 200 ") {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), again).await.expect("the place is free again");
}

#[tokio::test]
async fn quiet_stream_stays_for_an_hour() {
    let served = served().await;
    let mut stream = Stream::with_token(&served).await;
    // Time passes whenever everybody waits.
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let mut comments = 0;
    while let Some(comment) = stream.until("\n\n").await {
        assert!(comment.starts_with(':'), "{comment}");
        comments += 1;
    }
    assert!((200..=240).contains(&comments), "{comments}");
    assert!((3_590..3_700).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test]
async fn streams_end_with_their_server() {
    for graceful in [true, false] {
        let gate = super::gate();
        let mut events = gate.events();
        let (served, bound) = super::bound_at(gate).await;
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = tokio::spawn(bound.serve_until(async { drop(stopped.await) }));
        let mut stream = Stream::with_token(&served).await;
        if graceful {
            drop(stop);
            serving.await.expect("no panic").expect("it served");
        } else {
            serving.abort();
        }
        let ended = tokio::time::timeout(Duration::from_secs(60), stream.event()).await;
        assert!(ended.expect("the stream ends").is_none());
        // And nothing of it holds the gate.
        drop((served, stream));
        let gone = tokio::time::timeout(Duration::from_secs(60), events.next()).await;
        assert!(gone.expect("the gate is gone").is_none());
    }
}

/// In an app of one's own nobody tells the server that it ends; the gate's end is the streams' end.
#[tokio::test]
async fn streams_end_with_their_gate() {
    let served = served().await;
    let mut stream = Stream::with_token(&served).await;
    served.ask_mail().await;
    served.gate.shutdown().await;
    assert_eq!(stream.event().await.expect("what was told before").0, "requested");
    let ended = tokio::time::timeout(Duration::from_secs(60), stream.event()).await;
    assert!(ended.expect("the stream ends").is_none());
}
