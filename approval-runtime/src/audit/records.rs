//! Whether the records say what their histories end with.

use super::chain::{Chains, Tail};
use super::text::{Asked, Standing, Text, digest_of};
use super::{Audit, AuditError, Broken, Flaw};
use crate::request::{ApprovalRequest, RequestId};
use crate::store::{Cursor, Order, Query, StoreError, Which};

/// How many records are read at once.
const PAGE: usize = 500;

/// How often one that changes meanwhile is read anew.
const TRIES: usize = 64;

/// The first flaw, and what was found before it.
#[derive(Default)]
struct Found(Option<Broken>);

impl Found {
    fn add(&mut self, broken: Broken) {
        self.0 = Some(match self.0.take() {
            Some(before) => before.or_earlier(Some(broken)),
            None => broken,
        });
    }
}

impl Audit {
    /// Compares every record with its history. Returns how many agree, and the first one that does not.
    pub(super) async fn compare_records(&self, mut chains: Chains) -> Result<(u64, Option<Broken>), AuditError> {
        let (mut found, mut agree) = (Found::default(), 0);
        let mut after = None;
        loop {
            let at = self.store.now().await?;
            let namespace = self.namespace.as_ref().into();
            let which = Which::Standing(Vec::new());
            let query = Query { namespace, which, at, order: Order::OldestFirst, after, limit: Some(PAGE) };
            let page = self.store.query(&query).await?;
            // What comes now was made after it began.
            let is_last = page.requests.len() + page.corrupt.len() < PAGE;
            for id in page.corrupt {
                found.add(unreadable(id, chains.open.remove(&id).as_ref()));
            }
            let Some(last) = page.requests.last() else { break };
            after = Some(Cursor::of(last));
            for record in page.requests {
                let tail = chains.open.remove(&record.id());
                if tail.as_ref().is_some_and(|tail| agrees(&record, tail)) {
                    agree += 1;
                } else if let Some(broken) = self.look_closely(record.id(), tail, chains.removal(record.id())).await? {
                    found.add(broken);
                } else {
                    agree += 1;
                }
            }
            if is_last {
                break;
            }
        }
        let mut rest: Vec<_> = chains.open.into_iter().collect();
        rest.sort_by_key(|(_, tail)| tail.position);
        for (id, tail) in rest {
            if let Some(broken) = self.look_closely(id, Some(tail), None).await? {
                found.add(broken);
            }
        }
        Ok((agree, found.0))
    }

    /// Reads a record and the rows behind those that are known, until they agree or cannot.
    async fn look_closely(
        &self,
        id: RequestId,
        mut tail: Option<Tail>,
        removal: Option<(u64, u32)>,
    ) -> Result<Option<Broken>, AuditError> {
        for _ in 0..TRIES {
            let record = match self.store.get(&self.namespace, id).await {
                Err(StoreError::Corrupt { .. }) => return Ok(Some(unreadable(id, tail.as_ref()))),
                record => record?,
            };
            // The known rows were there before the record was read; those that are read now may be newer than it.
            if let (Some(_), Some((position, version))) = (&record, removal) {
                return Ok(Some(Broken::row(position, id, version, Flaw::RecordKept)));
            }
            if removal.is_some() {
                return Ok(None);
            }
            if let (Some(record), Some(tail)) = (&record, &tail) {
                let flaw = match record.version() {
                    _ if tail.is_removed => Some(Flaw::RecordKept),
                    version if version < tail.version => Some(Flaw::RecordBehind { version }),
                    _ => None,
                };
                if let Some(flaw) = flaw {
                    return Ok(Some(about(id, Some(tail), flaw)));
                }
            }
            if let Err(broken) = self.follow(id, &mut tail).await? {
                return Ok(Some(broken));
            }
            let flaw = match (&record, &tail) {
                (None, None) => return Ok(None),
                (None, Some(tail)) if tail.is_removed => return Ok(None),
                (None, Some(_)) => Flaw::RecordMissing,
                (Some(record), None) => Flaw::NoHistory { version: record.version() },
                (Some(record), Some(tail)) if record.version() > tail.version => {
                    Flaw::TailMissing { version: record.version() }
                }
                // It changed between the two.
                (Some(record), Some(tail)) if record.version() < tail.version => continue,
                (Some(record), Some(tail)) if agrees(record, tail) => return Ok(None),
                (Some(record), Some(_)) => Flaw::Record(self.difference(record).await?),
            };
            return Ok(Some(about(id, tail.as_ref(), flaw)));
        }
        // It changes faster than it can be read, and each time everything fitted.
        Ok(None)
    }

    /// Follows the rows of a request behind its known ones.
    async fn follow(&self, id: RequestId, tail: &mut Option<Tail>) -> Result<Result<(), Broken>, AuditError> {
        for logged in self.history_behind(id, tail.as_ref().map_or(0, |tail| tail.position)).await? {
            if let Err(broken) = Tail::follow(tail, &self.namespace, &logged) {
                return Ok(Err(broken));
            }
        }
        Ok(Ok(()))
    }

    /// Names what the record says otherwise than its history, of the same version.
    async fn difference(&self, record: &ApprovalRequest) -> Result<&'static str, AuditError> {
        let rows = self.history(record.id()).await?;
        let text = |row: Option<&'_ crate::store::Logged>| row.map(|logged| logged.row.text.clone()).unwrap_or_default();
        let (first, last) = (text(rows.first()), text(rows.last()));
        let standing = Text::read(&last).ok().and_then(|text| text.standing().difference(&Standing::of(record)));
        let asked = || Text::read(&first).ok()?.asked?.difference(&Asked::of(record));
        Ok(standing.or_else(asked).unwrap_or("audit_head"))
    }
}

fn agrees(record: &ApprovalRequest, tail: &Tail) -> bool {
    record.version() == tail.version
        && record.audit_head() == tail.hash
        && digest_of(&Standing::of(record)) == tail.standing
        && digest_of(&Asked::of(record)) == tail.asked
}

fn about(id: RequestId, tail: Option<&Tail>, flaw: Flaw) -> Broken {
    let (position, version) = (tail.map(|tail| tail.position), tail.map(|tail| tail.version));
    Broken { position, request: Some(id), version, checkpoint: None, flaw }
}

fn unreadable(id: RequestId, tail: Option<&Tail>) -> Broken {
    about(id, tail, Flaw::RecordUnreadable)
}
