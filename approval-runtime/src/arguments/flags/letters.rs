//! Letters that stand together.

use unicode_script::Script;

use crate::arguments::look::{Look, Trait};

/// Letters of a word, or of a part of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Letters {
    pub(super) traits: Trait,
    /// `Common` until a letter has one.
    pub(super) script: Script,
    pub(super) beside_han: u8,
    pub(super) len: u32,
    pub(super) first: char,
    pub(super) ascii: bool,
    /// Whether two scripts are among them that do not go together.
    pub(super) mixed: bool,
}

impl Letters {
    pub(super) const NONE: Self =
        Self { traits: Trait::NONE, script: Script::Common, beside_han: 0, len: 0, first: ' ', ascii: false, mixed: false };

    /// Begins with a letter.
    pub(super) const fn of(look: Look, first: char) -> Self {
        let Look { traits, script, beside_han } = look;
        Self { traits, script, beside_han, len: 1, first, ascii: false, mixed: false }
    }

    /// Takes a letter of the same script.
    #[inline]
    pub(super) const fn push(&mut self, look: Look) {
        self.traits = self.traits.or(look.traits);
        self.beside_han |= look.beside_han;
        self.len += 1;
    }

    /// Puts others behind these.
    pub(super) fn join(&mut self, run: &Self) {
        let unit = match (self.script, run.script) {
            (Script::Greek, Script::Latin) => self.len == 1 && matches!(self.first, 'μ' | 'Δ'),
            (Script::Latin, Script::Greek) => run.len == 1 && matches!(run.first, 'Ω' | '\u{2126}'),
            _ => false,
        };
        if unit {
            self.script = Script::Latin;
        } else if self.script == Script::Common {
            self.script = run.script;
        } else if run.script != Script::Common && run.script != self.script {
            self.mixed |= self.script != Script::Han && run.script != Script::Han;
        }
        self.traits = self.traits.or(run.traits);
        self.beside_han |= run.beside_han;
        self.len += run.len;
        self.ascii |= run.ascii;
        self.mixed |= run.mixed;
    }
}
