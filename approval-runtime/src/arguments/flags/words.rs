//! Words: which of them look like ASCII and are not, and which mix scripts.

use unicode_script::{Script, ScriptExtension};

use super::letters::Letters;
use super::{Flag, Flags};
use crate::arguments::look::{Look, Trait, scripts};

/// The words of one text, as they come.
#[derive(Debug)]
pub(super) struct Words {
    flags: Flags,
    /// The last letters of the word, all of one script.
    run: Letters,
    /// What the word has before them.
    part: Letters,
    /// Whether a word has begun.
    pub(super) in_word: bool,
    /// How long it is, and whether it has a letter: what a host's label needs.
    len: u32,
    has_letter: bool,
    chunk: Chunk,
    text: Text,
}

/// Something that a chunk has: what stands between white space.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Chunk(u16);

impl Chunk {
    /// It is an address, a path or an identifier.
    pub(super) const ADDRESS: Self = Self(1);
    /// It has a sign that joins names.
    pub(super) const JOINED: Self = Self(1 << 1);
    pub(super) const AT_SIGN: Self = Self(1 << 2);
    /// It has a look-alike of punctuation between ASCII characters.
    pub(super) const SIGN: Self = Self(1 << 3);
    /// It has a full-width one.
    pub(super) const WIDE_SIGN: Self = Self(1 << 4);
    /// A dot came last, behind a word.
    const DOT: Self = Self(1 << 5);
    /// It has a word of look-alikes.
    const ALIKE: Self = Self(1 << 6);
    const LATIN: Self = Self(1 << 7);
    const ASCII: Self = Self(1 << 8);

    const fn has(self, all: Self) -> bool {
        self.0 & all.0 == all.0
    }

    const fn add(&mut self, other: Self) {
        self.0 |= other.0;
    }

    const fn remove(&mut self, other: Self) {
        self.0 &= !other.0;
    }
}

/// What the text as a whole may yet excuse, and what excuses it.
#[derive(Debug)]
struct Text {
    /// Scripts with a word that is made of look-alikes.
    alike: ScriptExtension,
    /// Scripts with a word that is not: what the text is written in.
    written: ScriptExtension,
    /// The last of these.
    last_written: Script,
    /// The scripts that have all that is shared in the word.
    shared: ScriptExtension,
    latin: bool,
    symbol: bool,
    wide: Flags,
    /// How many chunks have a Latin word, up to what matters.
    latin_chunks: u8,
}

impl Text {
    /// Learns of a word in this script that looks like nothing in ASCII.
    #[inline]
    fn write(&mut self, script: Script) {
        // `Common` is what it begins with.
        if script != self.last_written && script != Script::Common {
            self.last_written = script;
            self.written = self.written.union(script.into());
        }
    }
}

impl Words {
    pub(super) fn new() -> Self {
        let none = ScriptExtension::from(Script::Unknown);
        let text = Text {
            alike: none,
            written: none,
            last_written: Script::Common,
            shared: Script::Common.into(),
            latin: false,
            symbol: false,
            wide: Flags::NONE,
            latin_chunks: 0,
        };
        Self {
            flags: Flags::NONE,
            run: Letters::NONE,
            part: Letters::NONE,
            in_word: false,
            len: 0,
            has_letter: false,
            chunk: Chunk::default(),
            text,
        }
    }

    /// Takes ASCII letters and digits.
    pub(super) fn ascii(&mut self, letters: &[u8]) {
        let ascii = letters.iter().any(u8::is_ascii_alphabetic);
        let (traits, script) = if ascii { (Trait::LETTER, Script::Latin) } else { (Trait::NONE, Script::Common) };
        let first = Letters::of(Look { traits, script, beside_han: 0 }, letters[0].into());
        self.letters(Letters { len: letters.len() as u32, ascii, ..first });
    }

    /// Takes chunks whose words raise nothing: how many have Latin letters, and the script of others.
    pub(super) fn passage(&mut self, latin: u8, script: Script) {
        self.text.latin_chunks = self.text.latin_chunks.saturating_add(latin);
        self.text.write(script);
    }

    /// Takes a whole word of letters of one script.
    #[inline]
    pub(super) fn whole(&mut self, word: &Letters) {
        self.judge(word);
        self.label(word.len, true);
        if word.script == Script::Han && word.traits.has(Trait::UNLIKE) {
            self.end_chunk();
        }
    }

    /// Takes a letter, digit or mark past ASCII.
    pub(super) fn push(&mut self, char: char, look: Look) {
        self.letters(Letters::of(look, char));
        if look.traits.has(Trait::SHARED) {
            self.text.shared.intersect_with(scripts(char));
        }
    }

    /// Takes letters of one script; more may follow.
    pub(super) fn letters(&mut self, letters: Letters) {
        if !self.in_word {
            self.in_word = true;
            (self.len, self.has_letter) = (0, false);
            self.run = letters;
            return;
        }
        let run = &mut self.run;
        if letters.script == run.script || letters.script == Script::Common || run.script == Script::Common {
            run.join(&letters);
        } else {
            self.end_run();
            self.run = letters;
        }
    }

    fn end_run(&mut self) {
        let run = std::mem::replace(&mut self.run, Letters::NONE);
        self.len += run.len;
        self.has_letter |= run.traits.has(Trait::LETTER);
        if stands_alone(run.script) && run.traits.has(Trait::UNLIKE) {
            self.end_part();
            self.judge(&run);
            if run.script == Script::Han {
                self.end_chunk();
            }
        } else if self.part.len == 0 {
            self.part = run;
        } else {
            self.part.join(&run);
        }
    }

