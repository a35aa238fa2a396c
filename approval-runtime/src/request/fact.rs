//! [`Fact`]: one argument as a reviewer sees it.

use crate::arguments::{Flag, Flags, display};

/// One argument as a reviewer sees it: in the display form, safe to print after a channel's own escaping.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Fact {
    /// The argument's name.
    pub name: String,
    /// Its whole value.
    pub value: String,
    /// What about the two can mislead who reads them.
    pub flags: Flags,
}

impl Fact {
    pub(super) fn new(name: &str, value: &serde_json::Value) -> Self {
        let flags = Flags::of_text(name).union(Flags::of_value(value));
        Self { name: display::name(name), value: display::value(value), flags }
    }

    /// Says what can mislead, for a line below the argument; nothing where nothing can. That a value is redacted shows by
    /// itself. A mere note [allows rules to approve](Flags::allows_auto_approval).
    #[must_use]
    pub fn warning(&self) -> Option<String> {
        let meanings: Vec<_> = self.flags.iter().filter(|flag| *flag != Flag::Redacted).map(Flag::meaning).collect();
        (!meanings.is_empty()).then(|| meanings.join("; "))
    }
}
