//! The other process: this test program once more, running [`child`] alone.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;
use std::{env, hint, thread};

use approval_runtime::{ApprovalGate, Refusal, SqliteStore, requires_approval};
use tokio::sync::mpsc::{self, UnboundedReceiver};

/// Where a child finds the file, and what it is to do.
const CHILD: &str = "APPROVAL_LIVES_CHILD";

/// How long a child may take to say something, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn gate(store: &Arc<SqliteStore>) -> ApprovalGate {
    let store = Arc::<SqliteStore>::clone(store);
    ApprovalGate::builder().shared_store(store).without_notifier().build().unwrap()
}

/// A process that a test started. Dropped, it is killed.
pub(crate) struct Child {
    process: std::process::Child,
    input: ChildStdin,
    lines: UnboundedReceiver<String>,
}

impl Child {
    pub(crate) fn start(file: &Path, orders: &str) -> Self {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(["child::child", "--exact", "--ignored", "--nocapture"]);
        command.env(CHILD, format!("{} {orders}", file.display()));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let (say, lines) = mpsc::unbounded_channel();
        thread::spawn(move || BufReader::new(output).lines().map_while(Result::ok).try_for_each(|line| say.send(line)));
        Self { process, input, lines }
    }

    /// Waits until it says something that begins like this.
    pub(crate) async fn hears(&mut self, start: &str) {
        let said = async {
            loop {
                let line = self.lines.recv().await.unwrap_or_else(|| panic!("it ended before it said `{start}`"));
                // The harness of the tests writes in front of the first line.
                if line.contains(start) {
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, said).await.unwrap_or_else(|_| panic!("it never said `{start}`"));
    }

    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// Sends a signal, by its name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.process.id())]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Waits until it has ended by itself.
    pub(crate) async fn ends(&mut self) {
        let end = async { while self.lines.recv().await.is_some() {} };
        tokio::time::timeout(PATIENCE, end).await.expect("it ends");
        self.process.wait().unwrap();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}").unwrap();
    out.flush().unwrap();
}

fn told() -> String {
    let mut line = String::new();
    io::stdin().read_line(&mut line).unwrap();
    line
}

#[requires_approval(name = "lives.work", timeout = 60, resumable, record)]
async fn work(does: String) -> Result<String, Refusal> {
    if does != "returns" {
        say("started");
    }
    match &*does {
        // The thread, not only the task.
        "waits" => drop(told()),
        "pauses" => tokio::time::sleep(Duration::from_millis(700)).await,
        "aborts" => std::process::abort(),
        "overflows" => drop(deep(1)),
        _ => {}
    }
    Ok("done".into())
}

fn deep(level: u64) -> u64 {
    let room = hint::black_box([level; 512]);
    if level == u64::MAX { 0 } else { deep(level + 1) + room[7] }
}

#[test]
#[ignore = "the other tests run it"]
fn child() {
    let Ok(orders) = env::var(CHILD) else { return };
    let words: Vec<_> = orders.split(' ').collect();
    let gate = gate(&Arc::new(SqliteStore::open(words[0]).unwrap()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match words[1] {
        "resume" => {
            for (nth, id) in words[2..].iter().enumerate() {
                if nth > 0 {
                    told();
                }
                say(&format!("returned {:?}", runtime.block_on(gate.resume(id.parse().unwrap()))));
            }
        }
        _ => runtime.block_on(async {
            for does in &words[2..] {
                let call = gate.scope(work((*does).to_owned()));
                tokio::spawn(async move {
                    match call.await {
                        Ok(returned) => say(&format!("returned {returned}")),
                        Err(refusal) => say(&format!("refused {}", refusal.code())),
                    }
                });
            }
            let end = tokio::task::spawn_blocking(told);
            end.await.unwrap();
            gate.shutdown().await;
        }),
    }
}