    fn end_part(&mut self) {
        if self.part.len > 0 {
            let part = std::mem::replace(&mut self.part, Letters::NONE);
            self.judge(&part);
        }
    }

    /// Takes a character that is no part of a word.
    #[inline]
    pub(super) fn other(&mut self) {
        self.end_word();
        self.chunk.remove(Chunk::DOT);
        self.len = 0;
    }

    /// Takes a dot: between two words it makes a host's name.
    pub(super) fn dot(&mut self) {
        self.end_word();
        self.chunk.remove(Chunk::DOT);
        self.chunk.add(Chunk::JOINED);
        if self.has_letter && self.len > 1 {
            self.chunk.add(Chunk::DOT);
        }
        self.len = 0;
    }

    /// Says that the chunk has something.
    pub(super) const fn mark(&mut self, has: Chunk) {
        self.chunk.add(has);
    }

    pub(super) const fn chunk_has(&self, all: Chunk) -> bool {
        self.chunk.has(all)
    }

    /// Takes a digit, sign or space that is fine in Japanese and Chinese text, and raises this in other text.
    pub(super) fn wide(&mut self, flag: Flag) {
        self.text.wide.raise(flag);
    }

    #[inline]
    fn end_word(&mut self) {
        if self.in_word {
            self.end_run();
            self.end_part();
            self.in_word = false;
            let (len, has_letter) = (self.len, self.has_letter);
            self.label(len, has_letter);
        }
    }

    /// A word is over; in a host's name it is a label.
    #[inline]
    fn label(&mut self, len: u32, has_letter: bool) {
        if self.chunk.has(Chunk::DOT) && has_letter && len > 1 {
            self.chunk.add(Chunk::ADDRESS);
        }
        (self.len, self.has_letter) = (len, has_letter);
    }

    /// Takes white space, or what stands for it in Japanese and Chinese.
    #[inline]
    pub(super) fn end_chunk(&mut self) {
        let chunk = std::mem::take(&mut self.chunk);
        if chunk.has(Chunk::LATIN) {
            self.text.latin_chunks = self.text.latin_chunks.saturating_add(1);
        }
        let named = chunk.has(Chunk::ADDRESS) || (chunk.has(Chunk::JOINED) && chunk.has(Chunk::ASCII));
        if (chunk.has(Chunk::ALIKE) && named) || (chunk.has(Chunk::SIGN) && chunk.has(Chunk::ADDRESS)) {
            self.flags.raise(Flag::Confusable);
        }
        if chunk.has(Chunk::WIDE_SIGN) && chunk.has(Chunk::ADDRESS) {
            self.wide(Flag::Confusable);
        }
    }

    /// Returns what the words of the text raise.
    pub(super) fn end(mut self) -> Flags {
        self.end_word();
        self.end_chunk();
        let Text { alike, written, latin, symbol, wide, latin_chunks, .. } = self.text;
        let sentence = latin_chunks > 1;
        let alone = alike.iter().any(|script| !written.contains_script(script))
            || (latin && !sentence)
            || (symbol && !sentence && !written.contains_script(Script::Greek));
        if alone {
            self.flags.raise(Flag::Confusable);
        }
        if written.contains_script(Script::Han) { self.flags } else { self.flags.union(wide) }
    }

    fn judge(&mut self, word: &Letters) {
        let Letters { traits, script, .. } = *word;
        let shared = traits.has(Trait::SHARED).then(|| std::mem::replace(&mut self.text.shared, Script::Common.into()));
        if !traits.has(Trait::LETTER) {
            return; // digits are flagged one by one
        }
        if script == Script::Latin {
            self.chunk.add(Chunk::LATIN);
        }
        if word.ascii {
            self.chunk.add(Chunk::ASCII);
        }
        let no_script = script != Script::Han && shared.is_some_and(|shared| !shared.contains_script(script));
        let mixed = word.mixed || word.beside_han.count_ones() > 1 || no_script;
        if mixed {
            self.flags.raise(Flag::MixedScript);
        }
        if traits.has(Trait::UNLIKE) {
            if !mixed {
                self.text.write(script);
            }
        } else if traits.has(Trait::ANY_ALIKE) {
            self.looks_like_ascii(word, mixed);
        }
    }

    fn looks_like_ascii(&mut self, word: &Letters, mixed: bool) {
        let Letters { traits, script, first, len, .. } = *word;
        let number = first.is_ascii_digit() && traits.has(Trait::DIGIT_ALIKE);
        let latin = traits.has(Trait::LATIN_ALIKE);
        if mixed || number {
            self.flags.raise(Flag::Confusable);
            return;
        }
        if !traits.has(Trait::ALIKE) {
            if latin {
                self.text.latin = true;
            } else {
                self.wide(Flag::Confusable);
            }
        } else if matches!(script, Script::Common | Script::Latin) || latin || traits.has(Trait::WIDE_ALIKE) {
            self.flags.raise(Flag::Confusable);
        } else if script == Script::Greek && len == 1 && matches!(first, 'α' | 'γ' | 'ν' | 'ρ' | 'σ') {
            self.text.symbol = true;
        } else {
            self.text.alike = self.text.alike.union(script.into());
        }
        self.chunk.add(Chunk::ALIKE);
    }
}

/// Scripts whose letters follow those of another script without a space.
const fn stands_alone(script: Script) -> bool {
    matches!(
        script,
        Script::Han | Script::Thai | Script::Lao | Script::Khmer | Script::Myanmar | Script::Hebrew | Script::Arabic
    )
}
