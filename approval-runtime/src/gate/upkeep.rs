//! What ends by itself or is left behind, and the people who say how it ended.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use uuid::Uuid;

use super::process::Process;
use super::writes::written;
use super::{ApprovalGate, NotApplied, unavailable};
use crate::decision::Reviewer;
use crate::policy::Ruling;
use crate::request::{
    ApprovalRequest, ApprovalStatus, Change, Conflict, Event, ExecutionState, Moment, RequestId, Settlement, apply,
};
use crate::review::DecideError;
use crate::store::{ApprovalStore, Cursor, Expect, Order, Query, RowQuery, Space, StoreError, Which, Write};
use crate::tool::Tool;

/// How many requests are read at once: a store may put all that are due in order for each page, and records may be large.
const PAGE: usize = 500;

impl ApprovalGate {
    /// Returns the id of this gate: what records name as the holder of a start.
    #[must_use]
    pub fn instance(&self) -> Uuid {
        self.inner.instance
    }

    /// Says how a call ended whose outcome nobody knows, once.
    ///
    /// Somebody has looked: in the system that the call was to change. The reviewers of the tool may say so; nothing is run.
    ///
    /// # Errors
    /// [`DecideError::NotIndeterminate`], [`DecideError::NotAllowed`], [`DecideError::NotFound`], [`DecideError::Unavailable`].
    ///
    /// # Cancel safety
    /// A dropped future has written it or not; saying it again is safe.
    pub async fn settle(&self, id: RequestId, by: Reviewer, outcome: Settlement) -> Result<ApprovalRequest, DecideError> {
        self.settle_at(id, by, outcome, "rust").await
    }

    /// As [`settle`](Self::settle), through a named door.
    ///
    /// # Errors
    /// As for [`settle`](Self::settle).
    ///
    /// # Cancel safety
    /// As for [`settle`](Self::settle).
    pub async fn settle_at(
        &self,
        id: RequestId,
        by: Reviewer,
        outcome: Settlement,
        door: &'static str,
    ) -> Result<ApprovalRequest, DecideError> {
        let name = by.name().into();
        match self.advance(id, None, &Event::Settle { by, outcome, door }).await {
            Ok(request) | Err(NotApplied::Conflict(Conflict::Repeated, request)) => Ok(request),
            Err(NotApplied::Conflict(Conflict::NotAllowed, request)) => Err(DecideError::NotAllowed {
                reviewer: name,
                approvers: request.tool().named_approvers().map(Into::into).collect(),
            }),
            Err(NotApplied::Conflict(_, request)) => Err(DecideError::NotIndeterminate { request: Box::new(request) }),
            Err(NotApplied::NotFound(id)) => Err(DecideError::NotFound { id }),
            Err(NotApplied::Store(error)) => Err(unavailable(error)),
        }
    }

    /// Reads the requests whose bodies started and whose outcome nobody knows, the oldest first.
    ///
    /// # Errors
    /// [`DecideError::Unavailable`].
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn get_indeterminate(&self) -> Result<Vec<ApprovalRequest>, DecideError> {
        let at = self.now().await.map_err(unavailable)?;
        let query = self.query(Which::Indeterminate, at, None, None);
        Ok(self.inner.store.query(&query).await.map_err(unavailable)?.requests)
    }

    /// Begins another life of the store, after it lost what was written: a backup was put back, or a replica without the last
    /// writes took over. Every request that was pending, or approved and not started, ends as expired; callers ask anew. What was
    /// running becomes indeterminate, until whoever runs it says how it ended.
    ///
    /// Returns the number of the new life.
    ///
    /// # Errors
    /// [`DecideError::Unavailable`].
    ///
    /// # Cancel safety
    /// A dropped future has begun the new life or not; beginning it twice does no harm.
    pub async fn new_incarnation(&self) -> Result<u64, DecideError> {
        let from = self.now().await.map_err(unavailable)?.incarnation;
        failpoint!("before_new_life");
        match self.inner.store.commit(&[Write::NewIncarnation { from }]).await {
            // Somebody else began one at the same time.
            Ok(()) | Err(StoreError::RowStale { .. }) => {}
            Err(error) => return Err(unavailable(error)),
        }
        failpoint!("after_new_life");
        self.settle_due().await.map_err(unavailable)?;
        self.settle_earlier(from).await.map_err(unavailable)?;
        Ok(self.now().await.map_err(unavailable)?.incarnation)
    }

    /// Settles what ran in this life of the store or an earlier one: whoever held it may have ended it in what was lost.
    async fn settle_earlier(&self, life: u64) -> Result<(), StoreError> {
        for status in [ApprovalStatus::Approved, ApprovalStatus::AutoApproved] {
            let mut after = None;
            loop {
                let now = self.now().await?;
                let page = self.page(Which::Standing(vec![status]), after, PAGE).await?;
                let Some(last) = page.last() else { break };
                after = Some(Cursor::of(last));
                let executing = page.into_iter().filter(|request| request.incarnation() <= life);
                let orphan = |request: ApprovalRequest| Some((Event::Orphan { holder: request.execution().holder? }, request));
                let events = executing.filter_map(orphan).map(|(event, request)| (request, event));
                self.write_all(events.collect(), now).await?;
            }
        }
        Ok(())
    }

