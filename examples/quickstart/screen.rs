//! What the quickstart prints: one line for each thing that happens, and for each call that waits, how to decide.

use std::env::var_os;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write as _, stdin, stdout};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use approval_runtime::arguments::display;
use approval_runtime::notify::Terminal;
use approval_runtime::{
    Agent, ApprovalGate, ApprovalRequest, BoxFuture, DecideError, Event, EventKind, Events, Notice, Notifier, NotifyError,
    RequestQuery, Reviewer, Transition,
};
use approval_server::Bound;
use tokio::sync::Notify;

static SCREEN: OnceLock<Mutex<Screen>> = OnceLock::new();

/// Told when nobody reads what is printed any more.
static CLOSED: Notify = Notify::const_new();

/// The ways in which a call ends.
const ENDINGS: [&str; 5] = ["ran", "refused", "rejected", "timed out", "cancelled"];

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";

struct Screen {
    start: Instant,
    events: Events,
    server: String,
    token: String,
    colours: bool,
    /// The terminal's question stands in the last line.
    asks: bool,
    /// How many calls ended in each of the ways.
    ended: [u32; ENDINGS.len()],
}

/// Says what this is and how to decide. Everything else is printed after it.
pub(crate) async fn open(gate: &ApprovalGate, server: &Bound, wanted_port: u16, run: &str) -> Result<(), DecideError> {
    let plain = var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) || var_os("TERM").is_some_and(|term| term == "dumb");
    let mut screen = Screen {
        start: Instant::now(),
        events: gate.events(),
        server: format!("http://{}", server.address()),
        token: server.token().expect("a server that knows no other tokens makes one").to_owned(),
        colours: stdout().is_terminal() && !plain,
        asks: false,
        ended: [0; ENDINGS.len()],
    };
    let mut text = format!(
        "\nTwo agents handle a complaint. Rules let some of their calls pass; the others\n\
         wait until you decide, on this page:\n\n  {}\n",
        screen.paint(BOLD, &server.link())
    );
    if ![0, server.address().port()].contains(&wanted_port) {
        let _ = writeln!(text, "  (another program has port {wanted_port}, so it took a free one)");
    }
    text.push_str(if stdin().is_terminal() { "\nor right here with y or n, " } else { "\n" });
    text.push_str(
        "or with the commands under each call.\n\
         A call that nobody decides about times out. Ctrl-C stops everything.\n\n",
    );
    let known = gate.get_requests(&RequestQuery::new()).await?.requests;
    let (ended, open): (Vec<_>, Vec<_>) =
        known.iter().filter(|call| call.run_id() == Some(run)).partition(|call| call.has_ended());
    if !ended.is_empty() || !open.is_empty() {
        let _ = writeln!(
            text,
            "It goes on where it was: {} ended and {} open before this start.\n",
            calls(ended.len()),
            calls(open.len())
        );
    }
    screen.print(&text);
    let _ = SCREEN.set(Mutex::new(screen));
    Ok(())
}

fn calls(count: usize) -> String {
    if count == 1 { "1 call".to_owned() } else { format!("{count} calls") }
}

/// Prints what a tool did, from its body.
pub(crate) fn ran(tool: &str, what: &str) {
    on_screen(|screen| screen.line("ran", tool, what));
}

/// Prints what the agent of this task is up to, with the agents before it.
pub(crate) fn agent(what: &str) {
    let chain: Vec<_> = Agent::current().iter().flat_map(Agent::chain).map(display::name).collect();
    on_screen(|screen| screen.line("agent", &chain.join(" → "), what));
}

/// Prints what became of all calls.
pub(crate) fn end(why: &str) {
    on_screen(|screen| {
        let ended = ENDINGS.iter().zip(screen.ended).filter(|(_, calls)| *calls > 0);
        let ended: Vec<_> = ended.map(|(how, calls)| format!("{calls} {how}")).collect();
        screen.print(&format!("\n{why}: {}.\n", ended.join(", ")));
    });
}

/// Prints what happens at the gate, until nobody reads it any more.
pub(crate) async fn follow(gate: &ApprovalGate) {
    let mut events = gate.events();
    loop {
        tokio::select! {
            Some(_) = events.next() => on_screen(|_| {}),
            () = CLOSED.notified() => return,
        }
    }
}

/// Set when it was told to stop.
static STOPPED: AtomicBool = AtomicBool::new(false);

/// Lets an agent go no further once it was told to stop: the gate refuses everything then.
pub(crate) async fn halt_when_stopped() {
    if STOPPED.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
}

/// Waits for Ctrl-C, and leaves the line in which a terminal shows it.
pub(crate) async fn ctrl_c() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await; // nobody can press it here
    }
    STOPPED.store(true, Ordering::SeqCst);
    if stdin().is_terminal() {
        on_screen(|screen| {
            screen.asks = false;
            screen.print("\n");
        });
    }
}

/// Shows each call that waits, then asks about it where there is a terminal to ask in.
#[derive(Debug)]
pub(crate) struct Asking(Terminal);

impl Asking {
    pub(crate) fn new(reviewer: Reviewer) -> Self {
        Self(Terminal::new().reviewer(reviewer).quiet())
    }
}

