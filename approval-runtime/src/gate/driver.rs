//! What a gate on a shared store does by itself: it hears what other processes changed, says that it is alive, and writes what
//! the clock or a lost process has ended.
//!
//! On a thread and a runtime of its own, so that a body which blocks its thread for an hour does not make the gate look dead,
//! and a gate outlives the runtime that it was made in.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

use super::left::Left;
use super::process::{HEARTBEAT, Process};
use super::{ApprovalGate, Inner};
use crate::events::EventKind;
use crate::store::{ApprovalStore, Changed, Changes, Expect, Space, StoreError, Write};
use crate::wait;

/// How often a gate looks for changes that nobody told it of, and for what has ended by itself.
const LOOK: Duration = Duration::from_secs(1);

/// How long a store that fails is left alone.
const PAUSE: Duration = Duration::from_millis(250);

/// The thread of a gate. Dropped, it ends.
#[derive(Debug)]
pub(super) struct Driver {
    ends: Arc<Notify>,
    pub(super) left: Arc<Left>,
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.ends.notify_one();
    }
}

impl Driver {
    /// Starts the thread of a gate. It is made by now: a thread that finds no gate takes it to be gone, and ends.
    pub(super) fn start(inner: &Weak<Inner>, store: Arc<dyn ApprovalStore>, namespace: Arc<str>) -> io::Result<Self> {
        let ends = Arc::new(Notify::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let left = Arc::new(Left::new(runtime.handle().clone()));
        let (weak, ended) = (Weak::clone(inner), Arc::clone(&ends));
        let drive = move || {
            runtime.block_on(async {
                let looks = look_after(&weak, &store, &namespace);
                tokio::select! {
                    biased;
                    () = ended.notified() => {}
                    () = looks => {}
                }
            });
        };
        // What a store panics over must not end the heart, nor the commits that are left to this thread.
        let run = move || {
            while catch_unwind(AssertUnwindSafe(&drive)).is_err() {
                tracing::error!("the gate's own thread panicked; it begins again");
                thread::sleep(PAUSE);
            }
        };
        thread::Builder::new().name("approval-gate".into()).spawn(run)?;
        Ok(Self { ends, left })
    }
}

/// Runs until the gate is gone.
async fn look_after(weak: &Weak<Inner>, store: &Arc<dyn ApprovalStore>, namespace: &Arc<str>) {
    let mut place = None;
    let mut next_look = Instant::now() + LOOK;
    let mut next_beat = Instant::now();
    loop {
        // The store alone while it waits: the gate may go meanwhile.
        let changes = timeout(next_look.saturating_duration_since(Instant::now()), store.changes(namespace, place)).await;
        let Some(gate) = weak.upgrade().map(|inner| ApprovalGate { inner }) else { return };
        match changes {
            Ok(Ok(Changes { changes, next })) => {
                if place.replace(next).is_none() {
                    // What changed before there was a place, nobody has told.
                    wait::wake_all();
                }
                for changed in changes {
                    gate.heard(changed).await;
                }
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "the changes of other processes could not be read");
                tokio::time::sleep(PAUSE).await;
            }
            Err(_) => {}
        }
        let now = Instant::now();
        if now < next_look {
            continue;
        }
        next_look = now + LOOK;
        let beats = now >= next_beat;
        if beats {
            next_beat = now + HEARTBEAT;
        }
        match gate.upkeep(beats).await {
            // A little at a time: the heart has to beat meanwhile.
            Ok(true) => next_look = Instant::now(),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "what has ended by itself could not be written"),
        }
    }
}

impl ApprovalGate {
    /// Takes up a change that another process made.
    async fn heard(&self, changed: Changed) {
        let Changed { id, what } = changed;
        if let Some(what) = what.filter(|_| self.inner.hub.has_readers())
            && let Ok(Some(request)) = self.read(id).await
        {
            self.inner.hub.tell(|| EventKind::Changed(what), &request);
        }
        if wait::is_watched(id) {
            wait::look(id);
        }
    }

    /// Does what is to be done, and says whether there is more.
    async fn upkeep(&self, beats: bool) -> Result<bool, StoreError> {
        if beats {
            self.beat().await?;
            self.settle_lost_gates().await?;
        }
        self.settle_some_due().await
    }

    /// Says that this gate is alive, where it has ever said so.
    async fn beat(&self) -> Result<(), StoreError> {
        if !self.inner.known.initialized() || self.inner.ended.load(Ordering::SeqCst) {
            return Ok(());
        }
        let now = self.now().await?;
        failpoint!("before_beat");
        self.inner.store.commit(&[self.process_row(Some(&Process::alive(now.time)))]).await?;
        failpoint!("after_beat");
        Ok(())
    }

    pub(super) fn process_row(&self, process: Option<&Process>) -> Write {
        Write::Put {
            namespace: self.inner.namespace.as_ref().into(),
            space: Space::Process,
            key: self.instance().to_string(),
            value: process.map(Process::to_json),
            expect: Expect::Any,
        }
    }
}