    /// Removes the records of requests that were made longer ago than this and have ended. Their histories stay.
    ///
    /// Returns how many were removed.
    ///
    /// # Errors
    /// [`DecideError::Unavailable`]; some may have been removed then.
    ///
    /// # Cancel safety
    /// A dropped future has removed some; doing it again goes on.
    pub async fn remove_ended(&self, older_than: Duration) -> Result<usize, DecideError> {
        let now = self.now().await.map_err(unavailable)?;
        let age = chrono::TimeDelta::from_std(older_than).unwrap_or(chrono::TimeDelta::MAX);
        let Some(before) = now.time.checked_sub_signed(age) else { return Ok(0) };
        let mut removed = 0;
        for status in ApprovalStatus::ALL {
            let mut after = None;
            loop {
                let page = self.page(Which::Standing(vec![status]), after, PAGE).await.map_err(unavailable)?;
                let old: Vec<_> = page.into_iter().take_while(|request| request.created_at() < before).collect();
                let Some(last) = old.last() else { break };
                after = Some(Cursor::of(last));
                let ended = old.into_iter().filter(ApprovalRequest::has_ended).map(|request| (request, Event::Remove));
                removed += self.write_all(ended.collect(), now).await.map_err(unavailable)?;
            }
        }
        Ok(removed)
    }
}

/// What the driver does, and what whoever recovers does first.
impl ApprovalGate {
    pub(crate) fn has_driver(&self) -> bool {
        self.inner.driver.get().is_some()
    }

    pub(crate) fn store(&self) -> &Arc<dyn ApprovalStore> {
        &self.inner.store
    }

    /// Returns the fingerprint of the tool that would run here for a request of this tool.
    pub(crate) fn fingerprint(&self, tool: &Tool) -> crate::arguments::Digest {
        self.tool(tool.name()).map_or_else(|| tool.fingerprint(), |here| here.fingerprint())
    }

    /// Makes this gate known, before it holds anything: what a gate holds that nobody knows of would never be settled.
    pub(crate) async fn make_known(&self) -> Result<(), StoreError> {
        if !self.has_driver() {
            return Ok(());
        }
        self.inner.known.get_or_try_init(|| self.introduce()).await.map(|_| ())
    }

    async fn introduce(&self) -> Result<(), StoreError> {
        let now = self.now().await?;
        let mut writes = vec![self.process_row(Some(&Process::alive(now.time)))];
        writes.extend(self.tools().map(|tool| self.tool_row(tool, now)));
        failpoint!("before_introduce");
        self.inner.store.commit(&writes).await?;
        failpoint!("after_introduce");
        Ok(())
    }

    /// Returns the row of a tool: what a deployment has, for whoever looks at it from elsewhere.
    fn tool_row(&self, tool: &Tool, now: Moment) -> Write {
        let facts: serde_json::Value = serde_json::from_str(tool.facts()).unwrap_or_default();
        let row = serde_json::json!({
            "facts": facts,
            "fingerprint": tool.fingerprint(),
            "policy": match self.inner.policy.rules(tool.name()) {
                Ruling::Pass => "pass",
                Ruling::Judge(_) => "ask",
            },
            "last_seen": now.time.timestamp_micros(),
        });
        Write::Put {
            namespace: self.inner.namespace.as_ref().into(),
            space: Space::Tool,
            key: tool.name().into(),
            value: Some(row.to_string().into_bytes()),
            expect: Expect::Any,
        }
    }

    /// Writes what has ended by itself: deadlines that passed, and what is of an earlier life of the store.
    pub(super) async fn settle_due(&self) -> Result<(), StoreError> {
        while self.settle_some_due().await? {}
        Ok(())
    }

    /// Writes some of what has ended by itself, and says whether there may be more.
    pub(super) async fn settle_some_due(&self) -> Result<bool, StoreError> {
        let now = self.now().await?;
        let due = self.inner.store.query(&self.query(Which::Due, now, None, Some(PAGE))).await?.requests;
        let more = due.len() == PAGE;
        let events = due.into_iter().filter_map(|request| request.due_event(now).map(|event| (request, event)));
        Ok(self.write_all(events.collect(), now).await? > 0 && more)
    }

