//! Telling people. I26: a notifier that hangs, blocks, panics or fails delays nothing and decides nothing.

use std::io::IsTerminal;
use std::time::Duration;

use approval_runtime::notify::{Log, Notice, Notifier, NotifyError, Terminal};
use approval_runtime::{ApprovalGate, BoxFuture, BuildError, EventKind};

use crate::tools::{Starts, approve, five, pay};

enum Trouble {
    Hangs,
    Blocks,
    Panics,
    Fails,
    Works,
    CannotReach,
}

struct Channel(&'static str, Trouble);

impl Notifier for Channel {
    fn name(&self) -> &str {
        self.0
    }

    fn can_reach(&self) -> bool {
        !matches!(self.1, Trouble::CannotReach)
    }

    fn notify(&self, _: Notice) -> BoxFuture<'_, Result<(), NotifyError>> {
        Box::pin(async {
            match self.1 {
                Trouble::Hangs => std::future::pending().await,
                Trouble::Blocks => loop {
                    std::thread::park();
                },
                Trouble::Panics => panic!("no paper"),
                Trouble::Fails => Err(NotifyError::new("no network")),
                Trouble::Works | Trouble::CannotReach => Ok(()),
            }
        })
    }
}

/// Real time, because notifiers live on threads of their own.
#[tokio::test]
async fn i26_broken_notifiers_delay_nothing() {
    let gate = ApprovalGate::builder()
        .tool(pay())
        .notifier(Channel("hangs", Trouble::Hangs))
        .notifier(Channel("blocks", Trouble::Blocks))
        .notifier(Channel("panics", Trouble::Panics))
        .notifier(Channel("fails", Trouble::Fails))
        .notifier(Channel("works", Trouble::Works))
        .notifier(Log::new())
        .build()
        .unwrap();
    let mut events = gate.events();
    let starts = Starts::default();
    for _ in 0..3 {
        let (returned, _) = tokio::join!(starts.pay(&gate, five()), approve(&gate));
        returned.unwrap();
    }
    assert_eq!(starts.count(), 3);
    let mut told = Vec::new();
    while told.len() < 12 {
        match events.next().await.unwrap().kind {
            EventKind::Delivered { channel } => told.push((channel.to_string(), None)),
            EventKind::NotDelivered { channel, error } => told.push((channel.to_string(), Some(error.to_string()))),
            _ => {}
        }
    }
    for (channel, error) in [("panics", Some("it panicked")), ("fails", Some("no network")), ("works", None), ("log", None)] {
        let expected = (channel.to_owned(), error.map(str::to_owned));
        assert_eq!(told.iter().filter(|told| **told == expected).count(), 3, "{told:?}");
    }
}

#[test]
fn gate_with_nowhere_to_ask_is_not_built() {
    if std::io::stdin().is_terminal() {
        return assert!(ApprovalGate::builder().tool(pay()).build().is_ok(), "a terminal is somewhere");
    }
    let error = ApprovalGate::builder().tool(pay()).build().unwrap_err();
    assert!(matches!(error, BuildError::NowhereToAsk));
    assert!(error.to_string().contains(".notifier(..)"), "{error}");
    assert!(!Terminal::new().can_reach());
}

#[tokio::test(start_paused = true)]
async fn i07_gate_that_reaches_nobody_refuses() {
    let gate = ApprovalGate::builder().tool(pay()).notifier(Channel("gone", Trouble::CannotReach)).build().unwrap();
    let starts = Starts::default();
    let refusal = starts.pay(&gate, five()).await.unwrap_err();
    assert_eq!(refusal.code(), "nowhere_to_ask");
    assert!(gate.get_pending().await.unwrap().is_empty());
    assert_eq!(starts.count(), 0);
}

/// The queue of a notifier that blocks is bounded, and what does not fit is said.
#[tokio::test]
async fn i28_notifier_queue_is_bounded() {
    let gate = ApprovalGate::builder().tool(pay()).notifier(Channel("blocks", Trouble::Blocks)).build().unwrap();
    let mut events = gate.events();
    let full = async {
        loop {
            if let EventKind::NotDelivered { error, .. } = events.next().await.unwrap().kind {
                return error;
            }
        }
    };
    let flood = async {
        for _ in 0..1_100 {
            let new = approval_runtime::NewRequest::new(pay(), five());
            gate.create_request(new).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let (error, ()) = tokio::join!(tokio::time::timeout(Duration::from_secs(100), full), flood);
    assert_eq!(&*error.expect("one did not fit"), "its queue is full");
}
