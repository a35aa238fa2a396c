//! What a character looks like to a reader: what the display form escapes, and what flags are raised for.

mod alike;

use std::sync::LazyLock;

use unicode_properties::{GeneralCategory as Category, GeneralCategoryGroup as Group, UnicodeGeneralCategory as _};
use unicode_script::{Script, ScriptExtension, UnicodeScript as _};

use self::alike::Ranges;

/// One thing that is true of a character, or of one of several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Trait(u16);

impl Trait {
    /// Not seen, or seen as an ASCII space without being one.
    pub(super) const HIDDEN: Self = Self(1);
    /// Drawn onto the character before it.
    pub(super) const MARK: Self = Self(1 << 1);
    /// A mark that takes no room of its own, so that many of them pile up.
    pub(super) const STACKED: Self = Self(1 << 2);
    /// Part of a word: a letter, a mark, a digit.
    pub(super) const WORD: Self = Self(1 << 3);
    pub(super) const LETTER: Self = Self(1 << 4);
    pub(super) const DIGIT: Self = Self(1 << 5);
    /// Read from right to left.
    pub(super) const RTL: Self = Self(1 << 6);
    /// A letter or digit that looks like ASCII.
    pub(super) const ALIKE: Self = Self(1 << 7);
    /// The same, of a kind that Latin orthographies are written with: `æ`, `ı`.
    pub(super) const LATIN_ALIKE: Self = Self(1 << 8);
    /// The same, of a kind that Japanese and Chinese texts are typeset with: `Ａ`, `１`, `Ⅱ`.
    pub(super) const WIDE_ALIKE: Self = Self(1 << 9);
    /// A look-alike that passes for a digit in a number.
    pub(super) const DIGIT_ALIKE: Self = Self(1 << 10);
    /// Part of a word that looks like nothing in ASCII.
    pub(super) const UNLIKE: Self = Self(1 << 11);
    /// Punctuation that looks like `.` or `@`.
    pub(super) const DOT_ALIKE: Self = Self(1 << 12);
    /// Punctuation that looks like a quote, a dash or dots.
    pub(super) const QUOTE_ALIKE: Self = Self(1 << 13);
    /// Other punctuation that looks like ASCII.
    pub(super) const SIGN_ALIKE: Self = Self(1 << 14);
    /// Part of a word in any of several scripts, but not in all.
    pub(super) const SHARED: Self = Self(1 << 15);

    pub(super) const ANY_ALIKE: Self = Self::ALIKE.or(Self::LATIN_ALIKE).or(Self::WIDE_ALIKE);
    pub(super) const ANY_PUNCTUATION: Self = Self::DOT_ALIKE.or(Self::QUOTE_ALIKE).or(Self::SIGN_ALIKE);
    pub(super) const NONE: Self = Self(0);

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What letters may differ in that are counted together.
    const COUNTED: Self = Self::WORD.or(Self::UNLIKE).or(Self::ANY_ALIKE).or(Self::DIGIT_ALIKE);

    /// Whether it is a letter that needs no more than to be counted with others of its script.
    pub(super) const fn is_letter_only(self) -> bool {
        self.0 & !Self::COUNTED.0 == Self::LETTER.0
    }

    /// Whether it has one of these.
    pub(super) const fn has(self, any: Self) -> bool {
        self.0 & any.0 != 0
    }

    const fn when(self, condition: bool) -> Self {
        if condition { self } else { Self::NONE }
    }
}

/// What is true of one character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) traits: Trait,
    /// `Common` where it belongs to no script, or to several; `Han` for all that is written together with it.
    pub(super) script: Script,
    /// Which of the scripts beside Han it is of, one bit each: these do not mix with each other.
    pub(super) beside_han: u8,
}

/// The characters that are kept ready: every script in two bytes, those of South Asia, punctuation, symbols and Kana.
const KEPT: u32 = 0x3100;
/// Behind them, those that are full or half as wide as others.
const WIDE: std::ops::Range<u32> = 0xFF00..0xFFF0;

const LEN: usize = (KEPT + WIDE.end - WIDE.start) as usize;

