//! Secrets while they are written, and the slots in their places.

use std::fmt::Write as _;

use super::{Field, PRIVATE, Slots, Stopped, Writer};
use crate::arguments::SLOT;
use crate::arguments::digest::Digest;
use crate::arguments::invalid::Invalid;
use crate::arguments::redact::HiddenValue;

impl Writer<'_> {
    pub(super) fn check_reserved(&mut self, name: &str) -> Result<(), Stopped> {
        if name == SLOT && !matches!(self.slots, Slots::Refused) {
            self.frames.last_mut().expect("the top level stays open").slot = true;
            return Ok(());
        }
        if name == SLOT || name.starts_with(PRIVATE) {
            return Err(self.stop_at(name, |path| Invalid::ReservedKey { path }));
        }
        Ok(())
    }

    pub(super) fn is_secret(&self, name: &str) -> bool {
        self.redaction.is_some_and(|settings| {
            settings.secret_names.matches(name) || settings.redact.iter().any(|path| self.stands_at(path, name))
        })
    }

    /// Whether a field of this name in the innermost object has this dotted path. Arrays take no
    /// step in it.
    pub(super) fn stands_at(&self, path: &str, name: &str) -> bool {
        let Some(mut rest) = path.strip_suffix(name) else {
            return false;
        };
        for field in self.open_fields().rev() {
            let parent = rest.strip_suffix('.');
            match parent.and_then(|rest| rest.strip_suffix(&*self.name(field))) {
                Some(before) => rest = before,
                None => return false,
            }
        }
        rest.is_empty()
    }

    /// Puts a slot in the place of the secret that was just written.
    pub(super) fn redact(&mut self, field: Field) -> Result<(), Stopped> {
        let start = field.colon as usize + 1;
        if let Slots::Only(_) = self.slots {
            // A slot in its old place was checked when it ended; anything else is a new secret.
            return if self.text[start..].starts_with("{\"$redacted\":") {
                Ok(())
            } else {
                Err(self.stop(|path| Invalid::RedactedChanged { path }))
            };
        }
        let settings = self.redaction.expect("only a list of names makes a secret");
        let value = Box::<str>::from(&self.text[start..]);
        let pointer = self.pointer();
        let slot = settings.key.slot(&pointer, &value);
        self.text.truncate(start);
        write!(self.text, "{{\"{SLOT}\":\"{slot}\"}}").expect("a string takes every write");
        self.has_slots = true;
        self.hidden_bytes += value.len();
        self.hidden.push(HiddenValue { pointer: pointer.into(), slot, value });
        Ok(())
    }

    /// Judges an object that has a field named like a slot's.
    pub(super) fn check_slot(&mut self, start: usize) -> Result<(), Stopped> {
        let text = &self.text[start..];
        let hex = text.strip_prefix("{\"$redacted\":\"").and_then(|rest| rest.strip_suffix("\"}"));
        let hash = hex.and_then(|hex| hex.parse::<Digest>().ok());
        if hash.is_none() {
            return Err(self.stop(|path| Invalid::ReservedKey { path }));
        }
        if let Slots::Only(known) = &self.slots {
            let pointer = self.pointer();
            if !known.iter().any(|(place, slot)| *place == pointer && Some(*slot) == hash) {
                return Err(self.stop(|path| Invalid::RedactedChanged { path }));
            }
        }
        self.has_slots = true;
        Ok(())
    }
}
