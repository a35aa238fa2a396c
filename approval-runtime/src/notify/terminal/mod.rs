//! [`Terminal`]: asks at the terminal that the program runs in.

mod card;
mod lines;

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::Utc;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

#[cfg(feature = "testing")]
pub(crate) use self::card::card;
use self::lines::Lines;
use super::{Notice, Notifier, NotifyError};
use crate::arguments::{Digest, display};
use crate::boxed::BoxFuture;
use crate::check::Check;
use crate::decision::{Decision, Reviewer};
use crate::request::{ApprovalRequest, ApprovalStatus};
use crate::review::DecideError;
use crate::wait::Waiter;

/// An answer that comes sooner after the question was for whatever stood there before: it is not taken.
const DEAD_TIME: Duration = Duration::from_millis(500);

/// Asks y/n at the terminal, one request after another, on a thread of its own.
///
/// It writes to standard error and reads lines from standard input, only while a question is open. Where standard input is
/// not a terminal, or was closed, it reaches nobody. Whoever sits at the terminal decides as one reviewer, named `terminal`
/// unless [`reviewer`](Self::reviewer) says otherwise.
#[derive(Debug)]
pub struct Terminal {
    reviewer: Reviewer,
    quiet: bool,
    open: Arc<AtomicBool>,
    questions: Mutex<Option<mpsc::UnboundedSender<Notice>>>,
}

impl Default for Terminal {
    fn default() -> Self {
        Self::new()
    }
}

impl Terminal {
    /// Makes the notifier for whoever sits at the terminal.
    #[must_use]
    pub fn new() -> Self {
        let open = Arc::new(AtomicBool::new(std::io::stdin().is_terminal()));
        Self { reviewer: Reviewer::new("terminal"), quiet: false, open, questions: Mutex::new(None) }
    }

    /// Names who sits at the terminal, with their roles.
    #[must_use]
    pub fn reviewer(mut self, reviewer: Reviewer) -> Self {
        self.reviewer = reviewer;
        self
    }

    /// Only asks: what became of a request the program says by itself, for example from
    /// [`ApprovalGate::events`](crate::ApprovalGate::events).
    #[must_use]
    pub const fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }
}

impl Notifier for Terminal {
    fn name(&self) -> &'static str {
        "terminal"
    }

    fn can_reach(&self) -> bool {
        self.open.load(Ordering::Relaxed)
    }

    fn notify(&self, notice: Notice) -> BoxFuture<'_, Result<(), NotifyError>> {
        let closed = || NotifyError::new("standard input is not a terminal, or was closed");
        let told = if self.can_reach() {
            let mut questions = self.questions.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let questions = questions.get_or_insert_with(|| {
                let (sender, receiver) = mpsc::unbounded_channel();
                let prompt = Prompt {
                    reviewer: self.reviewer.clone(),
                    quiet: self.quiet,
                    lines: Lines::of_stdin(),
                    out: std::io::stderr(),
                };
                tokio::spawn(prompt.run(receiver, Arc::clone(&self.open)));
                sender
            });
            questions.send(notice).map_err(|_| closed())
        } else {
            Err(closed())
        };
        Box::pin(std::future::ready(told))
    }
}

/// The conversation with the person at the terminal.
struct Prompt<W> {
    reviewer: Reviewer,
    quiet: bool,
    lines: Lines,
    out: W,
}

/// Nobody answers here any more.
struct Closed;

enum Heard {
    Line(String),
    /// Something happened to the request, or its time is over.
    Changed,
}

impl<W: Write> Prompt<W> {
    async fn run(mut self, mut questions: mpsc::UnboundedReceiver<Notice>, open: Arc<AtomicBool>) {
        while let Some(notice) = questions.recv().await {
            if self.ask(&notice).await.is_err() {
                open.store(false, Ordering::Relaxed);
                self.say("standard input is closed: nobody can answer here any more\n");
                return;
            }
        }
    }

    fn say(&mut self, text: &str) {
        // A terminal that is gone reads as closed input too; nothing else is lost with a line.
        let _ = self.out.write_all(text.as_bytes()).and_then(|()| self.out.flush());
    }

    fn end(&mut self, request: &ApprovalRequest) {
        if !self.quiet {
            self.say(&format!("  {}\n", card::ending(request)));
        }
    }

    async fn ask(&mut self, notice: &Notice) -> Result<(), Closed> {
        let id = notice.request.id();
        let mut shown: Option<(Digest, String, Instant)> = None;
        loop {
            let mut waiter = Waiter::register(id, Check::Unknown);
            let request = match notice.decider.request(id).await {
                Ok(request) => request,
                Err(error) => {
                    self.say(&format!("  {error}\n"));
                    return Ok(());
                }
            };
            if request.status() != ApprovalStatus::Pending {
                if shown.is_some() {
                    self.end(&request);
                }
                return Ok(());
            }
            // Not each change is one that a reviewer sees: only what reads otherwise is asked anew.
            let (digest, card) = (request.digest(), card::timeless(&request));
            let since = match shown {
                Some((before, text, since)) if (&before, &text) == (&digest, &card) => since,
                _ => {
                    self.say(&card::question(&request));
                    Instant::now()
                }
            };
            shown = Some((digest, card, since));
            let line = match self.hear(&request, since, &mut waiter).await? {
                Heard::Line(line) => line,
                Heard::Changed => continue,
            };
            let Some(decision) = self.read(&line, &request) else {
                self.say(card::HINT);
                continue;
            };
            match notice.decider.decide(id, decision.door("terminal")).await {
                Ok(request) => {
                    self.end(&request);
                    return Ok(());
                }
                Err(DecideError::AlreadyDecided { request }) => {
                    self.say(&format!("  too late: {}\n", card::ending(&request)));
                    return Ok(());
                }
                // Somebody edited the call meanwhile: show it as it is now.
                Err(DecideError::DigestMismatch { .. }) => shown = None,
                Err(error) => {
                    self.say(&format!("  not taken: {}\n", display::name(&error.to_string())));
                    return Ok(());
                }
            }
        }
    }

    /// Waits for a line that was typed for this question, or for the request to change.
    async fn hear(&mut self, request: &ApprovalRequest, shown: Instant, waiter: &mut Waiter) -> Result<Heard, Closed> {
        let left = (request.expires_at() - Utc::now()).to_std().unwrap_or_default() + Duration::from_millis(50);
        let changed = std::future::poll_fn(|context| waiter.poll(context));
        let line = async {
            loop {
                match self.lines.next().await {
                    Some(_) if shown.elapsed() < DEAD_TIME => {}
                    line => break line,
                }
            }
        };
        let mut line = std::pin::pin!(line);
        let mut changed = std::pin::pin!(changed);
        let heard = std::future::poll_fn(|context| {
            if let std::task::Poll::Ready(line) = line.as_mut().poll(context) {
                return std::task::Poll::Ready(line.map(Heard::Line).ok_or(Closed));
            }
            changed.as_mut().poll(context).map(|_| Ok(Heard::Changed))
        });
        timeout(left, heard).await.unwrap_or(Ok(Heard::Changed))
    }

    /// Reads yes, no, or no with a reason.
    fn read(&self, line: &str, request: &ApprovalRequest) -> Option<Decision> {
        let line = line.trim();
        let (word, rest) = line.split_once(|c: char| c.is_whitespace() || c == ',').unwrap_or((line, ""));
        let reviewer = self.reviewer.clone();
        match word.to_ascii_lowercase().as_str() {
            "y" | "yes" if rest.is_empty() => Some(Decision::approve(reviewer, request.digest())),
            "n" | "no" => Some(Decision::reject(reviewer).comment(rest)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
