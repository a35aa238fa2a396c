//! [`Verification`]: every row of a namespace, read once in order.

use std::fmt;

use super::chain::Chains;
use super::checkpoint::Seal;
use super::marks::Marks;
use super::{Audit, AuditError, AuditKey, Broken, Checkpoint, PAGE};

/// What was read, and is as it was written; or how far reading has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// Rows.
    pub rows: u64,
    /// Of these, rows that tell of refused attempts.
    pub refused: u64,
    /// Requests that the rows tell of.
    pub requests: u64,
    /// Of these, requests whose records were removed.
    pub removed: u64,
    /// Records that agree with their histories.
    pub records: u64,
    /// Checkpoints in the store.
    pub checkpoints: u64,
    /// Exported checkpoints that agree with the store.
    pub exported: u64,
    /// Signatures that were checked; 0 where no key was given.
    pub signatures: u64,
    /// Rows that a checkpoint seals. Those behind it prove only that they fit together.
    pub sealed: u64,
    /// The position of the last row.
    pub position: u64,
}

type Progress = Box<dyn FnMut(&Report) + Send>;

/// Options of [`Audit::verify`]; [`run`](Self::run) reads.
#[must_use = "nothing is verified until `run`"]
pub struct Verification {
    pub(super) audit: Audit,
    keys: Vec<AuditKey>,
    exported: Vec<Checkpoint>,
    progress: Option<Progress>,
}

impl fmt::Debug for Verification {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { audit, keys, exported, progress: _ } = self;
        f.debug_struct("Verification")
            .field("audit", audit)
            .field("keys", keys)
            .field("exported", exported)
            .finish_non_exhaustive()
    }
}

impl Verification {
    pub(super) const fn new(audit: Audit) -> Self {
        Self { audit, keys: Vec::new(), exported: Vec::new(), progress: None }
    }

    /// Checks the signatures of checkpoints with this key, or with the one of several that they name. A checkpoint that names
    /// none of them is an error. Without any key no signature is checked, and the report says so.
    pub fn key(mut self, key: &AuditKey) -> Self {
        self.keys.push(key.clone());
        self
    }

    /// Compares with checkpoints that were exported. Those of other namespaces are passed over.
    pub fn checkpoints(mut self, exported: impl IntoIterator<Item = Checkpoint>) -> Self {
        let here = |checkpoint: &Checkpoint| *checkpoint.namespace == *self.audit.namespace;
        self.exported.extend(exported.into_iter().filter(here));
        self
    }

    /// Is told, after each page of rows, how far it has come.
    pub fn on_progress(mut self, progress: impl FnMut(&Report) + Send + 'static) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    /// Reads every row of the namespace in order, and then the records.
    ///
    /// The gate may go on meanwhile; it reads about as far as there were rows when it began. It keeps about 150 bytes for each request whose record is kept, and less for others.
    ///
    /// The error is about the first place that does not fit: a row that was changed, moved or added, or that stands where another
    /// one is missing, or the last one of those that a checkpoint sealed otherwise. Where the rows fit, the records are compared
    /// too, and a row that has none behind it although its record is newer counts as such a place. It is the same each time.
    ///
    /// # Errors
    /// [`AuditError::Broken`], [`AuditError::Store`].
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn run(self) -> Result<Report, AuditError> {
        let Self { audit, keys, exported, mut progress } = self;
        let mut pass = Pass {
            seal: Seal::first(&audit.namespace),
            chains: Chains::default(),
            marks: Some(Marks::new(keys, exported)),
            report: Report::default(),
            broken: None,
            audit,
        };
        while pass.next_page().await? {
            pass.count();
            progress.iter_mut().for_each(|progress| progress(&pass.report));
        }
        pass.count();
        let Pass { audit, chains, mut report, broken, .. } = pass;
        let (records, found) = audit.compare_records(chains).await?;
        report.records = records;
        match (broken, found) {
            (Some(broken), found) => Err(broken.or_earlier(found).into()),
            (None, Some(found)) => Err(found.into()),
            (None, None) => Ok(report),
        }
    }
}

struct Pass {
    audit: Audit,
    seal: Seal,
    chains: Chains,
    /// Nothing once a checkpoint did not fit: there may be a request whose last row shows more exactly why.
    marks: Option<Marks>,
    report: Report,
    broken: Option<Broken>,
}

impl Pass {
    /// Says whether there may be more.
    async fn next_page(&mut self) -> Result<bool, AuditError> {
        // Known before the rows are read: what it seals was there.
        let sealed = self.next_mark().await?;
        let page = self.audit.rows_behind(None, self.seal.position).await?;
        let is_last = page.len() < PAGE;
        if page.is_empty() {
            // Rows that were sealed are not there.
            let Some(position) = sealed else { return Ok(false) };
            self.check(position);
            return Ok(true);
        }
        for logged in page {
            let position = logged.position;
            while let Some(mark) = self.next_mark().await?.filter(|mark| *mark < position) {
                self.check(mark);
            }
            match self.chains.follow(&self.audit.namespace, &logged) {
                Ok(refused) => self.report.refused += u64::from(refused),
                Err(broken) => return Err(broken.or_earlier(self.broken.take()).into()),
            }
            self.seal.add(position, &logged.row.hash);
            while let Some(mark) = self.next_mark().await?.filter(|mark| *mark == position) {
                self.check(mark);
            }
        }
        // What comes now was committed after it began, unless a checkpoint knows of it: a busy gate is not followed for ever.
        Ok(!is_last || self.next_mark().await?.is_some())
    }

    async fn next_mark(&mut self) -> Result<Option<u64>, AuditError> {
        let Some(marks) = &mut self.marks else { return Ok(None) };
        match marks.next(&self.audit).await {
            Err(AuditError::Broken(broken)) => {
                self.give_up(broken);
                Ok(None)
            }
            next => next,
        }
    }

    fn check(&mut self, position: u64) {
        let Some(marks) = &mut self.marks else { return };
        match marks.check(position, &self.seal) {
            Ok(()) => self.report.sealed = self.seal.count,
            Err(broken) => self.give_up(broken),
        }
    }

    fn give_up(&mut self, broken: Broken) {
        self.broken = Some(broken);
        self.marks = None;
    }

    fn count(&mut self) {
        let report = &mut self.report;
        report.rows = self.seal.count;
        report.position = self.seal.position;
        report.requests = self.chains.requests();
        report.removed = self.chains.removed();
        if let Some(marks) = &self.marks {
            (report.checkpoints, report.exported, report.signatures) = (marks.checked, marks.matched, marks.signatures);
        }
    }
}
