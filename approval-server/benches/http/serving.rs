//! A server on a thread of its own, and what the system says of that thread.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::Outcome;

/// What is loaded: an address, and the one thread that answers there.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) address: SocketAddr,
    /// The folder under `/proc` that describes the thread, on Linux.
    thread: PathBuf,
}

impl Target {
    pub(crate) fn new(address: SocketAddr, thread: impl Into<PathBuf>) -> Self {
        Self { address, thread: thread.into() }
    }

    /// How long the thread has run on a processor.
    pub(crate) fn processor_time(&self) -> Option<Duration> {
        let statistics = fs::read_to_string(self.thread.join("schedstat")).ok()?;
        statistics.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
    }
}

/// A server in this process. Dropped, it stops.
#[derive(Debug)]
pub(crate) struct Serving {
    target: Target,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Serving {
    /// Starts a server on a thread of this name, with a runtime of its own. `start` gives its address, the future that serves,
    /// and what is handed on.
    pub(crate) fn start<T, S, F>(name: &str, start: F) -> Outcome<(Self, T)>
    where
        T: Send + 'static,
        S: Future<Output = ()>,
        F: AsyncFnOnce() -> Outcome<(SocketAddr, S, T)> + Send + 'static,
    {
        let (tell, told) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime,
                Err(error) => return drop(tell.send(Err(error.into()))),
            };
            runtime.block_on(async {
                let (address, serve, rest) = match start().await {
                    Ok(started) => started,
                    Err(error) => return drop(tell.send(Err(error))),
                };
                // A link to this thread's own folder.
                let thread = PathBuf::from("/proc").join(fs::read_link("/proc/thread-self").unwrap_or_default());
                let _ = tell.send(Ok((Target::new(address, thread), rest)));
                tokio::select! {
                    () = serve => {}
                    _ = stopped => {}
                }
            });
        })?;
        let (target, rest) = told.recv()??;
        Ok((Self { target, stop: Some(stop), thread: Some(thread) }, rest))
    }

    pub(crate) const fn target(&self) -> &Target {
        &self.target
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Its requests are freed before the next server is measured.
            let _ = thread.join();
        }
    }
}
