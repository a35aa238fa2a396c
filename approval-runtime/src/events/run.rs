//! [`RunEvents`]: a reader of one run's progress.

use std::sync::Weak;

use super::hub::{Hub, Reader};
use super::progress::Progress;

/// A reader of what happens to the calls of one run, made by [`Events::run`](super::Events::run). It does not keep the gate alive.
#[derive(Debug)]
pub struct RunEvents {
    reader: Reader<Progress>,
    hub: Weak<Hub>,
    run_id: Box<str>,
}

impl RunEvents {
    pub(super) fn open(hub: Weak<Hub>, run_id: &str) -> Self {
        let reader = hub.upgrade().map_or_else(Reader::ended, |hub| hub.run(run_id));
        Self { reader, hub, run_id: run_id.into() }
    }

    /// Waits for the next step. A reader that was too slow gets one of [`ProgressKind::Missed`](super::ProgressKind::Missed) in place of what is gone;
    /// `None` when the gate has shut down or is gone.
    ///
    /// # Cancel safety
    /// Dropping the future loses no step.
    pub async fn next(&mut self) -> Option<Progress> {
        self.reader.next().await.map(|next| next.unwrap_or_else(|_| Progress::missed()))
    }
}

impl Drop for RunEvents {
    fn drop(&mut self) {
        if let Some(hub) = self.hub.upgrade() {
            hub.leave_run(&self.run_id);
        }
    }
}
