//! URLs, and what looks like ASCII punctuation inside addresses, URLs and numbers.

use super::words::{Chunk, Words};
use super::{Flag, Flags};
use crate::arguments::look::Trait;

/// How far a URL has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Url {
    /// There is none.
    Outside,
    /// Its slashes.
    Start,
    /// What names the host, and perhaps a user before it.
    Authority,
    /// What follows the host.
    Path,
}

/// A look-alike of punctuation whose next character is not known yet.
#[derive(Clone, Copy, Debug)]
struct Joint {
    char: char,
    traits: Trait,
    /// The ASCII character before it.
    before: char,
    in_url: bool,
}

#[derive(Debug)]
pub(super) struct Punctuation {
    url: Url,
    joint: Option<Joint>,
}

impl Punctuation {
    pub(super) const fn new() -> Self {
        Self { url: Url::Outside, joint: None }
    }

    /// Takes a letter or digit, or a sign that looks like none of ASCII's.
    #[inline]
    pub(super) fn text(&mut self) {
        self.joint = None;
        if self.url == Url::Start {
            self.url = Url::Authority;
        }
    }

    /// Takes white space, or a control character.
    pub(super) fn white_space(&mut self) {
        self.joint = None;
        self.url = Url::Outside;
    }

    /// Takes a sign of ASCII's, behind these two characters.
    pub(super) fn ascii(&mut self, sign: char, (before, last): (char, char), words: &mut Words, flags: &mut Flags) {
        if sign == '.' {
            words.dot();
        } else {
            words.other();
        }
        match sign {
            '/' | '\\' => {
                words.mark(if sign == '\\' { Chunk::ADDRESS } else { Chunk::JOINED });
                match self.url {
                    Url::Outside if matches!(last, '/' | '\\') && before == ':' => {
                        self.url = Url::Start;
                        words.mark(Chunk::ADDRESS);
                    }
                    Url::Authority => self.url = Url::Path,
                    Url::Outside | Url::Start | Url::Path => {}
                }
            }
            '@' => {
                if matches!(self.url, Url::Start | Url::Authority) {
                    flags.raise(Flag::UrlUserinfo);
                }
                words.mark(Chunk::ADDRESS);
                words.mark(Chunk::AT_SIGN);
            }
            '?' | '#' if self.url != Url::Outside => self.url = Url::Path,
            '"' | '<' | '>' => self.url = Url::Outside,
            '_' => words.mark(Chunk::ADDRESS),
            ':' | '=' => words.mark(Chunk::JOINED),
            _ => self.text(),
        }
    }

    /// Takes what looks like punctuation of ASCII's, behind this character.
    pub(super) fn look_alike(&mut self, char: char, traits: Trait, last: char) {
        let joins = |char: char| {
            char.is_ascii_alphanumeric() || matches!(char, '/' | ':' | '@' | '.' | '_' | '-' | '%' | '=' | '&' | '+' | '~')
        };
        // Several in a row stand as one.
        let before = self.joint.map_or(last, |joint| joint.before);
        let joint = Joint { char, traits, before, in_url: self.url != Url::Outside };
        self.text();
        self.joint = joins(before).then_some(joint);
    }

    /// Whether the next ASCII character matters to what came before.
    #[inline]
    pub(super) const fn waits(&self) -> bool {
        self.joint.is_some()
    }

    /// Takes the ASCII character behind a look-alike.
    pub(super) fn next(&mut self, next: char, words: &mut Words, flags: &mut Flags) {
        let Some(Joint { char, traits, before, in_url }) = self.joint.take() else { return };
        // A full stop or a comma, say, ends the sentence that a closing quote stands in.
        if !next.is_ascii_alphanumeric() && !matches!(next, '/' | '@' | '_' | '%' | '~' | '#' | '?' | '&' | '=') {
            return;
        }
        let number = before.is_ascii_digit() && next.is_ascii_digit();
        let wide = is_wide(char);
        if in_url {
            flags.raise(Flag::Confusable);
        } else if traits.has(Trait::QUOTE_ALIKE) {
            // `bob@example.com’s` is an address and its genitive.
            if !(words.chunk_has(Chunk::AT_SIGN) && matches!(char, '’' | '´')) {
                words.mark(Chunk::SIGN);
            }
        } else if wide && (number || (before.is_ascii_digit() || next.is_ascii_digit()) && traits.has(Trait::DOT_ALIKE)) {
            words.wide(Flag::Confusable);
        } else if number || traits.has(Trait::DOT_ALIKE) {
            flags.raise(Flag::Confusable);
        } else if wide {
            words.mark(Chunk::WIDE_SIGN);
        } else {
            words.mark(Chunk::SIGN);
        }
    }
}

/// Whether a sign belongs to Japanese and Chinese typesetting.
pub(super) const fn is_wide(sign: char) -> bool {
    matches!(sign, '\u{3000}'..='\u{303F}' | '\u{30FB}' | '\u{FF01}'..='\u{FF65}')
}
