//! [`Marks`]: the checkpoints of the store and those that were exported, as they come up while rows are read.

use std::collections::{BTreeMap, VecDeque};

use super::checkpoint::Seal;
use super::seal::read_row;
use super::{Audit, AuditError, AuditKey, Broken, Checkpoint, Flaw};
use crate::store::Row;

/// How many checkpoints are read at once.
const PAGE: usize = 500;

/// Checkpoints in the order of their positions.
#[derive(Debug, Default)]
pub(super) struct Marks {
    pub(super) keys: Vec<AuditKey>,
    /// By position: several where somebody exported two of one place.
    exported: BTreeMap<u64, Vec<Checkpoint>>,
    page: VecDeque<Row>,
    /// The store had no more when it was asked. One that is made later seals rows that were passed already.
    is_over: bool,
    /// The next one of the store.
    next: Option<Checkpoint>,
    /// The last one of the store that came up.
    last: Option<Checkpoint>,
    /// Up to here the rows are what was sealed.
    since: u64,
    pub(super) checked: u64,
    pub(super) matched: u64,
    pub(super) signatures: u64,
}

impl Marks {
    pub(super) fn new(keys: Vec<AuditKey>, exported: Vec<Checkpoint>) -> Self {
        let mut by_position = BTreeMap::<u64, Vec<Checkpoint>>::new();
        for checkpoint in exported {
            by_position.entry(checkpoint.position).or_default().push(checkpoint);
        }
        Self { keys, exported: by_position, ..Self::default() }
    }

    /// Returns the position of the next checkpoint. The one of the store is checked against the one before it by then.
    pub(super) async fn next(&mut self, audit: &Audit) -> Result<Option<u64>, AuditError> {
        if self.next.is_none() && !self.is_over {
            self.next = self.read(audit).await?;
            self.is_over = self.next.is_none();
        }
        let stored = self.next.as_ref().map(|checkpoint| checkpoint.position);
        let exported = self.exported.first_key_value().map(|(position, _)| *position);
        Ok(stored.into_iter().chain(exported).min())
    }

    async fn read(&mut self, audit: &Audit) -> Result<Option<Checkpoint>, AuditError> {
        let before = self.last.as_ref();
        let (number, position) = before.map_or((0, 0), |before| (before.number, before.position));
        if self.page.is_empty() {
            self.page = audit.checkpoint_rows(number, PAGE).await?.into();
        }
        let Some(row) = self.page.pop_front() else { return Ok(None) };
        let next = read_row(&row, &audit.namespace, position)?;
        let follows = next.number == number + 1
            && next.position > position
            && next.previous == before.map(|before| before.mac)
            && before.is_none_or(|before| next.count > before.count && next.at >= before.at);
        if !follows {
            return Err(Broken::checkpoint(next.number, position, Flaw::CheckpointOrder).into());
        }
        self.check_signature(&next)?;
        Ok(Some(next))
    }

    fn check_signature(&mut self, checkpoint: &Checkpoint) -> Result<(), Broken> {
        if self.keys.is_empty() {
            return Ok(());
        }
        let broken = |flaw| Broken::checkpoint(checkpoint.number, checkpoint.position, flaw);
        checkpoint.verify(&self.keys).map_err(broken)?;
        self.signatures += 1;
        Ok(())
    }

    /// Checks the checkpoints of this position, now that its row and all before it were read.
    pub(super) fn check(&mut self, position: u64, seal: &Seal) -> Result<(), Broken> {
        let sealed = |checkpoint: &Checkpoint, since| {
            let (sealed, found) = (checkpoint.count, seal.count);
            let broken = Broken::checkpoint(checkpoint.number, position, Flaw::Sealed { since, sealed, found });
            if seal.is_that_of(checkpoint) { Ok(()) } else { Err(broken) }
        };
        let stored = self.next.take_if(|next| next.position == position);
        if let Some(stored) = &stored {
            sealed(stored, self.since)?;
            self.checked += 1;
        }
        for exported in self.exported.remove(&position).unwrap_or_default() {
            self.check_signature(&exported)?;
            sealed(&exported, self.since)?;
            let flaw = match &stored {
                Some(stored) if *stored == exported => None,
                Some(_) => Some(Flaw::CheckpointDiffers),
                None => Some(Flaw::CheckpointMissing),
            };
            if let Some(flaw) = flaw {
                return Err(Broken::checkpoint(exported.number, position, flaw));
            }
            self.matched += 1;
        }
        self.since = position;
        if stored.is_some() {
            self.last = stored;
        }
        Ok(())
    }
}
