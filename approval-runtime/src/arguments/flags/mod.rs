//! What a text does that a reviewer might not see: [`Flag`] and [`Flags`].

mod letters;
mod plain;
mod punctuation;
mod scan;
mod strings;
mod words;

use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::slot::slot_of;

pub(super) use self::strings::of_canonical;

/// Something about a text that can mislead who reads it, or a program that compares it.
///
/// Flags speak about one string or one name of a field; [`Arguments::flags`](super::Arguments::flags) has those of all of
/// them. A call with any flag but [`Rtl`](Self::Rtl), [`Redacted`](Self::Redacted) and [`TooLong`](Self::TooLong) is never
/// approved by a rule; one with any but [`Rtl`](Self::Rtl) is not for a button in a notification, only for the full view.
///
/// Ordinary mail raises none, in any script. Where a definition would flag it, the variant says what is let through; whatever
/// is not seen is still written out by its number in the [display form](super::display).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flag {
    /// A character that turns the direction of reading: `pay 000,01` may be stored the other way round.
    ///
    /// Raised by Unicode's twelve direction controls. Reject, unless you know why they are there: `\u{202E}` in the display
    /// form is where the turn begins.
    Bidi,
    /// A character that is not seen, or a space that is none: `alice\u{200B}@company.com` is not Alice.
    ///
    /// Raised by format characters, unassigned and private-use ones, separators and spaces other than ASCII's, fillers and
    /// variation selectors. Look for `\u{..}` in the display form, and at what the value means without it.
    ///
    /// Let through where writing needs them:
    ///
    /// - a variation selector behind a pictogram, and a joiner between two: `❤️`;
    /// - the ideographic space, in Japanese and Chinese text;
    /// - a no-break space before `! ? ; : »` and behind `«`, between a number and its unit, behind an abbreviation's dot;
    /// - a non-joiner between Arabic letters, a joiner or non-joiner behind an Indic virama.
    Invisible,
    /// Marks piled up on one letter until they cover its neighbours.
    ///
    /// Raised by the third mark in a row that takes no room of its own; the nukta of an Indic letter is part of the letter. Read
    /// the word without its marks.
    Combining,
    /// A word, or a sign in an address, URL or number, that looks like ASCII and is not: an `а` that is Cyrillic.
    ///
    /// Raised per word (letters, marks and digits that stand together) that has a letter or digit past ASCII, and whose skeleton
    /// after [Unicode Technical Standard 39](https://www.unicode.org/reports/tr39/) is ASCII; digits alone are
    /// [`NonAsciiDigits`](Self::NonAsciiDigits). Raised too by what looks like ASCII punctuation between characters of an address,
    /// URL or number. Compare the value with the real one character by character, or type it anew.
    ///
    /// Every script near Latin has words that are made of look-alikes alone: in Russian `а`, `с`, `Вера`. In running text they
    /// are let through: where another word of the same string is of the same script and has a letter that looks like nothing in
    /// ASCII. So are
    ///
    /// - letters of Latin orthographies, `ı æ œ þ`, and one Greek letter as a symbol, in a string of several words;
    /// - full-width letters and signs, and Roman numerals, in Japanese and Chinese text.
    ///
    /// Not let through, whatever stands around: a word of two scripts; a word in an address, path or identifier (one with `@`,
    /// `_`, `\`, `://` or a host's dot, or joined to ASCII letters by `.`, `/`, `:` or `=`); a word that begins with an ASCII
    /// digit and goes on with what passes for a digit, as in `1О0`. And a word that is all there is to a string: `Вера` alone is
    /// flagged.
    Confusable,
    /// A word of letters of two scripts: `pаypal` with a Cyrillic `а`.
    ///
    /// Raised per word whose letters are not all of one script, after Unicode Technical Standard 39. Treat it as
    /// [`Confusable`](Self::Confusable).
    ///
    /// Han, Kana and Hangul may stand beside letters of any other script. A run of Thai, Lao, Khmer, Burmese, Hebrew or Arabic
    /// letters is a word of its own where one of them looks like nothing in ASCII: these are written without spaces, or with
    /// prefixes. `μ` and `Δ` may stand before Latin letters, `Ω` behind them: `kΩ`.
    MixedScript,
    /// A digit other than 0 to 9, whose value a reader may not know: `٤` is 4, `৪` is 4 and looks like 8.
    ///
    /// Raised by each decimal digit past ASCII, but for full-width ones in Japanese and Chinese text. Read the number with
    /// somebody who knows the script.
    NonAsciiDigits,
    /// A label in Punycode, `xn--`: a browser shows another name than the one that is written.
    ///
    /// Reject, or find out what the name decodes to.
    Punycode,
    /// An `@` before a URL's host: `https://company.com@evil.example` leads to evil.example.
    ///
    /// Raised by an `@` between `://` and what ends the host. The host is what stands behind the last `@`.
    UrlUserinfo,
    /// A control character: it can clear a terminal, overwrite a line, or end a header.
    ///
    /// Raised by C0, DEL and C1 controls other than newline and tab. Reject, unless the tool works on raw bytes.
    Control,
    /// White space that pushes what follows out of sight.
    ///
    /// Raised by nine blanks in a row inside a line, or nine line ends. Indentation at the start of a line raises nothing. Read
    /// what stands behind `\s{..}` and `\N{..}`.
    Padding,
    /// More than 3,000 characters: notifications show a part.
    ///
    /// Open the full view before you approve.
    TooLong,
    /// A secret that is not shown. The tool gets it.
    ///
    /// Make sure that this tool may have it.
    Redacted,
    /// Letters that are read from right to left. A note: Hebrew and Arabic text is no cause for doubt.
    Rtl,
}

