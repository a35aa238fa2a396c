//! Words: which of them look like ASCII and are not, and which mix scripts.

use unicode_script::{Script, ScriptExtension};

use super::{Flag, Flags};
use crate::arguments::look::{Look, Trait, scripts};

/// The words of one text, as they come.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) flags: Flags,
    /// What stands between white space.
    pub(super) chunk: Chunk,
    /// Full-width digits, signs or spaces, which are fine in Japanese and Chinese text only.
    pub(super) wide_digits: bool,
    pub(super) wide_spaces: bool,
    pub(super) wide_signs: bool,
    /// The letters of one script that came last; they belong to the word.
    run: Letters,
    /// What the word has before them.
    part: Letters,
    /// The whole word.
    len: u32,
    has_letter: bool,
    open: Open,
}

/// Look-alikes that running text may yet excuse.
#[derive(Debug)]
struct Open {
    /// Scripts with a word that is made of look-alikes.
    alike: ScriptExtension,
    /// Scripts with a word that is not: what they are written in.
    written: ScriptExtension,
    latin: bool,
    symbol: bool,
    wide: bool,
    /// How many chunks have a Latin word, up to what matters.
    latin_chunks: u8,
}

/// What is known of the text since the last white space.
#[derive(Debug, Default)]
pub(super) struct Chunk {
    /// It is an address, a path or an identifier.
    pub(super) address: bool,
    /// It has a sign that joins names.
    pub(super) joined: bool,
    /// It has an `@`.
    pub(super) at: bool,
    /// It has a look-alike of punctuation between ASCII characters: the plain kind, the full-width kind.
    pub(super) sign: bool,
    pub(super) wide_sign: bool,
    /// A dot came last, behind a word.
    dotted: bool,
    alike: bool,
    latin: bool,
    ascii: bool,
}

/// Letters of a word, or of a part of it.
#[derive(Clone, Debug)]
struct Letters {
    traits: Trait,
    /// `Common` until a letter has one.
    script: Script,
    len: u32,
    first: char,
    ascii: bool,
    mixed: bool,
    /// Kana, Hangul or Bopomofo, which do not mix with each other.
    eastern: u8,
    shared: ScriptExtension,
}

impl Letters {
    fn new() -> Self {
        Self {
            traits: Trait::NONE,
            script: Script::Common,
            len: 0,
            first: ' ',
            ascii: false,
            mixed: false,
            eastern: 0,
            shared: Script::Common.into(),
        }
    }

    /// Puts another run behind these.
    fn join(&mut self, run: &Self) {
        let (greek, latin) = (Script::Greek, Script::Latin);
        let unit = match (self.script, run.script) {
            (one, other) if one == greek && other == latin => self.len == 1 && matches!(self.first, 'μ' | 'Δ'),
            (one, other) if one == latin && other == greek => run.len == 1 && matches!(run.first, 'Ω' | '\u{2126}'),
            _ => false,
        };
        if self.script == Script::Common || unit {
            self.script = if unit { latin } else { run.script };
        } else if run.script != Script::Common && run.script != self.script {
            self.mixed |= !is_eastern(self.script) && !is_eastern(run.script);
        }
        self.traits = self.traits.or(run.traits);
        self.len += run.len;
        self.ascii |= run.ascii;
        self.mixed |= run.mixed;
        self.eastern |= run.eastern;
        self.shared.intersect_with(run.shared);
    }

    fn is_mixed(&self) -> bool {
        let shared = || !is_eastern(self.script) && !self.shared.contains_script(self.script);
        self.mixed || self.eastern.count_ones() > 1 || (self.traits.has(Trait::SHARED) && shared())
    }
}

impl Words {
    pub(super) fn new() -> Self {
        let none = ScriptExtension::from(Script::Unknown);
        let open = Open { alike: none, written: none, latin: false, symbol: false, wide: false, latin_chunks: 0 };
        Self {
            flags: Flags::NONE,
            chunk: Chunk::default(),
            wide_digits: false,
            wide_spaces: false,
            wide_signs: false,
            run: Letters::new(),
            part: Letters::new(),
            len: 0,
            has_letter: false,
            open,
        }
    }

    /// Takes ASCII letters and digits.
    pub(super) fn ascii(&mut self, letters: &[u8]) {
        let has_letter = letters.iter().any(u8::is_ascii_alphabetic);
        if has_letter {
            self.turn(Script::Latin);
            self.run.ascii = true;
            self.run.traits = self.run.traits.or(Trait::LETTER);
        }
        self.count(letters.len() as u32, letters[0].into());
    }

    /// Takes another letter, digit or mark.
    #[inline]
    pub(super) fn push(&mut self, char: char, look: Look) {
        if look.script != self.run.script && look.script != Script::Common {
            self.turn(look.script);
        }
        self.count(1, char);
        self.run.traits = self.run.traits.or(look.traits);
        if look.traits.has(Trait::SHARED) {
            self.run.shared.intersect_with(scripts(char));
        }
    }

    #[inline]
    fn count(&mut self, len: u32, first: char) {
        if self.run.len == 0 {
            self.run.first = first;
        }
        self.run.len += len;
        self.len += len;
    }

