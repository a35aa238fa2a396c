//! What a reviewer may put in place of the arguments.

use crate::arguments::{Arguments, Decoder, Invalid};
use crate::request::ApprovalRequest;
use crate::wait;

/// Checks what a reviewer put in place of the arguments: live ones must stay, and the tool must be able to take it, where a
/// call that waits here or the tool itself knows how. Secrets are not at hand here, so calls with any are checked at the claim.
pub(super) fn check(request: &ApprovalRequest, edited: &Arguments) -> Result<(), Invalid> {
    let tool = request.tool();
    let (before, after) = (request.effective_arguments().to_value(), edited.to_value());
    for name in tool.live_arguments() {
        if before.get(name) != after.get(name) {
            return Err(Invalid::live_changed(name));
        }
    }
    let Ok(mut decoder) = Decoder::new(edited, None) else { return Ok(()) };
    tool.live_arguments().for_each(|name| decoder.discard(name));
    match wait::check_of(request.id()).of(tool, &mut decoder) {
        Some(checked) => checked.and_then(|()| decoder.finish()),
        None => Ok(()),
    }
}
