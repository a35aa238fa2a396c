//! One pass over a text.

use unicode_script::Script;

use super::punctuation::{Punctuation, is_wide};
use super::words::Words;
use super::{Flag, Flags};
use crate::arguments::look::{Look, Looks, Trait, is_pictogram};

/// White space is padding from this many on.
const RUN: u32 = 9;
/// Marks are stacked from this one on.
const STACK: u32 = 3;
/// What one block of a notification holds.
pub(super) const SHORT: usize = 3000;

/// The flags of one string, which may come in pieces.
#[derive(Debug)]
pub(super) struct Scan {
    flags: Flags,
    looks: Option<Looks>,
    words: Words,
    punctuation: Punctuation,
    /// The two characters before, the nearer one last.
    last: (char, char),
    len: usize,
    /// Line ends since the last character that is seen.
    lines: u32,
    /// Blanks since then, in this line.
    blanks: u32,
    /// Whether this line has a character that is seen.
    has_text: bool,
    marks: u32,
    /// What is hidden and may be excused by the next character.
    hidden: Option<char>,
}

impl Scan {
    pub(super) fn new() -> Self {
        Self {
            flags: Flags::NONE,
            looks: None,
            words: Words::new(),
            punctuation: Punctuation::new(),
            last: (' ', ' '),
            len: 0,
            lines: 0,
            blanks: 0,
            has_text: false,
            marks: 0,
            hidden: None,
        }
    }

