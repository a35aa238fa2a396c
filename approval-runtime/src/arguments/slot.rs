//! The object that stands for a redacted value.

use serde_json::Value;

use super::SLOT;
use super::digest::Digest;

/// The hash in a slot, if this is one.
pub(super) fn slot_of(value: &Value) -> Option<Digest> {
    let fields = value.as_object().filter(|fields| fields.len() == 1)?;
    fields.get(SLOT)?.as_str()?.parse().ok()
}
