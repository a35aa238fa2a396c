//! [`Chains`]: the history of each request, followed row by row. No I/O.

use std::collections::HashMap;

use chrono::{DateTime, Utc};

use super::text::{Text, digest_of};
use super::{Broken, Flaw};
use crate::arguments::Digest;
use crate::request::{RequestId, Transition};
use crate::store::Logged;

/// What is kept of a history while others are read: about 150 bytes.
#[derive(Clone, Debug)]
pub(super) struct Tail {
    pub(super) position: u64,
    pub(super) version: u32,
    pub(super) hash: Digest,
    pub(super) is_removed: bool,
    at: DateTime<Utc>,
    /// Of what the first row says of the request.
    pub(super) asked: Digest,
    /// Of where the last row says that the request stands.
    pub(super) standing: Digest,
}

impl Tail {
    /// Checks a row and goes on behind it. Says whether it was a refused attempt.
    pub(super) fn follow(this: &mut Option<Self>, namespace: &str, logged: &Logged) -> Result<bool, Broken> {
        let Logged { position, row } = logged;
        let broken = |flaw| Broken::row(*position, row.request, row.version, flaw);
        let hash = Digest::of(row.text.as_bytes());
        if hash != row.hash {
            return Err(broken(Flaw::Hash));
        }
        let text = Text::read(&row.text).map_err(broken)?;
        text.check_columns(namespace, row).map_err(broken)?;
        if let Some(flaw) = this
            .as_ref()
            .map_or_else(|| (text.version != 1).then_some(Flaw::Missing { expected: 1 }), |tail| tail.flaw_of_next(&text))
        {
            return Err(broken(flaw));
        }
        *this = Some(Self {
            position: *position,
            version: text.version,
            hash,
            is_removed: text.transition() == Some(Transition::Removed),
            at: text.at,
            asked: text.asked.as_ref().map(digest_of).or(this.as_ref().map(|tail| tail.asked)).unwrap_or(hash),
            standing: digest_of(&text.standing()),
        });
        Ok(text.refused.is_some())
    }

    fn flaw_of_next(&self, text: &Text<'_>) -> Option<Flaw> {
        let expected = self.version.checked_add(1)?;
        if self.is_removed {
            Some(Flaw::AfterRemoval)
        } else if text.version < expected {
            Some(Flaw::Repeated)
        } else if text.version > expected {
            Some(Flaw::Missing { expected })
        } else if text.previous != Some(self.hash) {
            Some(Flaw::Previous)
        } else if text.at < self.at {
            Some(Flaw::Time)
        } else {
            None
        }
    }
}

/// The histories of a namespace, as far as they were read.
#[derive(Debug, Default)]
pub(super) struct Chains {
    /// Those whose records are to be there.
    pub(super) open: HashMap<RequestId, Tail>,
    /// Those that are over: where and in which version.
    removed: HashMap<RequestId, (u64, u32)>,
    last: u64,
}

impl Chains {
    /// Checks the next row of the namespace. Says whether it was a refused attempt.
    pub(super) fn follow(&mut self, namespace: &str, logged: &Logged) -> Result<bool, Broken> {
        let Logged { position, row } = logged;
        let broken = |flaw| Broken::row(*position, row.request, row.version, flaw);
        if *position <= self.last {
            return Err(broken(Flaw::Position));
        }
        self.last = *position;
        if self.removed.contains_key(&row.request) {
            return Err(broken(Flaw::AfterRemoval));
        }
        let mut tail = self.open.remove(&row.request);
        let refused = Tail::follow(&mut tail, namespace, logged)?;
        match tail {
            Some(tail) if tail.is_removed => drop(self.removed.insert(row.request, (tail.position, tail.version))),
            Some(tail) => drop(self.open.insert(row.request, tail)),
            None => {}
        }
        Ok(refused)
    }

    /// Returns where the record is said to be removed, and in which version.
    pub(super) fn removal(&self, id: RequestId) -> Option<(u64, u32)> {
        self.removed.get(&id).copied()
    }

    pub(super) fn requests(&self) -> u64 {
        (self.open.len() + self.removed.len()) as u64
    }

    pub(super) fn removed(&self) -> u64 {
        self.removed.len() as u64
    }
}
