//! [`Terminal`]: asks at the terminal that the program runs in.
use super::{Notice, Notifier, NotifyError};
use crate::BoxFuture;
/// Asks.
#[derive(Debug, Default)]
pub struct Terminal;
impl Terminal {
    /// New.
    pub fn new() -> Self {
        Self
    }
}
impl Notifier for Terminal {
    fn name(&self) -> &str {
        "terminal"
    }
    fn can_reach(&self) -> bool {
        true
    }
    fn notify(&self, _notice: Notice) -> BoxFuture<'_, Result<(), NotifyError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}
