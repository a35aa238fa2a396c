//! One pass over a text.

use unicode_script::Script;

use super::letters::Letters;
use super::plain::{Passage, SHORT};
use super::punctuation::{Punctuation, is_wide};
use super::words::Words;
use super::{Flag, Flags};
use crate::arguments::look::{Look, Looks, Trait, is_pictogram};

/// White space is padding from this many on.
const RUN: u32 = 9;
/// Marks are stacked from this one on.
const STACK: u32 = 3;

/// The flags of one string, which may come in pieces.
#[derive(Debug)]
pub(super) struct Scan {
    flags: Flags,
    looks: Option<Looks>,
    words: Words,
    punctuation: Punctuation,
    /// The two characters before, the nearer one last.
    last: (char, char),
    /// How many characters, where it may be too many.
    len: usize,
    counts: bool,
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
    /// Begins with a string of at most this many bytes.
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            flags: Flags::NONE,
            looks: None,
            words: Words::new(),
            punctuation: Punctuation::new(),
            last: (' ', ' '),
            len: 0,
            counts: bytes > SHORT,
            lines: 0,
            blanks: 0,
            has_text: false,
            marks: 0,
            hidden: None,
        }
    }

    /// Takes more of the text. `ends` says that white space follows, or nothing.
    pub(super) fn feed(&mut self, text: &str, ends: bool) {
        if self.counts {
            self.len += text.chars().count();
        }
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let rest = &bytes[at..];
            let plain = if self.last.1 == ' ' || self.last.1 == '\n' { self.passage(rest, ends) } else { 0 };
            if plain > 0 {
                at += plain;
            } else if byte.is_ascii_alphanumeric() {
                let len = rest.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(rest.len());
                self.ascii(&rest[..len]);
                at += len;
            } else if byte.is_ascii() {
                if byte == b'-' && is_punycode(&bytes[..at]) {
                    self.flags.raise(Flag::Punycode);
                }
                self.sign(byte.into());
                at += 1;
            } else {
                at += self.past_ascii(&text[at..]);
            }
        }
    }

    /// Takes as much as can be seen to raise nothing, behind white space, and says how long it is.
    fn passage(&mut self, rest: &[u8], ends: bool) -> usize {
        let Passage { len, latin, script } = Passage::read(rest, &mut self.looks, ends);
        if len > 0 {
            self.words.passage(latin, script);
            self.seen();
            let space = rest[len - 1] == b' ';
            self.blanks = space.into();
            // White space follows otherwise: which character it was doesn't matter.
            self.last = (' ', if space { ' ' } else { '.' });
        }
        len
    }

    /// Returns what was found.
    pub(super) fn end(mut self) -> Flags {
        self.before(' ');
        if self.len > SHORT {
            self.flags.raise(Flag::TooLong);
        }
        self.flags.union(self.words.end())
    }

    /// Takes ASCII letters and digits.
    fn ascii(&mut self, letters: &[u8]) {
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
                self.words.other();
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
        self.words.other();
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
        if self.punctuation.waits() && next.is_ascii() {
            self.punctuation.next(next, &mut self.words, &mut self.flags);
        }
        if let Some(hidden) = self.hidden
            && !self.is_needed(hidden, next)
        {
            self.flags.raise(Flag::Invisible);
        }
        self.hidden = None;
    }

    /// Takes the characters past ASCII that the text begins with, and says how long they are.
    fn past_ascii(&mut self, text: &str) -> usize {
        let looks = *self.looks.get_or_insert_with(Looks::get);
        let mut chars = text.chars();
        let mut rest = text;
        while let Some(char) = chars.next()
            && !char.is_ascii()
        {
            self.before(char);
            let look = looks.of(char);
            if !look.traits.is_letter_only() {
                self.special(char, look);
                self.last = (self.last.1, char);
            } else {
                // Letters of one script, as most are, one after the other.
                let mut run = Letters::of(look, char);
                let mut last = char;
                let ends = loop {
                    let here = chars.clone();
                    let Some(next) = chars.next() else { break false };
                    let next_look = looks.of(next);
                    if !next_look.continues(look) || next.is_ascii() {
                        chars = here;
                        break !next_look.traits.has(Trait::WORD);
                    }
                    run.push(next_look);
                    last = next;
                };
                self.seen();
                self.punctuation.text();
                if ends && !self.words.in_word {
                    self.words.whole(&run);
                } else {
                    self.words.letters(run);
                }
                self.last = (' ', last);
            }
            rest = chars.as_str();
        }
        text.len() - rest.len()
    }

    fn special(&mut self, char: char, look: Look) {
        let Look { traits, .. } = look;
        if !traits.has(Trait::WORD) {
            self.outside(char, look);
            return;
        }
        if traits.has(Trait::MARK) {
            self.marks += u32::from(traits.has(Trait::STACKED));
            if self.marks >= STACK {
                self.flags.raise(Flag::Combining);
            }
        } else {
            self.seen();
        }
        if traits.has(Trait::RTL) {
            self.flags.raise(Flag::Rtl);
        }
        if traits.has(Trait::DIGIT) {
            if traits.has(Trait::WIDE_ALIKE) {
                self.words.wide(Flag::NonAsciiDigits);
            } else {
                self.flags.raise(Flag::NonAsciiDigits);
            }
        }
        self.punctuation.text();
        self.words.push(char, look);
    }

    fn outside(&mut self, char: char, look: Look) {
        self.words.other();
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
            '\u{3000}' => self.words.wide(Flag::Invisible),
            _ => self.flags.raise(Flag::Invisible),
        }
        if char.is_whitespace() {
            self.white_space(char);
        }
    }

    /// Whether a hidden character is part of how the text is written between the one before it and the next.
    #[cold]
    fn is_needed(&self, hidden: char, next: char) -> bool {
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
            '\u{200C}' => [before, next].map(|char| Looks::get().of(char).script) == [Script::Arabic; 2],
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
