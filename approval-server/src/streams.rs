//! [`Streams`]: how many follow the events of a server, and until when.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// The most streams at a time. Each of them keeps a connection.
const STREAMS: usize = 64;

/// The streams of one server.
#[derive(Debug)]
pub(crate) struct Streams {
    free: Arc<Semaphore>,
    closed: watch::Sender<bool>,
}

impl Default for Streams {
    fn default() -> Self {
        Self { free: Arc::new(Semaphore::new(STREAMS)), closed: watch::Sender::new(false) }
    }
}

impl Streams {
    /// Takes one of the places, if one is free.
    pub(crate) fn place(&self) -> Option<Place> {
        let permit = Arc::clone(&self.free).try_acquire_owned().ok()?;
        Some(Place { closed: self.closed.subscribe(), _permit: permit })
    }

    /// Lets all streams end when what is returned is dropped.
    pub(crate) fn until_dropped(&self) -> Closing {
        Closing(self.closed.clone())
    }
}

/// The place of one stream, free again when this is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    closed: watch::Receiver<bool>,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    /// Waits until all streams have to end.
    pub(crate) async fn closed(&mut self) {
        // An error means that the server is gone, which ends them too.
        let _ = self.closed.wait_for(|closed| *closed).await;
    }
}

/// Ends the streams of a server when it is dropped. Without it a stream ends with its connection, its gate, or its time.
#[derive(Debug)]
pub(crate) struct Closing(watch::Sender<bool>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}
