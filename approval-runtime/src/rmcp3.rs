//! Refusals as rmcp 3 carries them: an error result of the tool, whose text the model reads.
//!
//! Never an `ErrorData`: that is an error of the protocol, which most clients keep from the model.

use rmcp::model::{CallToolResult, ContentBlock, ErrorData};

use crate::refusal::{Refusal, ToolReturn};

/// An error result with the refusal's sentence as its text.
///
/// It has no structured content, so it can stand beside `Json<T>`: that declares an output schema, and clients hold errors to
/// it as well.
impl From<Refusal> for CallToolResult {
    fn from(refusal: Refusal) -> Self {
        Self::error(vec![ContentBlock::text(refusal.to_string())])
    }
}

/// Refused calls return an error result with the refusal's sentence as text and its JSON as structured content.
impl ToolReturn for CallToolResult {
    fn refused(refusal: Refusal) -> Self {
        // Where there is none, the sentence says it.
        let details = serde_json::to_value(&refusal).ok();
        let mut result = Self::from(refusal);
        result.structured_content = details;
        result
    }

    fn is_failure(&self) -> bool {
        self.is_error == Some(true)
    }
}

/// Refused calls return `Ok` of an error result: see [`CallToolResult`](#impl-ToolReturn-for-CallToolResult).
impl ToolReturn for Result<CallToolResult, ErrorData> {
    fn refused(refusal: Refusal) -> Self {
        Ok(CallToolResult::refused(refusal))
    }

    fn is_failure(&self) -> bool {
        self.as_ref().map_or(true, CallToolResult::is_failure)
    }
}