static LOOKS: LazyLock<Box<[Look; LEN]>> = LazyLock::new(|| {
    let chars = (0..KEPT).chain(WIDE).filter_map(char::from_u32);
    let looks: Box<[Look]> = chars.map(Look::find).collect();
    looks.try_into().expect("no surrogate is among them")
});

/// Looks characters up.
#[derive(Clone, Copy)]
pub(super) struct Looks(&'static [Look; LEN]);

impl std::fmt::Debug for Looks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Looks")
    }
}

impl Looks {
    /// The first call fills a table of 50 KiB.
    pub(super) fn get() -> Self {
        Self(&LOOKS)
    }

    #[inline]
    pub(super) fn of(self, char: char) -> Look {
        let code = u32::from(char);
        if code < KEPT { self.0[code as usize] } else { self.beyond(char) }
    }

    /// Looks a character up that is two bytes long.
    #[inline]
    pub(super) fn of_two(self, [lead, next]: [u8; 2]) -> Look {
        self.0[usize::from(lead & 0x1F) << 6 | usize::from(next & 0x3F)]
    }

    #[inline]
    fn beyond(self, char: char) -> Look {
        const SEEN: Trait = Trait::WORD.or(Trait::LETTER).or(Trait::UNLIKE);
        match char {
            '\u{4E40}'..='\u{9FFF}' => Look { traits: SEEN, script: Script::Han, beside_han: 0 },
            '\u{AC00}'..='\u{D7A3}' => Look { traits: SEEN, script: Script::Han, beside_han: HANGUL },
            '\u{FF00}'..'\u{FFF0}' => self.0[(u32::from(char) - WIDE.start + KEPT) as usize],
            // These four look like ASCII.
            '丅' | '丫' | '丶' | '丿' => Look::find(char),
            '\u{3400}'..='\u{4DBF}' | '\u{4E00}'..='\u{4E3F}' => Look { traits: SEEN, script: Script::Han, beside_han: 0 },
            _ => Look::find(char),
        }
    }
}

impl Look {
    /// Whether it is counted with a letter that comes before.
    #[inline]
    pub(super) const fn continues(self, letter: Self) -> bool {
        let script = self.script as u16 ^ letter.script as u16;
        let special = (self.traits.0 ^ letter.traits.0) & !Trait::COUNTED.0;
        script | special == 0
    }

    /// Asks the libraries.
    #[cold]
    fn find(char: char) -> Self {
        let category = char.general_category();
        let group = char.general_category_group();
        let mark = group == Group::Mark;
        let digit = category == Category::DecimalNumber;
        let letter = group == Group::Letter || category == Category::LetterNumber;
        let hidden = (is_hidden(category) && char != ' ') || is_ignorable(char);
        let word = (mark || letter || digit) && !hidden;
        let digit_alike = is_in(alike::DIGITS, char);
        let alike = digit_alike || is_in(alike::LETTERS, char);
        let scripts = scripts(char);
        let script = script_of(scripts);
        let traits = [
            (Trait::HIDDEN, hidden),
            (Trait::MARK, mark),
            (Trait::STACKED, matches!(category, Category::NonspacingMark | Category::EnclosingMark) && !is_nukta(char)),
            (Trait::WORD, word),
            (Trait::LETTER, word && letter),
            (Trait::DIGIT, digit),
            (Trait::RTL, word && letter && is_rtl(char)),
            (Trait::SHARED, word && script.is_none()),
            (Trait::UNLIKE, word && !alike && !char.is_ascii()),
            (Trait::DIGIT_ALIKE, digit_alike),
            (Trait::DOT_ALIKE, is_in(alike::DOTS, char)),
            (Trait::QUOTE_ALIKE, is_in(alike::QUOTES, char)),
            (Trait::SIGN_ALIKE, is_in(alike::SIGNS, char)),
            (kind_of_alike(char), word && alike && !mark),
        ];
        let traits = traits.iter().fold(Trait::NONE, |all, (one, holds)| all.or(one.when(*holds)));
        Self { traits, script: script.unwrap_or(Script::Common), beside_han: beside_han(scripts) }
    }
}

