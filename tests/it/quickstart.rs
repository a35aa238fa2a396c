//! `cargo run --example quickstart`, as a newcomer meets it: a child process, read line by line, decided about over HTTP.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::support::{Answer, Call};

/// Far over what anything here takes, the minute in which nobody decides included.
const LONG: Duration = Duration::from_secs(150);

/// What is promised to take 2 seconds, on a machine that is busy with other tests.
const SHORTLY: Duration = Duration::from_secs(20);

/// Builds the example with the command that a newcomer types, and returns the program.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let build = Command::new(env!("CARGO"))
            .args(["build", "--example", "quickstart", "--message-format", "json-render-diagnostics"])
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .output()
            .expect("the cargo that built this test can be run");
        assert!(build.status.success(), "{}", String::from_utf8_lossy(&build.stderr));
        let messages = String::from_utf8(build.stdout).expect("cargo writes UTF-8");
        let messages = messages.lines().map(|line| serde_json::from_str::<Value>(line).expect("a message a line"));
        let program = messages.into_iter().find_map(|message| Some(message.get("executable")?.as_str()?.into()));
        program.expect("the example is a program")
    })
}

/// The running example and what it has printed so far.
struct Quickstart {
    child: Child,
    reader: Option<JoinHandle<()>>,
    lines: mpsc::Receiver<String>,
    printed: Vec<String>,
}

/// A file of a test's own, removed with what stands beside it.
struct Store(PathBuf);

impl Store {
    fn new(name: &str) -> Self {
        let store = Self(std::env::temp_dir().join(format!("approval-quickstart-{name}-{}.db", std::process::id())));
        store.remove();
        store
    }

