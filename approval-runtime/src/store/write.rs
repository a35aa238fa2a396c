//! [`Write`]: one write, with what must hold for it.

use super::{Expect, Space, StoreError};
use crate::request::{ApprovalRequest, Guard};

/// One write, with what must hold for it. A store writes all of a commit or nothing. A commit writes to a request or a row once:
/// see [`check_distinct`](Self::check_distinct).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Write {
    /// Adds a request, and the first row of its history.
    ///
    /// Refused with [`AlreadyExists`](super::StoreError::AlreadyExists) when its id is there, or another request of the
    /// namespace has its [`idempotency_key`](ApprovalRequest::idempotency_key), with
    /// [`TooManyPending`](super::StoreError::TooManyPending) when it is pending and the namespace has that many already, and
    /// with [`Stale`](super::StoreError::Stale) when the guard does not hold.
    Insert {
        /// The new record.
        request: ApprovalRequest,
        /// What must still hold, on the store's clock; its version is 0.
        guard: Guard,
        /// The most pending requests of the namespace, this one included.
        max_pending: usize,
    },
    /// Puts a new state in place of the one that has the guard's version, and adds the row of its history.
    ///
    /// Refused with [`NotFound`](super::StoreError::NotFound) or [`Stale`](super::StoreError::Stale).
    Update {
        /// The record as it shall be; what was asked is as it was.
        request: ApprovalRequest,
        /// What must still hold, on the store's clock.
        guard: Guard,
    },
    /// Removes a request. Its history stays, with this last row.
    ///
    /// Refused with [`NotFound`](super::StoreError::NotFound) or [`Stale`](super::StoreError::Stale).
    Remove {
        /// The record with its last row; it is not kept.
        request: ApprovalRequest,
        /// What must still hold, on the store's clock.
        guard: Guard,
    },
    /// Makes, changes or removes a row of another kind.
    ///
    /// Refused with [`RowStale`](super::StoreError::RowStale).
    Put {
        /// The namespace (tenant).
        namespace: String,
        /// Which kind.
        space: Space,
        /// Its key.
        key: String,
        /// What it shall hold; nothing removes it.
        value: Option<Vec<u8>>,
        /// What it has to be like.
        expect: Expect,
    },
    /// Begins another life of the store: what waited before can no longer be decided or started.
    ///
    /// Refused with [`RowStale`](super::StoreError::RowStale) of [`Space::Counter`] when the present one is another.
    NewIncarnation {
        /// The present one.
        from: u64,
    },
}

impl Write {
    /// Checks that no two of these write to one request or one row: each precondition is about what was there before.
    ///
    /// # Errors
    /// What the second write is refused with.
    pub fn check_distinct(writes: &[Self]) -> Result<(), StoreError> {
        for (nth, write) in writes.iter().enumerate() {
            if let Some(error) = writes[..nth].iter().find_map(|earlier| write.clashes_with(earlier)) {
                return Err(error);
            }
        }
        Ok(())
    }

    fn clashes_with(&self, earlier: &Self) -> Option<StoreError> {
        if let (Some(one), Some(other)) = (earlier.request(), self.request()) {
            let same_id = one.id() == other.id();
            let inserts = matches!((earlier, self), (Self::Insert { .. }, Self::Insert { .. }));
            let same_key = inserts && one.namespace() == other.namespace();
            let same_key = same_key && one.idempotency_key().is_some_and(|key| other.idempotency_key() == Some(key));
            let version = other.version().saturating_sub(1);
            return match self {
                Self::Insert { .. } if same_id || same_key => Some(StoreError::AlreadyExists { id: one.id() }),
                _ if same_id => Some(StoreError::Stale { id: one.id(), version }),
                _ => None,
            };
        }
        let (space, key) = match (earlier, self) {
            (
                Self::Put { namespace, space, key, .. },
                Self::Put { namespace: other_namespace, space: other_space, key: other_key, .. },
            ) if (namespace, space, key) == (other_namespace, other_space, other_key) => (*space, key.as_str()),
            (Self::NewIncarnation { .. }, Self::NewIncarnation { .. }) => (Space::Counter, "incarnation"),
            _ => return None,
        };
        Some(StoreError::RowStale { space, key: key.into() })
    }

    /// Returns the request that is written to.
    #[must_use]
    pub const fn request(&self) -> Option<&ApprovalRequest> {
        match self {
            Self::Insert { request, .. } | Self::Update { request, .. } | Self::Remove { request, .. } => Some(request),
            Self::Put { .. } | Self::NewIncarnation { .. } => None,
        }
    }
}
