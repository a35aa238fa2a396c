//! Refusals as rig 0.44 carries them: its own error, the only one whose text reaches the model.

use rig_core::tool::ToolExecutionError;

use crate::refusal::Refusal;

/// The refusal's sentence is what the model reads; the [`Refusal`] itself is the error's source.
///
/// Nobody answered in time: a timeout. Withdrawn: cancelled. Arguments that don't fit: invalid arguments. Anything else is a
/// refusal, which rig doesn't count as an error. It is retryable where the same call may come through later by itself.
impl From<Refusal> for ToolExecutionError {
    fn from(refusal: Refusal) -> Self {
        let text = refusal.to_string();
        let error = match &refusal {
            Refusal::TimedOut { .. } => Self::timeout(text),
            Refusal::Cancelled { .. } => Self::cancelled(text),
            Refusal::Invalid { .. } | Refusal::Unrepresentable { .. } => Self::invalid_args(text),
            _ => Self::refused(text),
        };
        error.with_code(refusal.code()).with_retryable(refusal.is_transient()).with_source(refusal)
    }
}