    /// A letter of this script comes.
    fn turn(&mut self, script: Script) {
        let run = &mut self.run;
        if run.script != script && run.script != Script::Common && !(is_eastern(run.script) && is_eastern(script)) {
            self.end_run();
        }
        self.run.script = script;
        self.run.eastern |= match script {
            Script::Hiragana | Script::Katakana => 1,
            Script::Hangul => 2,
            Script::Bopomofo => 4,
            _ => 0,
        };
    }

    fn end_run(&mut self) {
        let run = std::mem::replace(&mut self.run, Letters::new());
        self.has_letter |= run.traits.has(Trait::LETTER);
        if run.traits.has(Trait::UNLIKE) && stands_alone(run.script) {
            let part = std::mem::replace(&mut self.part, Letters::new());
            self.judge(&part);
            self.judge(&run);
            if is_eastern(run.script) {
                self.end_chunk();
            }
        } else if self.part.len == 0 {
            self.part = run;
        } else {
            self.part.join(&run);
        }
    }

    /// What comes is no part of the word.
    #[inline]
    pub(super) fn end_word(&mut self) {
        if self.len > 0 {
            self.end_of_word();
        }
        self.chunk.dotted = false;
    }

    fn end_of_word(&mut self) {
        self.end_run();
        if self.part.len > 0 {
            let part = std::mem::replace(&mut self.part, Letters::new());
            self.judge(&part);
        }
        self.chunk.address |= self.chunk.dotted && self.has_letter && self.len > 1;
        self.len = 0;
        self.has_letter = false;
    }

    /// A dot comes: between two words it makes a host's name.
    pub(super) fn dot(&mut self) {
        let name = self.len > 1 && (self.has_letter || self.run.traits.has(Trait::LETTER));
        self.end_word();
        self.chunk.dotted = name;
        self.chunk.joined = true;
    }

    /// White space comes, or what stands for it in Japanese and Chinese.
    pub(super) fn end_chunk(&mut self) {
        let Chunk { address, joined, alike, latin, ascii, sign, wide_sign, .. } = std::mem::take(&mut self.chunk);
        if (alike && (address || (joined && ascii))) || (sign && address) {
            self.flags.raise(Flag::Confusable);
        }
        self.wide_signs |= wide_sign && address;
        self.open.latin_chunks = (self.open.latin_chunks + u8::from(latin)).min(2);
    }

    /// The text is over.
    pub(super) fn end(&mut self) -> Flags {
        self.end_word();
        self.end_chunk();
        let Open { alike, written, latin, symbol, wide, latin_chunks } = &self.open;
        let eastern = written.contains_script(Script::Han);
        let sentence = *latin_chunks > 1;
        let open = alike.iter().any(|script| !written.contains_script(script))
            || (*latin && !sentence)
            || (*symbol && !sentence && !written.contains_script(Script::Greek))
            || ((*wide || self.wide_signs) && !eastern);
        if open {
            self.flags.raise(Flag::Confusable);
        }
        if self.wide_digits && !eastern {
            self.flags.raise(Flag::NonAsciiDigits);
        }
        if self.wide_spaces && !eastern {
            self.flags.raise(Flag::Invisible);
        }
        self.flags
    }

    fn judge(&mut self, word: &Letters) {
        if !word.traits.has(Trait::LETTER) {
            return; // digits are flagged one by one
        }
        self.chunk.latin |= word.script == Script::Latin;
        self.chunk.ascii |= word.ascii;
        let mixed = word.is_mixed();
        if mixed {
            self.flags.raise(Flag::MixedScript);
        }
        if word.traits.has(Trait::UNLIKE) {
            if !mixed && word.script != Script::Common {
                self.open.written = self.open.written.union(family(word.script).into());
            }
        } else if word.traits.has(Trait::ANY_ALIKE) {
            self.looks_like_ascii(word, mixed);
        }
    }

    fn looks_like_ascii(&mut self, word: &Letters, mixed: bool) {
        let Letters { traits, script, .. } = *word;
        let number = word.first.is_ascii_digit() && traits.has(Trait::DIGIT_ALIKE);
        let open = &mut self.open;
        if mixed || number {
            self.flags.raise(Flag::Confusable);
        } else if !traits.has(Trait::ALIKE) {
            let latin = traits.has(Trait::LATIN_ALIKE);
            open.latin |= latin;
            open.wide |= !latin;
            self.chunk.alike = true;
        } else if matches!(script, Script::Common | Script::Latin) || traits.has(Trait::LATIN_ALIKE.or(Trait::WIDE_ALIKE)) {
            self.flags.raise(Flag::Confusable);
        } else if script == Script::Greek && word.len == 1 && matches!(word.first, 'α' | 'γ' | 'ν' | 'ρ' | 'σ') {
            open.symbol = true;
            self.chunk.alike = true;
        } else {
            open.alike = open.alike.union(family(script).into());
            self.chunk.alike = true;
        }
    }
}

/// The scripts of Japanese, Chinese and Korean, which stand beside each other and beside Latin.
const fn is_eastern(script: Script) -> bool {
    matches!(script, Script::Han | Script::Hiragana | Script::Katakana | Script::Hangul | Script::Bopomofo)
}

/// Scripts whose letters follow those of another script without a space.
const fn stands_alone(script: Script) -> bool {
    is_eastern(script)
        || matches!(script, Script::Thai | Script::Lao | Script::Khmer | Script::Myanmar | Script::Hebrew | Script::Arabic)
}

/// The script that stands for those that are written together.
const fn family(script: Script) -> Script {
    if is_eastern(script) { Script::Han } else { script }
}