impl Notifier for Asking {
    fn name(&self) -> &'static str {
        "quickstart"
    }

    fn can_reach(&self) -> bool {
        true // on the page
    }

    fn notify(&self, notice: Notice) -> BoxFuture<'_, Result<(), NotifyError>> {
        let asks = self.0.can_reach();
        on_screen(|screen| screen.waits(&notice.request, asks));
        if asks { self.0.notify(notice) } else { Box::pin(std::future::ready(Ok(()))) }
    }
}

/// Lets `print` print what comes after everything that has happened at the gate so far.
fn on_screen(print: impl FnOnce(&mut Screen)) {
    if let Some(screen) = SCREEN.get() {
        let mut screen = screen.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(event) = screen.next_event() {
            screen.event(&event);
        }
        print(&mut screen);
    }
}

impl Screen {
    fn next_event(&mut self) -> Option<Event> {
        match pin!(self.events.next()).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(event) => event,
            Poll::Pending => None,
        }
    }

    fn event(&mut self, event: &Event) {
        let Event { kind, request, .. } = event;
        let by = || match (request.matched_rule(), request.decided_by(), request.comment()) {
            (Some(rule), ..) => format!("by rule: {}", display::name(rule)),
            (None, Some(reviewer), Some(comment)) => format!("by {}: {}", display::name(reviewer), display::text(comment)),
            (None, reviewer, _) => format!("by {}", display::name(reviewer.unwrap_or("nobody"))),
        };
        let (word, what) = match kind {
            EventKind::Changed(Transition::AutoApproved) => ("allowed", by()),
            EventKind::Changed(Transition::Approved) => ("approved", by()),
            EventKind::Changed(Transition::Rejected) if request.matched_rule().is_some() => ("refused", by()),
            EventKind::Changed(Transition::Rejected) => ("rejected", by()),
            EventKind::Changed(Transition::TimedOut) => {
                ("timed out", format!("nobody decided for {} seconds", request.timeout().as_secs()))
            }
            EventKind::Changed(Transition::Cancelled) => ("cancelled", "it waited, and did not run".to_owned()),
            // What ran is printed by the tools, what waits by the notifier.
            _ => return,
        };
        let typed_here = request.votes().last().is_some_and(|vote| vote.door == "terminal");
        if std::mem::take(&mut self.asks) && !typed_here {
            self.print("\n"); // the answer came from elsewhere, or not at all
        }
        self.line(word, &display::name(request.tool_name()), &what);
    }

    /// Prints a call that waits: its facts, unless the terminal shows them with its question, and the commands.
    fn waits(&mut self, request: &ApprovalRequest, asks: bool) {
        let seconds = request.timeout().as_secs();
        self.line("waits", &display::name(request.tool_name()), &format!("{seconds} seconds for you to decide"));
        let mut text = String::new();
        if !asks {
            let chain: Vec<_> = request.agent_chain().map(display::name).collect();
            let circumstances = [("called by", chain.join(" → ")), ("effect", request.tool().stake().to_string())];
            let facts = request.facts().into_iter().map(|fact| (fact.name, fact.value));
            for (name, value) in facts.chain(circumstances.map(|(name, value)| (name.to_owned(), value))) {
                let _ = writeln!(text, "                  {name:<10} {value}");
            }
        }
        let approve = format!("{{\"approved\": true, \"digest\":\n    \"{}\"}}", request.digest());
        let (approve, reject) = (self.curl(request, &approve), self.curl(request, "{\"approved\": false}"));
        let _ = writeln!(text, "\n  To approve:\n{approve}\n  To reject:\n{reject}");
        if !asks {
            text.push('\n'); // the terminal's question brings an empty line of its own
        }
        self.print(&text);
        self.asks = asks;
    }

    /// Renders a command for a shell, its lines short enough for 80 columns.
    fn curl(&self, request: &ApprovalRequest, body: &str) -> String {
        let (server, token, id) = (&self.server, &self.token, request.id());
        let command = format!(
            r#"  curl -H 'Content-Type: application/json' \
    -H 'Authorization: Bearer {token}' \
    -d '{body}' \
    {server}/approvals/{id}/decide"#
        );
        self.paint(DIM, &command)
    }

    fn line(&mut self, word: &'static str, subject: &str, what: &str) {
        let colour = match word {
            "ran" | "allowed" | "approved" => GREEN,
            "refused" | "rejected" => RED,
            "timed out" | "cancelled" => YELLOW,
            "waits" => BOLD,
            _ => "",
        };
        if let Some(ending) = ENDINGS.iter().position(|ending| *ending == word) {
            self.ended[ending] += 1;
        }
        let seconds = self.start.elapsed().as_secs();
        let time = format!("{:>2}:{:02}", seconds / 60, seconds % 60);
        let (time, word) = (self.paint(DIM, &time), self.paint(colour, &format!("{word:<9}")));
        self.print(&format!("{time}  {word}  {subject:<17}  {what}\n"));
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        if self.colours && !colour.is_empty() { format!("\x1b[{colour}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// Writes at once, whole.
    fn print(&mut self, text: &str) {
        let mut out = stdout().lock();
        if out.write_all(text.as_bytes()).and_then(|()| out.flush()).is_err() {
            CLOSED.notify_one();
        }
    }
}
