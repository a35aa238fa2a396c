//! What must never reach a reviewer's eyes raw.

/// The controls of direction: what a reader sees is not in the order of the text.
const BIDI: [std::ops::RangeInclusive<char>; 4] =
    ['\u{61C}'..='\u{61C}', '\u{200E}'..='\u{200F}', '\u{202A}'..='\u{202E}', '\u{2066}'..='\u{2069}'];

/// Blanks that are no ASCII space, and what is not seen at all, as far as one can write it down by hand.
const UNSEEN: [std::ops::RangeInclusive<char>; 20] = [
    '\u{A0}'..='\u{A0}',
    '\u{AD}'..='\u{AD}',
    '\u{34F}'..='\u{34F}',
    '\u{115F}'..='\u{1160}',
    '\u{1680}'..='\u{1680}',
    '\u{17B4}'..='\u{17B5}',
    '\u{180B}'..='\u{180F}',
    '\u{2000}'..='\u{200D}',
    '\u{2028}'..='\u{2029}',
    '\u{202F}'..='\u{202F}',
    '\u{205F}'..='\u{206F}',
    '\u{2800}'..='\u{2800}',
    '\u{3000}'..='\u{3000}',
    '\u{3164}'..='\u{3164}',
    '\u{E000}'..='\u{F8FF}',
    '\u{FE00}'..='\u{FE0F}',
    '\u{FEFF}'..='\u{FEFF}',
    '\u{FFA0}'..='\u{FFA0}',
    '\u{FFF9}'..='\u{FFFB}',
    '\u{E0000}'..='\u{10FFFF}',
];

/// Asserts that a text shows all there is to it: no control but the end of a line, no turn of direction, nothing unseen.
#[track_caller]
pub(super) fn assert_plain(id: &str, what: &str, text: &str) {
    let is_in = |ranges: &[std::ops::RangeInclusive<char>], char| ranges.iter().any(|range| range.contains(&char));
    let found = text
        .char_indices()
        .find(|&(_, char)| (char.is_control() && char != '\n') || is_in(&BIDI, char) || is_in(&UNSEEN, char));
    if let Some((at, char)) = found {
        let near: String = text[at..].chars().take(20).collect();
        panic!("{id}: {what} holds U+{:04X} raw, at byte {at}: {near:?}", u32::from(char));
    }
}

#[test]
fn scan_sees_what_is_unseen() {
    let is_plain = |text: &'static str| std::panic::catch_unwind(|| assert_plain("", "", text)).is_ok();
    for unseen in [
        "\u{1b}", "\r", "\t", "\u{7f}", "\u{9b}", "\u{202e}", "\u{61c}", "\u{200b}", "\u{feff}", "\u{3164}", "\u{2028}",
        "\u{a0}",
    ] {
        assert!(!is_plain(unseen), "{unseen:?}");
    }
    assert!(is_plain("plain\nПривет 東京 שלום é"));
}
