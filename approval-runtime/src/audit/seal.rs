//! Sealing: the rows behind the last checkpoint are hashed in order, and the next checkpoint is kept and handed out.

use super::checkpoint::Seal;
use super::{Audit, AuditError, AuditKey, Broken, Checkpoint, Flaw};
use crate::arguments::Digest;
use crate::store::{Expect, Row, RowQuery, Space, StoreError, Write};

/// How often sealing is tried anew when somebody else sealed first.
const TRIES: usize = 64;

/// How many checkpoints are read at once.
const PAGE: usize = 500;

/// The key of the nth checkpoint's row: keys are in the order of numbers, and a number is taken once. So two programs that seal
/// at the same time follow each other.
fn row_key(number: u64) -> String {
    format!("{number:020}")
}

/// Reads the row of a checkpoint. `position` is where the rows were sealed up to before it.
pub(super) fn read_row(row: &Row, namespace: &str, position: u64) -> Result<Checkpoint, Broken> {
    let number = row.key.parse().unwrap_or_default();
    let unreadable = Broken::checkpoint(number, position, Flaw::CheckpointUnreadable);
    let text = std::str::from_utf8(&row.value).map_err(|_| unreadable.clone())?;
    let checkpoint: Checkpoint = text.parse().map_err(|_| unreadable)?;
    if row_key(checkpoint.number) != row.key || *checkpoint.namespace != *namespace {
        return Err(Broken::checkpoint(number, position, Flaw::CheckpointOrder));
    }
    Ok(checkpoint)
}

impl Audit {
    /// Seals the rows that were committed since the last checkpoint: makes the next one, keeps it in the store, and returns it
    /// to be exported. `None` when there are none.
    ///
    /// A checkpoint proves something once a copy of it is out of the store's reach: [`CheckpointLog::append`] it, or write its
    /// line to a log. If that fails the chain in the store goes on, and [`checkpoints`](Self::checkpoints) reads what is still
    /// to be exported.
    ///
    /// Several programs may seal one namespace. It costs what was committed since the last time, and reads nothing of before:
    /// [`verify`](Self::verify) does.
    ///
    /// [`CheckpointLog::append`]: super::CheckpointLog::append
    ///
    /// # Errors
    /// [`AuditError::Broken`] when a row is not what its hash says, or the last checkpoint is not signed with the key that it
    /// names: that is not sealed over. [`AuditError::Store`].
    ///
    /// # Cancel safety
    /// A dropped future has sealed or not. A checkpoint that it made and did not return is read by
    /// [`checkpoints`](Self::checkpoints).
    pub async fn seal(&self, key: &AuditKey) -> Result<Option<Checkpoint>, AuditError> {
        let mut last_error = None;
        for _ in 0..TRIES {
            let Some(checkpoint) = self.next_checkpoint(key).await? else { return Ok(None) };
            let write = Write::Put {
                namespace: self.namespace.as_ref().into(),
                space: Space::Checkpoint,
                key: row_key(checkpoint.number),
                value: Some(checkpoint.to_string().into_bytes()),
                expect: Expect::Absent,
            };
            match self.store.commit(&[write]).await {
                Ok(()) => return Ok(Some(checkpoint)),
                Err(error @ StoreError::RowStale { .. }) => last_error = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        // Each try means that somebody else got to seal.
        last_error.map_or(Ok(None), |error| Err(error.into()))
    }

    async fn next_checkpoint(&self, key: &AuditKey) -> Result<Option<Checkpoint>, AuditError> {
        let last = self.last_checkpoint().await?;
        if let Some(last) = &last
            && let Err(flaw @ Flaw::Forged) = last.verify([key])
        {
            return Err(Broken::checkpoint(last.number, last.position, flaw).into());
        }
        let start = last.as_ref().map_or_else(|| Seal::first(&self.namespace), Seal::behind);
        let mut seal = start;
        loop {
            let page = self.rows_behind(None, seal.position).await?;
            let is_last = page.len() < super::PAGE;
            for logged in page {
                let (position, row) = (logged.position, logged.row);
                let broken = |flaw| Broken::row(position, row.request, row.version, flaw);
                if position <= seal.position {
                    return Err(broken(Flaw::Position).into());
                }
                if Digest::of(row.text.as_bytes()) != row.hash {
                    return Err(broken(Flaw::Hash).into());
                }
                seal.add(position, &row.hash);
            }
            // What comes now is the next one's: a busy gate is not followed for ever.
            if is_last {
                break;
            }
        }
        if seal.count == start.count {
            return Ok(None);
        }
        let checkpoint = Checkpoint {
            namespace: self.namespace.as_ref().into(),
            number: last.as_ref().map_or(1, |last| last.number + 1),
            position: seal.position,
            count: seal.count,
            seal: seal.seal,
            at: self.store.now().await?.time,
            previous: last.map(|last| last.mac),
            key: key.id().into(),
            mac: Digest::from_bytes([0; 32]),
        };
        Ok(Some(checkpoint.sign(key)))
    }

    /// Reads the last checkpoint in the store. Whether it is worth something says [`verify`](Self::verify).
    ///
    /// # Errors
    /// [`AuditError::Broken`] when it cannot be read, [`AuditError::Store`].
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn last_checkpoint(&self) -> Result<Option<Checkpoint>, AuditError> {
        // Stores read forwards. There are none behind some number, and some behind all smaller ones.
        let Some(mut last) = self.checkpoint_behind(0).await? else { return Ok(None) };
        let mut step = 1;
        let mut end = loop {
            let probe = last.number.saturating_add(step);
            match self.checkpoint_behind(probe).await? {
                Some(found) => last = found,
                None => break probe,
            }
            step = step.saturating_mul(2);
        };
        while last.number < end {
            let probe = last.number + (end - last.number) / 2;
            match self.checkpoint_behind(probe).await? {
                Some(found) => last = found,
                None => end = probe,
            }
        }
        Ok(Some(last))
    }

    async fn checkpoint_behind(&self, number: u64) -> Result<Option<Checkpoint>, AuditError> {
        let row = self.checkpoint_rows(number, 1).await?.pop();
        Ok(row.map(|row| read_row(&row, &self.namespace, 0)).transpose()?)
    }

    pub(super) async fn checkpoint_rows(&self, after: u64, limit: usize) -> Result<Vec<Row>, StoreError> {
        let mut query = RowQuery::all(self.namespace.as_ref(), Space::Checkpoint);
        query.after = (after > 0).then(|| row_key(after));
        query.limit = Some(limit);
        self.store.rows(&query).await
    }

    /// Reads the checkpoints in the store behind the one of this number; 0 reads all.
    ///
    /// # Errors
    /// [`AuditError::Broken`] for the first one that cannot be read, [`AuditError::Store`].
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn checkpoints(&self, after: u64) -> Result<Vec<Checkpoint>, AuditError> {
        let (mut found, mut after, mut position) = (Vec::<Checkpoint>::new(), after, 0);
        loop {
            let page = self.checkpoint_rows(after, PAGE).await?;
            if page.is_empty() {
                return Ok(found);
            }
            for row in page {
                let checkpoint = read_row(&row, &self.namespace, position)?;
                if checkpoint.number <= after {
                    return Err(Broken::checkpoint(checkpoint.number, position, Flaw::CheckpointOrder).into());
                }
                (after, position) = (checkpoint.number, checkpoint.position);
                found.push(checkpoint);
            }
        }
    }
}
