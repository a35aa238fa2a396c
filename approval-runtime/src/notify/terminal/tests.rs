use std::io::{self, BufReader, PipeWriter};
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::*;
use crate::agent::Agent;
use crate::call::NewRequest;
use crate::gate::ApprovalGate;
use crate::refusal::Refusal;
use crate::request::RequestId;
use crate::store::MemoryStore;
use crate::tool::Tool;

#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Screen {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    async fn shows(&self, text: &str) {
        while !self.text().contains(text) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

struct Desk {
    gate: ApprovalGate,
    screen: Screen,
    keyboard: PipeWriter,
    prompt: Prompt<Screen>,
}

fn desk() -> Desk {
    let gate = ApprovalGate::builder().without_notifier().build().unwrap();
    let (reader, keyboard) = io::pipe().unwrap();
    let screen = Screen::default();
    let lines = Lines::of(|| BufReader::new(reader));
    let prompt = Prompt { reviewer: Reviewer::new("tess"), quiet: false, lines, out: screen.clone() };
    Desk { gate, screen, keyboard, prompt }
}

async fn waiting(gate: &ApprovalGate, arguments: serde_json::Value) -> Notice {
    let tool = Tool::named("send_email");
    let request = gate.create_request(NewRequest::new(tool, arguments)).await.unwrap();
    Notice { request, decider: Arc::new(gate.clone()) }
}

async fn status(gate: &ApprovalGate, id: RequestId) -> ApprovalStatus {
    gate.get_request(id).await.unwrap().status()
}

#[tokio::test]
async fn typed_yes_approves_what_was_shown() {
    let Desk { gate, screen, mut keyboard, mut prompt } = desk();
    let notice = waiting(&gate, json!({"to": "bob\u{1b}[2J"})).await;
    let id = notice.request.id();
    let typist = async {
        screen.shows("then Enter").await;
        tokio::time::sleep(DEAD_TIME).await;
        keyboard.write_all(b"maybe\nY\n").unwrap();
    };
    let (asked, ()) = tokio::join!(prompt.ask(&notice), typist);
    assert!(asked.is_ok());
    let request = gate.get_request(id).await.unwrap();
    assert_eq!((request.status(), request.decided_by()), (ApprovalStatus::Approved, Some("tess")));
    assert_eq!(&*request.votes()[0].door, "terminal");
    assert!(screen.text().contains(r#""bob\u{1B}[2J""#), "{}", screen.text());
    assert!(!screen.text().contains('\u{1b}'));
}

/// Each argument says what about it can mislead, right below its value.
#[tokio::test]
async fn card_says_what_flags_mean() {
    let Desk { gate, .. } = desk();
    let arguments = json!({
        "amount": 5,
        "note": "שלום",
        "password": "hunter2",
        "subject": "Hi",
        "to": "аdmin@company.com",
        "url": "https://company.com@evil.example/",
    });
    let card = card::question(&waiting(&gate, arguments).await.request);
    let rows: Vec<_> = card.lines().skip(2).take(9).collect();
    let expected = [
        "  amount       5",
        "  note         \"שלום\"",
        "               note: holds text that is read from right to left",
        "  password     [redacted]",
        "  subject      \"Hi\"",
        "  to           \"аdmin@company.com\"",
        "               ! looks like ASCII text but is not; a word mixes letters of two scripts",
        "  url          \"https://company.com@evil.example/\"",
        "               ! the URL leads to the host behind the @, not to the name before it",
    ];
    assert_eq!(rows, expected, "{card}");
}

#[tokio::test]
async fn typed_no_keeps_the_comment() {
    let Desk { gate, screen, mut keyboard, mut prompt } = desk();
    let notice = waiting(&gate, json!({"to": "bob"})).await;
    let typist = async {
        screen.shows("then Enter").await;
        tokio::time::sleep(DEAD_TIME).await;
        keyboard.write_all(b"n not today\n").unwrap();
    };
    let (asked, ()) = tokio::join!(prompt.ask(&notice), typist);
    assert!(asked.is_ok());
    let request = gate.get_request(notice.request.id()).await.unwrap();
    assert_eq!((request.status(), request.comment()), (ApprovalStatus::Rejected, Some("not today")));
}

#[tokio::test]
async fn line_typed_before_the_question_decides_nothing() {
    let Desk { gate, screen, mut keyboard, mut prompt } = desk();
    keyboard.write_all(b"y\n").unwrap();
    let notice = waiting(&gate, json!({"to": "bob"})).await;
    let elsewhere = async {
        screen.shows("then Enter").await;
        tokio::time::sleep(DEAD_TIME).await;
        assert_eq!(status(&gate, notice.request.id()).await, ApprovalStatus::Pending);
        gate.decide(notice.request.id(), Decision::reject(Reviewer::new("bea"))).await.unwrap();
    };
    let (asked, ()) = tokio::join!(prompt.ask(&notice), elsewhere);
    assert!(asked.is_ok());
    assert!(screen.text().ends_with("send_email: rejected by bea\n"), "{}", screen.text());
}

/// A change that a reviewer does not see (another process waits for the call too) does not repeat the question.
#[tokio::test]
async fn question_stands_while_it_reads_the_same() {
    let Desk { screen, mut prompt, keyboard: _keyboard, .. } = desk();
    let store = Arc::new(MemoryStore::new());
    let gate = || ApprovalGate::builder().shared_store(Arc::<MemoryStore>::clone(&store)).without_notifier().build().unwrap();
    let (gate, other) = (gate(), gate());
    let call = |gate: &ApprovalGate| {
        let (gate, agent) = (gate.clone(), Agent::new("billing").run_id("run-7").call_id("call-1"));
        let call =
            async move { gate.call(Tool::named("send_email"), json!({"to": "bob"}), |_| async { Ok::<_, Refusal>(()) }).await };
        tokio::spawn(agent.scope(call))
    };
    let mut events = gate.events();
    let first = call(&gate);
    let request = events.next().await.unwrap().request;
    let notice = Notice { request: request.clone(), decider: Arc::new(gate.clone()) };
    let elsewhere = async {
        screen.shows("then Enter").await;
        let second = call(&other);
        while gate.get_request(request.id()).await.unwrap().version() == request.version() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        crate::wait::look(request.id()); // as a store does that others share
        tokio::time::sleep(Duration::from_millis(50)).await;
        gate.decide(request.id(), Decision::reject(Reviewer::new("bea"))).await.unwrap();
        (first.await.unwrap().unwrap_err(), second.await.unwrap().unwrap_err())
    };
    let (asked, _) = tokio::join!(prompt.ask(&notice), elsewhere);
    assert!(asked.is_ok());
    assert_eq!(screen.text().matches("waits for approval").count(), 1, "{}", screen.text());
}

#[tokio::test]
async fn closed_input_reaches_nobody() {
    let Desk { gate, keyboard, mut prompt, .. } = desk();
    drop(keyboard);
    let notice = waiting(&gate, json!({"to": "bob"})).await;
    assert!(prompt.ask(&notice).await.is_err());
    assert_eq!(status(&gate, notice.request.id()).await, ApprovalStatus::Pending);
}