    /// Takes more of the text.
    pub(super) fn feed(&mut self, text: &str) {
        self.len += text.chars().count();
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            if byte.is_ascii_alphanumeric() {
                let len = bytes[at..].iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
                self.letters(&bytes[at..at + len]);
                at += len;
            } else if byte.is_ascii() {
                if byte == b'-' && is_punycode(&bytes[..at]) {
                    self.flags.raise(Flag::Punycode);
                }
                self.sign(byte.into());
                at += 1;
            } else if let Some(char) = text[at..].chars().next() {
                self.other(char);
                at += char.len_utf8();
            }
        }
    }

    /// Returns what was found.
    pub(super) fn end(mut self) -> Flags {
        self.before(' ');
        if self.len > SHORT {
            self.flags.raise(Flag::TooLong);
        }
        self.flags.union(self.words.end())
    }

    fn letters(&mut self, letters: &[u8]) {
        self.before(letters[0].into());
        self.seen();
        self.punctuation.text();
        self.words.ascii(letters);
        self.last = match *letters {
            [.., before, last] => (before.into(), last.into()),
            _ => (self.last.1, letters[0].into()),
        };
    }

    /// Takes an ASCII character that is no letter and no digit.
    fn sign(&mut self, char: char) {
        self.before(char);
        match char {
            ' ' | '\t' | '\n' => self.white_space(char),
            '\0'..' ' | '\x7F' => {
                self.flags.raise(Flag::Control);
                self.words.end_word();
                // It may end a line or a word on some terminal.
                self.words.end_chunk();
                self.punctuation.white_space();
            }
            _ => {
                self.seen();
                self.punctuation.ascii(char, self.last, &mut self.words, &mut self.flags);
            }
        }
        self.last = (self.last.1, char);
    }

    fn white_space(&mut self, char: char) {
        self.marks = 0;
        self.words.end_word();
        self.words.end_chunk();
        self.punctuation.white_space();
        if char == '\n' {
            self.lines += 1;
            self.blanks = 0;
            self.has_text = false;
        } else if self.has_text {
            self.blanks += 1;
        }
        if self.lines >= RUN || self.blanks >= RUN {
            self.flags.raise(Flag::Padding);
        }
    }

    #[inline]
    fn seen(&mut self) {
        self.lines = 0;
        self.blanks = 0;
        self.has_text = true;
        self.marks = 0;
    }

    /// Settles what the next character had to say about the one before it.
    #[inline]
    fn before(&mut self, next: char) {
        self.punctuation.next(next, &mut self.words, &mut self.flags);
        if let Some(hidden) = self.hidden.take()
            && !self.is_needed(hidden, next)
        {
            self.flags.raise(Flag::Invisible);
        }
    }

    /// Takes a character past ASCII.
    #[inline]
    fn other(&mut self, char: char) {
        self.before(char);
        let look = self.look(char);
        if look.traits.has(Trait::WORD) {
            self.letter(char, look);
        } else {
            self.outside(char, look);
        }
        self.last = (self.last.1, char);
    }

    #[inline]
    fn look(&mut self, char: char) -> Look {
        self.looks.get_or_insert_with(Looks::get).of(char)
    }

    #[inline]
    fn letter(&mut self, char: char, look: Look) {
        let Look { traits, .. } = look;
        if traits.has(Trait::MARK) {
            self.marks += u32::from(traits.has(Trait::STACKED));
            if self.marks >= STACK {
                self.flags.raise(Flag::Combining);
            }
        } else {
            self.seen();
        }
        if traits.has(Trait::RTL.or(Trait::DIGIT)) {
            if traits.has(Trait::RTL) {
                self.flags.raise(Flag::Rtl);
            } else if traits.has(Trait::WIDE_ALIKE) {
                self.words.wide_digits = true;
            } else {
                self.flags.raise(Flag::NonAsciiDigits);
            }
        }
        self.punctuation.text();
        self.words.push(char, look);
    }

    fn outside(&mut self, char: char, look: Look) {
        self.words.end_word();
        if look.traits.has(Trait::HIDDEN) {
            self.punctuation.text();
            self.hide(char);
            return;
        }
        self.seen();
        if look.traits.has(Trait::ANY_PUNCTUATION) {
            self.punctuation.look_alike(char, look.traits, self.last.1);
        } else {
            self.punctuation.text();
        }
        if is_wide(char) {
            self.words.end_chunk();
        }
    }

    fn hide(&mut self, char: char) {
        match char {
            '\u{80}'..='\u{9F}' => self.flags.raise(Flag::Control),
            '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' => {
                self.flags.raise(Flag::Bidi);
            }
            // These may be needed where they stand.
            '\u{A0}' | '\u{202F}' | '\u{200C}' | '\u{200D}' | '\u{FE0E}' | '\u{FE0F}' => self.hidden = Some(char),
            '\u{3000}' => self.words.wide_spaces = true,
            _ => self.flags.raise(Flag::Invisible),
        }
        if char.is_whitespace() {
            self.white_space(char);
        }
    }

    /// Whether a hidden character is part of how the text is written between the one before it and the next.
    #[cold]
    fn is_needed(&mut self, hidden: char, next: char) -> bool {
        // The hidden character came last itself.
        let before = self.last.0;
        match hidden {
            '\u{A0}' | '\u{202F}' => {
                let unit = |char: char| char.is_alphabetic() || matches!(char, '€' | '$' | '£' | '%' | '°');
                before == '«'
                    || matches!(next, '!' | '?' | ';' | ':' | '»')
                    || (before.is_ascii_digit() && unit(next))
                    || (before == '.' && next.is_alphabetic())
            }
            '\u{200C}' | '\u{200D}' if is_virama(before) => true,
            '\u{200C}' => [before, next].map(|char| self.look(char).script) == [Script::Arabic; 2],
            '\u{200D}' => {
                let shown = matches!(before, '\u{FE0F}' | '\u{1F3FB}'..='\u{1F3FF}') || is_pictogram(before);
                shown && is_pictogram(next)
            }
            '\u{FE0E}' | '\u{FE0F}' => is_pictogram(before) || (matches!(before, '0'..='9' | '#' | '*') && next == '\u{20E3}'),
            _ => false,
        }
    }
}

/// The sign that joins an Indic consonant to the next; what follows it says how.
const fn is_virama(char: char) -> bool {
    matches!(
        char,
        '\u{94D}' | '\u{9CD}' | '\u{A4D}' | '\u{ACD}' | '\u{B4D}' | '\u{BCD}' | '\u{C4D}' | '\u{CCD}' | '\u{D4D}' | '\u{DCA}'
    )
}

/// Whether the hyphen behind this text ends `xn--` at the start of a label.
fn is_punycode(before: &[u8]) -> bool {
    let Some((rest, prefix)) = before.split_last_chunk::<3>() else { return false };
    let in_label = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-' || !byte.is_ascii();
    prefix.eq_ignore_ascii_case(b"xn-") && !rest.last().is_some_and(in_label)
}
