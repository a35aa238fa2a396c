//! [`Opening`]: how the suite gets at the store it tests.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::handle::Handle;
use crate::boxed::BoxFuture;
use crate::store::ApprovalStore;

type Open = dyn Fn() -> BoxFuture<'static, Arc<dyn ApprovalStore>> + Send + Sync;

/// A place for one store's data, fresh and empty, and how to open handles on it.
///
/// Each promise gets a place of its own (a file in a new directory, a schema, a prefix of keys), so that they are tested side by
/// side and nobody's data is wiped.
pub struct Opening {
    open: Box<Open>,
    reopens: bool,
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening").field("reopens", &self.reopens).finish_non_exhaustive()
    }
}

impl Opening {
    /// Names a place that can be opened several times at once, each time as another process would, and again when every handle
    /// is closed.
    ///
    /// What has to last as long as the place (a temporary directory, a server) goes into the closure.
    pub fn new<F, O, S>(open: F) -> Self
    where
        F: Fn() -> O + Send + Sync + 'static,
        O: Future<Output = S> + Send + 'static,
        S: ApprovalStore,
    {
        let open = move || -> BoxFuture<'static, Arc<dyn ApprovalStore>> {
            let opened = open();
            Box::pin(async move { Arc::new(opened.await) as Arc<dyn ApprovalStore> })
        };
        Self { open: Box::new(open), reopens: true }
    }

    /// Takes a store that lives in this process alone: every handle is this one.
    pub fn in_process(store: impl ApprovalStore) -> Self {
        let store: Arc<dyn ApprovalStore> = Arc::new(store);
        Self { open: Box::new(move || Box::pin(std::future::ready(Arc::clone(&store)))), reopens: false }
    }

    /// Opens a handle on the place.
    pub async fn open(&self) -> Arc<dyn ApprovalStore> {
        (self.open)().await
    }

    /// Says whether the place can be opened again when every handle is closed.
    #[must_use]
    pub const fn reopens(&self) -> bool {
        self.reopens
    }

    pub(super) async fn handle(&self) -> Handle {
        Handle::new(self.open().await)
    }

    pub(super) async fn handles(&self) -> [Handle; 2] {
        [self.handle().await, self.handle().await]
    }

    /// Opens the place again: no other handle may be open.
    pub(super) async fn again(&self) -> Handle {
        assert!(self.reopens, "this place is gone with its store: say `in_process`, or make it with `Opening::new`");
        self.handle().await
    }
}

impl<S: ApprovalStore> From<S> for Opening {
    fn from(store: S) -> Self {
        Self::in_process(store)
    }
}
