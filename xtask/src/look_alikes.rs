//! `cargo xtask look-alikes`: the characters that look like ASCII, out of Unicode's data, as ranges in a source file.

use std::fmt::Write;
use std::{fs, io};

use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};
use unicode_security::confusable_detection::skeleton;

use crate::command::root;

const FILE: &str = "approval-runtime/src/arguments/look/alike.rs";

const HEAD: &str = "\
//! The characters that look like ASCII: `cargo xtask look-alikes` writes this file.
//!
//! They are those whose skeleton after Unicode Technical Standard 39 is ASCII: Unicode's `confusables.txt`, as the crate
//! `unicode-security` carries it. Symbols that look like letters, `№` or `㎏`, are left out: they are no part of a word.

/// First and last of each range.
pub(super) type Ranges = &'static [(u32, u32)];
";

/// What a character that looks like ASCII is taken for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// A letter, or a sign that makes part of a word.
    Letter,
    /// The digit 0, 1 or 3, by a letter: it changes an amount.
    Digit,
    /// The dot or the at sign: it makes an address.
    Dot,
    /// A quote, a dash or dots that go on: every typeset text has them.
    Quote,
    /// Other punctuation.
    Sign,
}

const LISTS: [(&str, &str, Taken); 5] = [
    ("LETTERS", "Letters, digits and marks.", Taken::Letter),
    ("DIGITS", "Letters that pass for a 0, a 1 or a 3 in a number.", Taken::Digit),
    ("DOTS", "What passes for `.` or `@`.", Taken::Dot),
    ("QUOTES", "Quotes, dashes and dots that go on, as typeset text has them.", Taken::Quote),
    ("SIGNS", "Other punctuation.", Taken::Sign),
];

fn taken(char: char) -> Option<Taken> {
    let skeleton: String = skeleton(char.encode_utf8(&mut [0; 4])).collect();
    if char.is_ascii() || skeleton.is_empty() || !skeleton.is_ascii() {
        return None;
    }
    match char.general_category_group() {
        GeneralCategoryGroup::Letter if ["O", "o", "l", "3"].contains(&&*skeleton) => Some(Taken::Digit),
        GeneralCategoryGroup::Letter | GeneralCategoryGroup::Mark => Some(Taken::Letter),
        GeneralCategoryGroup::Number => {
            let digit = [GeneralCategory::DecimalNumber, GeneralCategory::LetterNumber].contains(&char.general_category());
            digit.then_some(Taken::Letter)
        }
        GeneralCategoryGroup::Punctuation | GeneralCategoryGroup::Symbol => {
            let all = |of: &str| skeleton.chars().all(|char| of.contains(char));
            match &*skeleton {
                "." | "@" => Some(Taken::Dot),
                _ if all("'-.") => Some(Taken::Quote),
                _ => skeleton.chars().all(|char| char.is_ascii_punctuation()).then_some(Taken::Sign),
            }
        }
        _ => None,
    }
}

fn source() -> String {
    let all: Vec<_> = (char::MIN..=char::MAX).filter_map(|char| Some((u32::from(char), taken(char)?))).collect();
    let mut source = HEAD.to_owned();
    for (name, about, wanted) in LISTS {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for &(char, taken) in &all {
            match ranges.last_mut() {
                _ if taken != wanted => {}
                Some((_, last)) if *last + 1 == char => *last = char,
                _ => ranges.push((char, char)),
            }
        }
        let _ = write!(source, "\n/// {about}\n#[rustfmt::skip]\npub(super) const {name}: Ranges = &[");
        for (index, (first, last)) in ranges.iter().enumerate() {
            source.push_str(if index % 6 == 0 { "\n    " } else { " " });
            let _ = write!(source, "(0x{first:X}, 0x{last:X}),");
        }
        source.push_str("\n];\n");
    }
    source
}

/// Writes the table.
pub(crate) fn write() -> bool {
    let written = fs::write(root().join(FILE), source());
    let _ = written.as_ref().inspect_err(|error: &&io::Error| eprintln!("{FILE}: {error}"));
    written.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn look_alikes_are_those_of_unicode() {
        let file = fs::read_to_string(root().join(FILE)).unwrap();
        assert!(file == source(), "{FILE} is out of date: `cargo xtask look-alikes` writes it anew");
    }
}
