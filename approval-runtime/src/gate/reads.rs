//! What a gate tells about its requests. Reading changes nothing; a deadline that has passed shows, written or not.

use std::sync::Arc;

use super::{ApprovalGate, unavailable};
use crate::audit::Audit;
use crate::request::{ApprovalRequest, ApprovalStatus, RequestId};
use crate::review::DecideError;
use crate::store::{Cursor, Found, Order, Query, Which};

/// How many requests a page holds at most.
pub const MAX_PAGE: usize = 1_000;

/// How many requests a page holds unless the query says otherwise.
const DEFAULT_PAGE: usize = 100;

/// Which requests [`ApprovalGate::get_requests`] reads: all that are kept, unless a [`status`](Self::status) is named.
#[derive(Clone, Debug)]
#[must_use = "a query reads nothing until it is given to `ApprovalGate::get_requests`"]
pub struct RequestQuery {
    statuses: Vec<ApprovalStatus>,
    order: Option<Order>,
    after: Option<Cursor>,
    limit: usize,
}

impl Default for RequestQuery {
    fn default() -> Self {
        Self::new()
    }
}

impl RequestQuery {
    /// Asks for the first 100 requests, of any status.
    pub const fn new() -> Self {
        Self { statuses: Vec::new(), order: None, after: None, limit: DEFAULT_PAGE }
    }

    /// Asks for requests that stand here. Given several times, for those that stand at any of these.
    pub fn status(mut self, status: ApprovalStatus) -> Self {
        self.statuses.push(status);
        self
    }

    /// Sets the order, by creation. Without it what waits comes oldest first, and anything else newest first.
    pub const fn order(mut self, order: Order) -> Self {
        self.order = Some(order);
        self
    }

    /// Goes on behind the page that ended with this cursor. Everything else has to be as it was for that page.
    pub const fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    /// Sets how many requests the page may hold: from 1 to [`MAX_PAGE`], any other number counts as the nearer one of these.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit.clamp(1, MAX_PAGE);
        self
    }
}

/// Requests, and where the next ones are.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RequestPage {
    /// The requests, in the query's order.
    pub requests: Vec<ApprovalRequest>,
    /// Records among them that cannot be read: their bytes were changed, or a newer version wrote them. They are never run.
    pub corrupt: Vec<RequestId>,
    /// What [`RequestQuery::after`] takes for the next page; `None` when there was nothing more.
    pub next: Option<Cursor>,
}

impl ApprovalGate {
    /// Reads a request as it stands.
    ///
    /// # Errors
    /// [`DecideError::NotFound`], [`DecideError::Unavailable`].
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn get_request(&self, id: RequestId) -> Result<ApprovalRequest, DecideError> {
        let (request, now) = self.look_at(id).await.map_err(unavailable)?.ok_or(DecideError::NotFound { id })?;
        Ok(self.seen(request.at(now)))
    }

    /// Reads the requests that wait for reviewers, the oldest first. All of them: where many may wait,
    /// [`get_requests`](Self::get_requests) reads a page.
    ///
    /// # Errors
    /// [`DecideError::Unavailable`].
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    pub async fn get_pending(&self) -> Result<Vec<ApprovalRequest>, DecideError> {
        Ok(self.select(vec![ApprovalStatus::Pending], Order::OldestFirst, None, None).await?.requests)
    }

    /// Reads a page of requests, by where they stand.
    ///
    /// Reading page after page shows each request once that is there from the first page to the last and stands where it was
    /// asked for; what comes, changes or goes meanwhile is shown once or not at all.
    ///
    /// # Errors
    /// [`DecideError::Unavailable`].
    ///
    /// # Cancel safety
    /// Safe: it only reads.
    ///
    /// # Examples
    ///
    /// ```
    /// # async fn example(gate: approval_runtime::ApprovalGate) -> Result<(), Box<dyn std::error::Error>> {
    /// use approval_runtime::{ApprovalStatus, RequestQuery};
    ///
    /// // What rules let through, the last ones first.
    /// let mut query = RequestQuery::new().status(ApprovalStatus::AutoApproved);
    /// loop {
    ///     let page = gate.get_requests(&query).await?;
    ///     for request in &page.requests {
    ///         println!("{} because {}", request.tool_name(), request.matched_rule().unwrap_or_default());
    ///     }
    ///     let Some(next) = page.next else { break };
    ///     query = query.after(next);
    /// }
    /// # Ok(()) }
    /// ```
    pub async fn get_requests(&self, query: &RequestQuery) -> Result<RequestPage, DecideError> {
        let RequestQuery { statuses, order, after, limit } = query.clone();
        let order = order.unwrap_or(match &*statuses {
            [ApprovalStatus::Pending] => Order::OldestFirst,
            _ => Order::NewestFirst,
        });
        // One more than the page holds tells whether there is another.
        let Found { mut requests, corrupt } = self.select(statuses, order, after, Some(limit + 1)).await?;
        let more = requests.len() > limit;
        requests.truncate(limit);
        let next = requests.last().filter(|_| more).map(Cursor::of);
        Ok(RequestPage { requests, corrupt, next })
    }

    /// Says beside a record whether its tool is still the one that was called.
    pub(super) fn seen(&self, request: ApprovalRequest) -> ApprovalRequest {
        let here = self.tool(request.tool_name()).map(|tool| tool.fingerprint());
        request.seen_with(here)
    }

    /// Returns the audit trail of the gate's namespace: what happened to each request, who tried what they may not, and whether
    /// all of that is as it was written.
    #[must_use]
    pub fn audit(&self) -> Audit {
        Audit::new(Arc::clone(&self.inner.store), Arc::clone(&self.inner.namespace))
    }

    async fn select(
        &self,
        statuses: Vec<ApprovalStatus>,
        order: Order,
        after: Option<Cursor>,
        limit: Option<usize>,
    ) -> Result<Found, DecideError> {
        let at = self.now().await.map_err(unavailable)?;
        let namespace = self.inner.namespace.as_ref().into();
        let query = Query { namespace, which: Which::Standing(statuses), at, order, after, limit };
        let found = self.inner.store.query(&query).await.map_err(unavailable)?;
        let requests = found.requests.into_iter().map(|request| self.seen(request.at(at))).collect();
        Ok(Found { requests, ..found })
    }
}
