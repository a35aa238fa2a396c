//! [`Queue`]: what waits for a thread, taken all at once.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[derive(Debug)]
pub(super) struct Queue<T> {
    waiting: Mutex<Waiting<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Waiting<T> {
    jobs: VecDeque<T>,
    is_closed: bool,
}

/// What there is to do.
#[derive(Debug)]
pub(super) enum Taken<T> {
    Jobs(VecDeque<T>),
    /// Nothing came for that long.
    Idle,
    /// Nothing comes any more.
    Closed,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { waiting: Mutex::new(Waiting { jobs: VecDeque::new(), is_closed: false }), changed: Condvar::new() }
    }
}

impl<T> Queue<T> {
    fn waiting(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job, or drops it where nobody would do it: whoever waits for its answer learns that by its sender's end.
    pub(super) fn push(&self, job: T) {
        let mut waiting = self.waiting();
        if waiting.is_closed {
            return;
        }
        waiting.jobs.push_back(job);
        // Where more than one waits, the thread is awake or about to be.
        let first = waiting.jobs.len() == 1;
        drop(waiting);
        if first {
            self.changed.notify_one();
        }
    }

    /// Waits for jobs, and takes up to `most` of them.
    pub(super) fn take(&self, most: usize, patience: Option<Duration>) -> Taken<T> {
        let mut waiting = self.waiting();
        while waiting.jobs.is_empty() {
            if waiting.is_closed {
                return Taken::Closed;
            }
            waiting = match patience {
                None => self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner),
                Some(patience) => {
                    let (waiting, end) = self.changed.wait_timeout(waiting, patience).unwrap_or_else(PoisonError::into_inner);
                    if end.timed_out() && waiting.jobs.is_empty() && !waiting.is_closed {
                        return Taken::Idle;
                    }
                    waiting
                }
            };
        }
        if waiting.jobs.len() <= most {
            return Taken::Jobs(std::mem::take(&mut waiting.jobs));
        }
        Taken::Jobs(waiting.jobs.drain(..most).collect())
    }

    /// Takes nothing more; what waits is still done.
    pub(super) fn close(&self) {
        self.waiting().is_closed = true;
        self.changed.notify_all();
    }
}

/// Closes the queue when its thread ends, in whatever way, and drops what nobody will do.
pub(super) struct Closing<'a, T>(pub(super) &'a Queue<T>);

impl<T> Drop for Closing<'_, T> {
    fn drop(&mut self) {
        self.0.close();
        let left = std::mem::take(&mut self.0.waiting().jobs);
        drop(left);
    }
}
