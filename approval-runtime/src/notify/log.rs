//! [`Log`]: a line in the program's log for each call that waits.

use super::{Notice, Notifier, NotifyError};
use crate::arguments::display;
use crate::boxed::BoxFuture;

/// Writes a `tracing` event at level WARN for each call that waits: tool, request id and deadline, never an argument.
///
/// A log reaches people only where somebody watches it; naming this notifier says that somebody does.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct Log;

impl Log {
    /// Makes the notifier.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Notifier for Log {
    fn name(&self) -> &'static str {
        "log"
    }

    fn can_reach(&self) -> bool {
        true
    }

    fn notify(&self, notice: Notice) -> BoxFuture<'_, Result<(), NotifyError>> {
        let request = notice.request;
        tracing::warn!(
            request = %request.id(),
            tool = %display::name(request.tool_name()),
            code = request.short_code(),
            expires_at = %request.expires_at().to_rfc3339(),
            "a call waits for approval"
        );
        Box::pin(std::future::ready(Ok(())))
    }
}