impl Flag {
    /// Every flag, in the order in which [`Flags::iter`] gives them.
    pub const ALL: [Self; 13] = [
        Self::Bidi,
        Self::Invisible,
        Self::Combining,
        Self::Confusable,
        Self::MixedScript,
        Self::NonAsciiDigits,
        Self::Punycode,
        Self::UrlUserinfo,
        Self::Control,
        Self::Padding,
        Self::TooLong,
        Self::Redacted,
        Self::Rtl,
    ];

    /// Returns the flag as records and the API spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Bidi => "bidi",
            Self::Invisible => "invisible",
            Self::Combining => "combining",
            Self::Confusable => "confusable",
            Self::MixedScript => "mixed_script",
            Self::NonAsciiDigits => "non_ascii_digits",
            Self::Punycode => "punycode",
            Self::UrlUserinfo => "url_userinfo",
            Self::Control => "control",
            Self::Padding => "padding",
            Self::TooLong => "too_long",
            Self::Redacted => "redacted",
            Self::Rtl => "rtl",
        }
    }

    /// Says in a few words what a reviewer has to know.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Bidi => "holds characters that turn the direction of reading",
            Self::Invisible => "holds characters that are not seen",
            Self::Combining => "marks are piled up on a letter",
            Self::Confusable => "looks like ASCII text but is not",
            Self::MixedScript => "a word mixes letters of two scripts",
            Self::NonAsciiDigits => "holds digits other than 0 to 9",
            Self::Punycode => "names a host in Punycode: browsers show another name",
            Self::UrlUserinfo => "the URL leads to the host behind the @, not to the name before it",
            Self::Control => "holds control characters",
            Self::Padding => "white space pushes what follows out of sight",
            Self::TooLong => "longer than 3,000 characters: read it to the end",
            Self::Redacted => "a secret is hidden here, and the tool gets it",
            Self::Rtl => "holds text that is read from right to left",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl fmt::Display for Flag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Flag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A set of [`Flag`]s. Serializes as the array of their names.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Flags(u16);

impl Flags {
    /// No flag.
    pub const NONE: Self = Self(0);

    /// Those that cost a call nothing but a look at all of it.
    const HARMLESS: Self = Self::of(Flag::Rtl).union(Self::of(Flag::Redacted)).union(Self::of(Flag::TooLong));

    const fn of(flag: Flag) -> Self {
        Self(flag.bit())
    }

    /// Returns what about a text can mislead who reads it.
    ///
    /// # Examples
    ///
    /// ```
    /// use approval_runtime::{Flag, Flags};
    ///
    /// assert!(Flags::of_text("rm -rf\u{200B} /").contains(Flag::Invisible));
    /// ```
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        strings::of_text(text)
    }

    /// Returns the flags of every string and name in a JSON value.
    pub(crate) fn of_value(value: &Value) -> Self {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => Self::NONE,
            Value::String(text) => Self::of_text(text),
            Value::Array(elements) => elements.iter().map(Self::of_value).fold(Self::NONE, Self::union),
            Value::Object(_) if slot_of(value).is_some() => Flag::Redacted.into(),
            Value::Object(fields) => {
                let of_field = |(name, value): (&String, &Value)| Self::of_text(name).union(Self::of_value(value));
                fields.iter().map(of_field).fold(Self::NONE, Self::union)
            }
        }
    }

    /// Says whether a flag is among them.
    #[must_use]
    pub const fn contains(self, flag: Flag) -> bool {
        self.0 & flag.bit() != 0
    }

    /// Says whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the flags of both.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns those that are not among the others.
    #[must_use]
    pub const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    /// Gives the flags in the order of [`Flag::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Flag> {
        Flag::ALL.into_iter().filter(move |flag| self.contains(*flag))
    }

    /// Says whether a rule may approve a call with these: there is none but `rtl`, `redacted` and `too_long`.
    #[must_use]
    pub const fn allows_auto_approval(self) -> bool {
        self.without(Self::HARMLESS).is_empty()
    }

    /// Says whether a notification may offer to approve a call with these: there is none but `rtl`.
    #[must_use]
    pub const fn allows_one_click(self) -> bool {
        self.without(Self::of(Flag::Rtl)).is_empty()
    }

    fn raise(&mut self, flag: Flag) {
        *self = self.union(Self::of(flag));
    }
}

impl From<Flag> for Flags {
    fn from(flag: Flag) -> Self {
        Self::of(flag)
    }
}

impl FromIterator<Flag> for Flags {
    fn from_iter<I: IntoIterator<Item = Flag>>(flags: I) -> Self {
        flags.into_iter().fold(Self::NONE, |all, flag| all.union(flag.into()))
    }
}

impl fmt::Display for Flags {
    /// Writes `confusable, url_userinfo`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, flag) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(flag.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for Flags {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(test)]
mod tests;