    /// Writes events that come of themselves, in one commit where nobody is faster, and returns how many were written.
    async fn write_all(&self, events: Vec<(ApprovalRequest, Event)>, now: Moment) -> Result<usize, StoreError> {
        let changed = events.iter().filter_map(|(request, event)| {
            let Change { state, guard, transition } = apply(request, event, now).ok()?;
            Some((written(event, request.with(state), guard), transition))
        });
        let (writes, transitions): (Vec<_>, Vec<_>) = changed.unzip();
        if writes.is_empty() {
            return Ok(0);
        }
        #[cfg(feature = "_failpoints")]
        for (_, event) in &events {
            failpoint!(before crate::failpoint::name(event));
        }
        match self.commit(writes, transitions).await {
            Ok(writes) => {
                #[cfg(feature = "_failpoints")]
                for (_, event) in &events {
                    failpoint!(after crate::failpoint::name(event));
                }
                Ok(writes.len())
            }
            Err(StoreError::Stale { .. } | StoreError::NotFound { .. }) => {
                let mut written = 0;
                for (request, event) in events {
                    written += usize::from(self.wrote(request, &event).await?);
                }
                Ok(written)
            }
            Err(error) => Err(error),
        }
    }

    /// Writes an event that comes of itself, and says whether it was. That somebody was faster is fine.
    async fn wrote(&self, request: ApprovalRequest, event: &Event) -> Result<bool, StoreError> {
        match self.advance(request.id(), Some(request), event).await {
            Ok(_) => Ok(true),
            Err(NotApplied::Conflict(..) | NotApplied::NotFound(_)) => Ok(false),
            Err(NotApplied::Store(error)) => Err(error),
        }
    }

    /// Settles what gates hold that are gone: nobody knows how far their bodies came, and nobody waits for their requests.
    pub(super) async fn settle_lost_gates(&self) -> Result<(), StoreError> {
        let rows = self.inner.store.rows(&RowQuery::all(self.inner.namespace.as_ref(), Space::Process)).await?;
        let now = self.now().await?;
        for row in rows {
            let Ok(gate) = row.key.parse::<Uuid>() else { continue };
            let process = Process::of(&row.value);
            if gate == self.instance() || process.as_ref().is_some_and(|process| !process.is_gone(now.time)) {
                continue;
            }
            self.settle_lost_gate(gate).await?;
            // One that was only paused goes on, and may start what somebody has to find when it then dies.
            if process.is_some_and(|process| process.may_return(now.time)) {
                continue;
            }
            let gone = Write::Put {
                namespace: self.inner.namespace.as_ref().into(),
                space: Space::Process,
                key: row.key,
                value: None,
                expect: Expect::Version(row.version),
            };
            // Its calls are settled, and its row is still there.
            failpoint!("before_gone");
            match self.inner.store.commit(&[gone]).await {
                Ok(()) | Err(StoreError::RowStale { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn settle_lost_gate(&self, gate: Uuid) -> Result<(), StoreError> {
        loop {
            let now = self.now().await?;
            let held = self.inner.store.query(&self.query(Which::HeldBy(gate), now, None, Some(PAGE))).await?.requests;
            let more = held.len() == PAGE;
            let mut events = Vec::with_capacity(held.len());
            for request in held {
                if request.execution().state == ExecutionState::Executing {
                    let (id, tool) = (request.id(), request.tool_name());
                    tracing::error!(request = %id, tool, "the process that ran this call is gone: nobody knows how far it came");
                    events.push((request, Event::Orphan { holder: gate }));
                } else {
                    events.push((request, Event::Leave { waiter: gate }));
                }
            }
            if self.write_all(events, now).await? == 0 || !more {
                return Ok(());
            }
        }
    }

    pub(crate) async fn settle_lost(&self) -> Result<(), DecideError> {
        self.settle_lost_gates().await.map_err(unavailable)
    }

    pub(super) fn query(&self, which: Which, at: Moment, after: Option<Cursor>, limit: Option<usize>) -> Query {
        Query { namespace: self.inner.namespace.as_ref().into(), which, at, order: Order::OldestFirst, after, limit }
    }

    async fn page(&self, which: Which, after: Option<Cursor>, limit: usize) -> Result<Vec<ApprovalRequest>, StoreError> {
        let at = self.now().await?;
        Ok(self.inner.store.query(&self.query(which, at, after, Some(limit))).await?.requests)
    }

    pub(crate) async fn select_page(
        &self,
        which: Which,
        after: Option<Cursor>,
        limit: usize,
    ) -> Result<Vec<ApprovalRequest>, DecideError> {
        self.page(which, after, limit).await.map_err(unavailable)
    }

    /// Says that this gate ends, so that nobody has to wait until its heart is found to have stopped.
    pub(super) async fn say_ended(&self) {
        if self.inner.known.initialized() {
            self.inner.ended.store(true, Ordering::SeqCst);
            failpoint!("before_ended");
            // If that cannot be written, the heartbeat settles it.
            let _ = self.inner.store.commit(&[self.process_row(Some(&Process::ended()))]).await;
        }
    }
}
