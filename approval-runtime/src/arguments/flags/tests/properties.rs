//! What holds for every character and for every text.

use proptest::prelude::*;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory as _};
use unicode_security::confusable_detection::skeleton;
use unicode_security::mixed_script::MixedScript as _;

use super::*;
use crate::arguments::display;
use crate::arguments::display::tests::hostile;
use crate::arguments::flags::scan::Scan;

/// A word that is all there is to a string is judged by the definitions alone.
#[test]
fn every_character_is_judged_by_its_definition() {
    for char in '\0'..=char::MAX {
        let text = char.to_string();
        let mut flags = Flags::of_text(&text);
        let mut expects = |flag: Flag, expected: bool| {
            assert_eq!(flags.contains(flag), expected, "{flag} of {:X}", u32::from(char));
            flags = flags.without(flag.into());
        };
        let escaped = display::text(&text).contains("\\u");
        let control = char.is_control() && !matches!(char, '\n' | '\t');
        let bidi =
            "\u{61C}\u{200E}\u{200F}\u{202A}\u{202B}\u{202C}\u{202D}\u{202E}\u{2066}\u{2067}\u{2068}\u{2069}".contains(char);
        let letter = char.general_category_group() == GeneralCategoryGroup::Letter
            || char.general_category() == GeneralCategory::LetterNumber;
        let digit = char.general_category() == GeneralCategory::DecimalNumber;
        expects(Control, control);
        expects(Bidi, bidi);
        expects(Invisible, escaped && !control && !bidi);
        expects(NonAsciiDigits, digit && !char.is_ascii());
        let like_ascii = || skeleton(&text).all(|char| char.is_ascii());
        expects(Confusable, letter && !escaped && !char.is_ascii() && like_ascii());
        flags = flags.without(Rtl.into());
        assert_eq!(flags, Flags::NONE, "{:X}", u32::from(char));
    }
}

proptest! {
    /// One word of letters whose scripts are written with spaces.
    #[test]
    fn words_are_judged_as_unicode_does(word in "[a-zA-Z0-9àéßæœþıɡΑΒαγδοπАВСДабвгдеорсухіјԁӏԱաօսＡａ１ⅰ𝐚𝟏ᎪᎳ]{1,6}") {
        let flags = flags(&word);
        let letter = word.chars().any(|char| char.general_category() != GeneralCategory::DecimalNumber);
        let alike = letter && !word.is_ascii() && skeleton(&word).all(|char| char.is_ascii());
        prop_assert_eq!(flags.contains(Confusable), alike);
        prop_assert_eq!(flags.contains(MixedScript), !word.is_single_script());
    }

    /// Nothing that the first scan passes over raises a flag.
    #[test]
    fn first_scan_passes_over_nothing(text in "([ ]{1,10}|[\n]{1,10}|xn--|://|[a-z@/:\\-\\\\\"\t\r\x08.]){0,80}") {
        let mut scan = Scan::new(text.len());
        scan.feed(&text, true);
        prop_assert_eq!(scan.end(), flags(&text));
    }

    /// What is passed over in one go raises what its characters raise one by one.
    #[test]
    fn text_is_judged_alike_in_pieces(
        text in "([abz019]{1,3}|[ ]|[\n]|[абворсжя]{1,3}|[æıéü]|[αβγΩμ]|[のノ〇東Ａ１]|[-/@:._=«»–’、：µʻ\u{A0}\u{301}]){0,12}",
        also in hostile(),
    ) {
        let text = text + &also;
        let mut scan = Scan::new(text.len());
        for piece in text.split_inclusive(|char: char| !char.is_ascii_alphanumeric()) {
            let (ascii, other) = piece.split_at(piece.find(|char: char| !char.is_ascii_alphanumeric()).unwrap_or(piece.len()));
            scan.feed(ascii, false);
            scan.feed(other, false);
        }
        let hyphens = Flags::from(Punycode);
        prop_assert_eq!(scan.end().without(hyphens), flags(&text).without(hyphens));
    }

    #[test]
    fn strings_in_arguments_have_their_own_flags(texts in prop::collection::vec(hostile(), 0..4)) {
        let all = texts.iter().map(|text| flags(text)).fold(Flags::NONE, Flags::union);
        let nested = json!([{"list": texts.clone()}, {"deeper": {"list": texts}}]);
        prop_assert_eq!(arguments(&json!({"json": nested.clone()})).flags(), all);
        prop_assert_eq!(Flags::of_value(&nested), all);
    }
}