    fn remove(&self) {
        for end in ["", "-wal", "-shm"] {
            let mut path = self.0.clone().into_os_string();
            path.push(end);
            let _ = std::fs::remove_file(path);
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.remove();
    }
}

impl Quickstart {
    fn start(port: u16, store: &Store) -> Self {
        let mut child = Command::new(program())
            .args(["--port", &port.to_string()])
            .arg("--store")
            .arg(&store.0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let (sender, lines) = mpsc::channel(1);
        let mut output = BufReader::new(child.stdout.take().expect("it is piped")).lines().map_while(Result::ok);
        let reader = std::thread::spawn(move || while output.next().is_some_and(|line| sender.blocking_send(line).is_ok()) {});
        Self { child, reader: Some(reader), lines, printed: Vec::new() }
    }

    /// Stops reading while there is more to read, and closes the pipe.
    fn close_pipe(&mut self) {
        self.lines.close();
        self.reader.take().map(JoinHandle::join);
    }

    async fn next_line(&mut self) -> Option<String> {
        let line = timeout(LONG, self.lines.recv()).await;
        let line = line.unwrap_or_else(|_| panic!("it prints nothing more after\n{}", self.printed.join("\n")))?;
        self.printed.push(line.clone());
        Some(line)
    }

    /// Reads on to the line that holds all of these words in this order.
    async fn line(&mut self, words: &[&str]) -> String {
        while let Some(line) = self.next_line().await {
            let rest = words.iter().try_fold(&*line, |rest, word| Some(rest.split_once(word)?.1));
            if rest.is_some() {
                return line;
            }
        }
        panic!("no line with {words:?} in\n{}", self.printed.join("\n"));
    }

    /// Reads on to the link, and returns the address in it and its path.
    async fn link(&mut self) -> (SocketAddr, String) {
        let line = self.line(&["http://", "/?token="]).await;
        let (address, target) = line.trim().strip_prefix("http://").and_then(|link| link.split_once('/')).expect("a link");
        (address.parse().expect("an address"), format!("/{target}"))
    }

    /// Reads on to the command under this heading, whole, as it would be copied.
    async fn command(&mut self, heading: &str) -> String {
        self.line(&[heading]).await;
        let mut command = String::new();
        while !command.trim_end().ends_with("/decide") {
            command += &self.next_line().await.expect("the rest of the command");
            command.push('\n');
        }
        command
    }

    /// Reads on to its end, and returns how it ended and what it complained about.
    async fn end(&mut self, within: Duration) -> (ExitStatus, String) {
        let exit = async {
            while self.next_line().await.is_some() {}
            loop {
                match self.child.try_wait().expect("it is a child") {
                    Some(status) => break status,
                    None => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        let status = timeout(within, exit).await.expect("it ends in time");
        let mut complaints = String::new();
        self.child.stderr.take().expect("it is piped").read_to_string(&mut complaints).expect("text");
        (status, complaints)
    }
}

impl Drop for Quickstart {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Does what the command says, where there is no `curl`.
async fn send(command: &str) -> Answer {
    let between = |start: &str, end: &str| command.split_once(start).and_then(|(_, rest)| Some(rest.split_once(end)?.0));
    let token = between("Authorization: Bearer ", "'").expect("a token").trim();
    let body = between("-d '", "'").expect("a body");
    let (_, url) = command.trim_end().rsplit_once("http://").expect("a URL");
    let (address, path) = url.split_once('/').expect("a path");
    Call::new(address.parse().expect("an address"), "POST", &format!("/{path}"))
        .header("Authorization", &format!("Bearer {token}"))
        .body("application/json", body)
        .send()
        .await
}

/// Pastes the command into a shell.
async fn paste(command: &str) {
    if !cfg!(unix) || Command::new("curl").arg("--version").output().is_err() {
        assert_eq!(send(command).await.status, 200);
        return;
    }
    let shell = Command::new("sh").args(["-c", command]).output().expect("there is a shell");
    let request: Value = serde_json::from_slice(&shell.stdout)
        .unwrap_or_else(|error| panic!("{error}: {command}\n{}", String::from_utf8_lossy(&shell.stderr)));
    assert_eq!(request["status"], "approved", "{request}");
}

#[tokio::test]
async fn three_outcomes_over_http() {
    let store = Store::new("outcomes");
    let mut quickstart = Quickstart::start(0, &store);
    quickstart.link().await;
    quickstart.line(&["ran", "search_records"]).await;
    quickstart.line(&["allowed", "send_email", "is_colleague(to)"]).await;
    quickstart.line(&["ran", "send_email", "books@company.com"]).await;
    quickstart.line(&["waits", "delete_record", "60 seconds"]).await;
    quickstart.line(&["called by", "support"]).await;
    // Nobody decides.
    quickstart.line(&["timed out", "delete_record", "nobody decided"]).await;

    quickstart.line(&["refused", "process_payment", "only billing pays"]).await;
    quickstart.line(&["agent", "support → billing"]).await;
    quickstart.line(&["allowed", "process_payment", "over 0 and under 10"]).await;
    quickstart.line(&["ran", "process_payment", "7.50"]).await;
    quickstart.line(&["waits", "process_payment"]).await;
    quickstart.line(&["amount", "240.0"]).await;
    quickstart.line(&["called by", "support → billing"]).await;
    let approve = quickstart.command("To approve:").await;
    paste(&approve).await;
    quickstart.line(&["approved", "process_payment", "by "]).await;
    quickstart.line(&["ran", "process_payment", "240.00"]).await;

    quickstart.line(&["waits", "send_email", "120 seconds"]).await;
    quickstart.line(&["to", "\"anna@example.org\""]).await;
    let reject = quickstart.command("To reject:").await;
    assert_eq!(send(&reject).await.status, 200);
    quickstart.line(&["rejected", "send_email", "by "]).await;
    quickstart.line(&["Every call has ended: 4 ran, 1 refused, 1 rejected, 1 timed out."]).await;
    let (status, complaints) = quickstart.end(SHORTLY).await;
    assert!(status.success() && complaints.is_empty(), "{status}: {complaints}");

    let ran: Vec<_> = quickstart.printed.iter().filter(|line| line.contains("  ran  ")).collect();
    assert_eq!(ran.len(), 4);
    assert!(!ran.iter().any(|line| line.contains("delete_record") || line.contains("anna@")), "{ran:#?}");
    for line in &quickstart.printed {
        assert!(!line.contains('\x1b'), "colours in a pipe: {line:?}");
        assert!(line.chars().count() <= 80 || line.contains("/?token="), "too wide: {line}");
    }
}

#[cfg(unix)]
#[tokio::test]
async fn ctrl_c_tells_what_was_waiting() {
    use std::os::unix::process::ExitStatusExt;

    let store = Store::new("ctrl-c");
    let mut quickstart = Quickstart::start(0, &store);
    quickstart.line(&["To reject:"]).await;
    let kill = Command::new("kill").args(["-INT", &quickstart.child.id().to_string()]).status();
    assert!(kill.expect("there is a kill").success());
    let (status, complaints) = quickstart.end(SHORTLY).await;
    assert_eq!((status.code(), status.signal(), &*complaints), (Some(130), None, ""));
    let printed = quickstart.printed.join("\n");
    let (_, ending) = printed.rsplit_once("/decide\n").expect("a call waits");
    assert!(!ending.contains("cancelled"), "{printed}");
    assert!(ending.ends_with("Stopped by Ctrl-C, and goes on when it is started again: 2 ran."), "{printed}");
}

/// I2, I11: killed in the middle and started again, it asks about the call that waited, and runs nothing twice.
#[tokio::test]
async fn i11_killed_quickstart_goes_on() {
    let store = Store::new("killed");
    let mut quickstart = Quickstart::start(0, &store);
    quickstart.line(&["ran", "send_email", "books@company.com"]).await;
    quickstart.command("To reject:").await;
    quickstart.child.kill().expect("it runs");
    quickstart.child.wait().expect("it was killed");

    let mut again = Quickstart::start(0, &store);
    again.line(&["It goes on where it was: 1 call ended and 1 call open"]).await;
    again.line(&["waits", "delete_record"]).await;
    let approve = again.command("To approve:").await;
    assert_eq!(send(&approve).await.status, 200);
    again.line(&["ran", "delete_record"]).await;
    let printed = again.printed.join("\n");
    assert!(!printed.contains("books@company.com"), "{printed}");
}

#[tokio::test]
async fn taken_port_is_replaced() {
    let other = TcpListener::bind("127.0.0.1:0").expect("a free port on loopback");
    let taken = other.local_addr().expect("it listens").port();
    let store = Store::new("port");
    let mut quickstart = Quickstart::start(taken, &store);
    let (address, target) = quickstart.link().await;
    assert_ne!(address.port(), taken);
    quickstart.line(&["another program has port", &taken.to_string()]).await;
    quickstart.line(&["waits", "delete_record"]).await;
    let pending = Call::new(address, "GET", &target).send().await.json();
    assert_eq!(pending[0]["tool_name"], "delete_record", "{pending}");
}

#[tokio::test]
async fn closed_pipe_ends_it_quietly() {
    let store = Store::new("pipe");
    let mut quickstart = Quickstart::start(0, &store);
    let approve = quickstart.command("To approve:").await;
    quickstart.close_pipe();
    send(&approve).await;
    let (status, complaints) = quickstart.end(SHORTLY).await;
    assert!(status.success() && complaints.is_empty(), "{status}: {complaints}");
}

#[test]
fn unknown_option_shows_usage() {
    let output = Command::new(program()).arg("--porto=1").output().expect("the example starts");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "usage: quickstart [--port N] [--store FILE]\n");
}