/// Whether it is drawn as a pictogram, so that a variation selector or a joiner changes how it looks.
pub(super) fn is_pictogram(char: char) -> bool {
    let symbol = matches!(char.general_category(), Category::OtherSymbol | Category::MathSymbol);
    (symbol && !char.is_ascii()) || matches!(char, '‼' | '⁉' | '〰' | '〽')
}

/// The scripts that a character is used in.
pub(super) fn scripts(char: char) -> ScriptExtension {
    char.script_extension()
}

/// The script of a character, `None` where it has several.
fn script_of(scripts: ScriptExtension) -> Option<Script> {
    match Script::try_from(scripts) {
        Ok(Script::Inherited | Script::Common) => Some(Script::Common),
        _ if scripts.iter().all(is_eastern) => Some(Script::Han),
        single => single.ok(),
    }
}

/// The scripts of Japanese, Chinese and Korean.
fn is_eastern(script: Script) -> bool {
    matches!(script, Script::Han | Script::Hiragana | Script::Katakana | Script::Hangul | Script::Bopomofo)
}

const KANA: u8 = 1;
const HANGUL: u8 = 2;
const BOPOMOFO: u8 = 4;

fn beside_han(scripts: ScriptExtension) -> u8 {
    match Script::try_from(scripts) {
        Ok(Script::Hiragana | Script::Katakana) => KANA,
        Ok(Script::Hangul) => HANGUL,
        Ok(Script::Bopomofo) => BOPOMOFO,
        _ => 0,
    }
}

fn kind_of_alike(char: char) -> Trait {
    match char {
        'Æ' | 'æ' | 'Œ' | 'œ' | 'þ' | 'ı' | 'Ĳ' | 'ĳ' | 'ŉ' | '\u{2B9}'..='\u{2BE}' => Trait::LATIN_ALIKE,
        '\u{2160}'..='\u{217B}' | '\u{FF01}'..='\u{FF5E}' => Trait::WIDE_ALIKE,
        _ => Trait::ALIKE,
    }
}

fn is_in(ranges: Ranges, char: char) -> bool {
    let char = u32::from(char);
    let behind = ranges.partition_point(|&(first, _)| first <= char);
    behind > 0 && char <= ranges[behind - 1].1
}

pub(super) const fn is_hidden(category: Category) -> bool {
    matches!(
        category,
        Category::Control
            | Category::Format
            | Category::Surrogate
            | Category::PrivateUse
            | Category::Unassigned
            | Category::LineSeparator
            | Category::ParagraphSeparator
            | Category::SpaceSeparator
    )
}

/// The characters of Unicode's `Default_Ignorable_Code_Point` that have a category of visible
/// characters, and the one blank that has neither: U+2800, a Braille pattern without dots.
pub(super) const fn is_ignorable(char: char) -> bool {
    matches!(
        char,
        '\u{34F}'
            | '\u{115F}'..='\u{1160}'
            | '\u{17B4}'..='\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FFA0}'
            | '\u{E0100}'..='\u{E01EF}'
    )
}

/// The dot below or above that makes another letter of an Indian one: it counts as part of its letter.
const fn is_nukta(char: char) -> bool {
    matches!(char, '\u{93C}' | '\u{9BC}' | '\u{A3C}' | '\u{ABC}' | '\u{B3C}' | '\u{C3C}' | '\u{CBC}')
}

/// The blocks that Unicode reserves for scripts that are written from right to left.
const fn is_rtl(char: char) -> bool {
    matches!(
        char,
        '\u{590}'..='\u{8FF}' | '\u{FB1D}'..='\u{FDFF}' | '\u{FE70}'..='\u{FEFE}' | '\u{10800}'..='\u{10FFF}' | '\u{1E800}'..='\u{1EFFF}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_libraries() {
        let looks = Looks::get();
        for char in '\0'..'\u{20000}' {
            assert_eq!(looks.of(char), Look::find(char), "{:X}", u32::from(char));
        }
    }
}
