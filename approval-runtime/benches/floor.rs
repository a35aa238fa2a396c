//! The floor: the least program that does the work of a gated call. The gate is measured against it.
//!
//! Its shape is fixed. A call gets a random id, its arguments become JSON in a vector without spare capacity
//! and the originals are dropped, the JSON is hashed, one table behind one mutex holds it, a reviewer is told,
//! and a oneshot with a timeout waits. Woken, the call takes the lock once more and runs on what the JSON says.
//! No rules, no record of what happened, nobody who may not decide.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

const TIMEOUT: Duration = Duration::from_secs(120);

/// The arguments of `send_email`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Email {
    pub(crate) to: String,
    pub(crate) subject: String,
    pub(crate) body: String,
}

struct Waiting {
    arguments: Vec<u8>,
    digest: [u8; 32],
    wake: Option<oneshot::Sender<bool>>,
}

/// What the reviewer hears of a call.
pub(crate) type Asked = (Uuid, [u8; 32]);

/// What stands in for the gate.
#[derive(Clone)]
pub(crate) struct Floor {
    table: Arc<Mutex<HashMap<Uuid, Waiting>>>,
    asked: mpsc::UnboundedSender<Asked>,
}

impl Floor {
    /// The floor, and the calls that wait as a reviewer hears of them.
    pub(crate) fn new() -> (Self, mpsc::UnboundedReceiver<Asked>) {
        let (asked, calls) = mpsc::unbounded_channel();
        (Self { table: Arc::default(), asked }, calls)
    }

    /// Runs `body` on the email once it is approved.
    pub(crate) async fn call<T>(&self, email: Email, body: impl FnOnce(Email) -> T) -> Option<T> {
        let id = Uuid::new_v4();
        let mut arguments = serde_json::to_vec(&email).expect("strings are JSON");
        arguments.shrink_to_fit();
        drop(email);
        let digest: [u8; 32] = Sha256::digest(&arguments).into();
        let (wake, woken) = oneshot::channel();
        self.table().insert(id, Waiting { arguments, digest, wake: Some(wake) });
        self.asked.send((id, digest)).expect("the reviewer is there");
        let decided = tokio::time::timeout(TIMEOUT, woken).await;
        let waiting = self.table().remove(&id)?;
        let Ok(Ok(true)) = decided else { return None };
        Some(body(serde_json::from_slice(&waiting.arguments).expect("it was written above")))
    }

    /// Approves a call that is waiting with these arguments, and wakes it.
    pub(crate) fn approve(&self, (id, digest): Asked) -> bool {
        let wake = match self.table().get_mut(&id) {
            Some(waiting) if waiting.digest == digest => waiting.wake.take(),
            _ => None,
        };
        wake.is_some_and(|wake| wake.send(true).is_ok())
    }

    fn table(&self) -> MutexGuard<'_, HashMap<Uuid, Waiting>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[allow(dead_code, reason = "the gate's program has its own")]
fn main() {
    const CALLERS: usize = 64;
    const TIME: Duration = Duration::from_secs(2);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build();
    runtime.expect("threads can be started").block_on(async {
        let (floor, mut asked) = Floor::new();
        let reviewer = floor.clone();
        tokio::spawn(async move {
            while let Some(call) = asked.recv().await {
                reviewer.approve(call);
            }
        });
        let email = Email { to: "bob@example.com".into(), subject: "Hello".into(), body: "x".repeat(1024) };
        let start = Instant::now();
        let callers: Vec<_> = (0..CALLERS)
            .map(|_| {
                let (floor, email) = (floor.clone(), email.clone());
                tokio::spawn(async move {
                    let mut cycles = 0;
                    while start.elapsed() < TIME {
                        let length = floor.call(email.clone(), |email| email.body.len()).await;
                        assert_eq!(length, Some(1024));
                        cycles += 1;
                    }
                    cycles
                })
            })
            .collect();
        let mut cycles = 0;
        for caller in callers {
            cycles += caller.await.expect("no caller panics");
        }
        println!("{CALLERS} callers: {:.0} cycles a second", f64::from(cycles) / start.elapsed().as_secs_f64());
    });
}
