//! [`Recent`]: requests that this process wrote a moment ago, so that reading their bytes back is comparing them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::wanted::Wanted;
use crate::request::{ApprovalRequest, Corrupt, RequestId, Stored};
use crate::store::Write;

/// How many are kept.
const MOST: usize = 4_096;

/// Requests that are under way, by the bytes they were written as. It saves work and decides nothing: whoever reads a request
/// reads its row, and finds the request here only where the row has the very same bytes.
#[derive(Debug, Default)]
pub(super) struct Recent(Mutex<HashMap<RequestId, Written>>);

#[derive(Clone, Debug)]
struct Written {
    ask: Arc<[u8]>,
    state: Arc<[u8]>,
    request: ApprovalRequest,
}

impl Recent {
    fn kept(&self) -> MutexGuard<'_, HashMap<RequestId, Written>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes notice of what was committed.
    pub(super) fn wrote(&self, writes: &[Write], wanted: Vec<Wanted>) {
        for (write, wanted) in writes.iter().zip(wanted) {
            match (write, wanted) {
                (Write::Insert { request, .. }, Wanted::Insert { record, ask, .. }) if !request.has_ended() => {
                    let written = Written { ask: ask.into(), state: record.state.into(), request: request.clone() };
                    let mut kept = self.kept();
                    if kept.len() >= MOST {
                        kept.clear();
                    }
                    kept.insert(request.id(), written);
                }
                (Write::Update { request, .. }, Wanted::Update { record, .. }) if !request.has_ended() => {
                    let state = record.state.into();
                    if let Some(written) = self.kept().get_mut(&request.id()) {
                        written.state = state;
                        written.request = request.clone();
                    }
                }
                (Write::Update { request, .. } | Write::Remove { request, .. }, _) => {
                    self.kept().remove(&request.id());
                }
                _ => {}
            }
        }
    }

    /// Reads a request from its bytes, as [`Stored::read`] does.
    pub(super) fn read(&self, id: RequestId, ask: &[u8], state: &[u8]) -> Result<ApprovalRequest, Corrupt> {
        let written = self.kept().get(&id).cloned();
        match written.filter(|written| *written.ask == *ask && *written.state == *state) {
            Some(written) => Ok(written.request),
            None => Stored::read(ask, state),
        }
    }
}
