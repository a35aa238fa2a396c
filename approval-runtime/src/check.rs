//! How an edit of a waiting call's arguments is checked before it is saved: each is decoded as the call would, and dropped.

use std::ptr::fn_addr_eq;
use std::sync::Arc;

use crate::arguments::{Decoder, Invalid};
use crate::tool::{Field, Tool};

/// How the arguments of one call decode.
#[derive(Clone, Debug, Default)]
pub(crate) enum Check {
    /// Nobody here knows.
    #[default]
    Unknown,
    /// As for the tool's first call in this process, which is every call of a function without type parameters.
    AsFirst,
    // Thin, as each waiting call has one.
    Own(Arc<Vec<Field>>),
}

impl Check {
    /// Decodes `arguments` in the way of the call, or of any call of `tool` if this one's is not known.
    pub(crate) fn of(&self, tool: &Tool, arguments: &mut Decoder) -> Option<Result<(), Invalid>> {
        let fields = match self {
            Self::Unknown => return tool.check(arguments),
            Self::AsFirst => tool.fields()?,
            Self::Own(fields) => fields.as_slice(),
        };
        Some(fields.iter().try_for_each(|(name, decode)| decode(arguments, name)))
    }

    pub(crate) fn or(self, other: Self) -> Self {
        if matches!(self, Self::Unknown) { other } else { self }
    }
}

/// The fields of one call while it is captured. A call like the tool's first keeps none of its own: many calls wait at once.
pub(crate) struct Fields<'a> {
    tool: &'a Tool,
    /// How many are as in the first call.
    same: usize,
    own: Vec<Field>,
}

impl<'a> Fields<'a> {
    pub(crate) const fn of(tool: &'a Tool) -> Self {
        Self { tool, same: 0, own: Vec::new() }
    }

    fn first(&self) -> &'a [Field] {
        self.tool.fields().unwrap_or_default()
    }

    pub(crate) fn push(&mut self, field: Field) {
        let is_same = |first: &Field| first.0 == field.0 && fn_addr_eq(first.1, field.1);
        if self.own.is_empty() && self.first().get(self.same).is_some_and(is_same) {
            self.same += 1;
        } else {
            self.differ();
            self.own.push(field);
        }
    }

    fn differ(&mut self) {
        if self.own.is_empty() {
            self.own.extend_from_slice(&self.first()[..self.same]);
        }
    }

    pub(crate) fn check(mut self) -> Check {
        if !self.tool.keep_fields(&self.own) && (!self.own.is_empty() || self.same < self.first().len()) {
            self.differ();
            return Check::Own(Arc::new(self.own));
        }
        Check::AsFirst
    }
}
