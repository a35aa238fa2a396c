//! The display form: what a reviewer is shown in place of text that an agent or a model wrote.
//!
//! Text can lie about itself: it can hide characters, turn the direction of reading, clear a
//! terminal, or push its end out of sight. The display form shows every character that could, by
//! its number, and folds long runs of white space. It is injective: two texts that differ are shown
//! differently. Whatever shows it escapes for its own medium afterwards, once.

use std::fmt::Write as _;

use serde_json::Value;
use unicode_properties::{GeneralCategory as Category, UnicodeGeneralCategory as _};

use super::slot::slot_of;

/// White space is folded from this many on.
const RUN: usize = 9;
/// Combining marks on one base are escaped from this one on.
const MARK: usize = 3;

/// Shows a text: quoted, with everything that could deceive a reader written out.
///
/// `\n`, `\r`, `\t`, `\"` and `\\` are as in most languages, `\u{202E}` is the character of that
/// number, `\s{40}` are 40 spaces and `\N{40}` are 40 newlines.
///
/// # Examples
///
/// ```
/// use approval_runtime::arguments::display;
///
/// assert_eq!(display::text("rm -rf\u{200B} /"), r#""rm -rf\u{200B} /""#);
/// ```
#[must_use]
pub fn text(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() + 2);
    push_text(&mut shown, text);
    shown
}

/// Renders a name or a short sentence that stands inside another one: as it is when the display form changes nothing about
/// it, else in the display form with its quotes.
#[must_use]
pub fn name(name: &str) -> String {
    let shown = text(name);
    if shown.len() == name.len() + 2 { name.to_owned() } else { shown }
}

/// Shows a JSON value: compact, its strings and names in the display form, a redacted value as
/// `[redacted]`.
#[must_use]
pub fn value(value: &Value) -> String {
    let mut shown = String::new();
    push_value(&mut shown, value);
    shown
}

fn push_value(shown: &mut String, value: &Value) {
    match value {
        Value::Null => shown.push_str("null"),
        Value::Bool(value) => shown.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => write!(shown, "{number}").expect("a string takes every write"),
        Value::String(string) => push_text(shown, string),
        Value::Array(elements) => {
            shown.push('[');
            for (index, element) in elements.iter().enumerate() {
                if index > 0 {
                    shown.push(',');
                }
                push_value(shown, element);
            }
            shown.push(']');
        }
        Value::Object(_) if slot_of(value).is_some() => shown.push_str("[redacted]"),
        Value::Object(fields) => {
            shown.push('{');
            for (index, (name, field)) in fields.iter().enumerate() {
                if index > 0 {
                    shown.push(',');
                }
                push_text(shown, name);
                shown.push(':');
                push_value(shown, field);
            }
            shown.push('}');
        }
    }
}

fn push_text(shown: &mut String, text: &str) {
    shown.push('"');
    // One scan settles what most text is: printable ASCII without a long run of spaces.
    if is_plain(text.as_bytes()) {
        shown.push_str(text);
    } else {
        push_escaped(shown, text);
    }
    shown.push('"');
}

fn is_plain(text: &[u8]) -> bool {
    let mut spaces = 0;
    text.iter().all(|&byte| {
        spaces = if byte == b' ' { spaces + 1 } else { 0 };
        matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\' && spaces < RUN
    })
}

fn push_escaped(shown: &mut String, text: &str) {
    let mut marks = 0;
    // What is not shown yet and stands for itself begins here.
    let mut plain = 0;
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        if char.is_ascii_alphanumeric() {
            marks = 0;
            continue;
        }
        let look = Look::of(char);
        marks = if look.mark { marks + 1 } else { 0 };
        let run = match char {
            ' ' | '\n' => text[at..].bytes().take_while(|&byte| byte == char as u8).count(),
            _ => 1,
        };
        for _ in 1..run {
            chars.next();
        }
        let deceives = matches!(char, '"' | '\\') || look.hidden || marks >= MARK || run >= RUN;
        if !deceives {
            continue;
        }
        shown.push_str(&text[plain..at]);
        plain = chars.offset();
        match char {
            ' ' => write!(shown, "\\s{{{run}}}").expect("a string takes every write"),
            '\n' if run >= RUN => write!(shown, "\\N{{{run}}}").expect("a string takes every write"),
            '\n' => shown.extend(std::iter::repeat_n("\\n", run)),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            '"' => shown.push_str("\\\""),
            '\\' => shown.push_str("\\\\"),
            _ => write!(shown, "\\u{{{:X}}}", u32::from(char)).expect("a string takes every write"),
        }
    }
    shown.push_str(&text[plain..]);
}

/// What a character looks like to a reader.
struct Look {
    /// It is not seen, or it looks like an ASCII space and is none.
    hidden: bool,
    /// It is drawn onto the character before it.
    mark: bool,
}

impl Look {
    fn of(char: char) -> Self {
        if is_common(char) {
            return Self { hidden: false, mark: false };
        }
        let category = char.general_category();
        Self { hidden: is_hidden(category) || is_ignorable(char), mark: is_mark(category) }
    }
}

const fn is_hidden(category: Category) -> bool {
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

const fn is_mark(category: Category) -> bool {
    matches!(category, Category::NonspacingMark | Category::SpacingMark | Category::EnclosingMark)
}

/// Printable ASCII and the letters that most other text is made of, which need no look-up.
const fn is_common(char: char) -> bool {
    matches!(
        char,
        ' '..='~'
            | '\u{C0}'..='\u{24F}'
            | '\u{391}'..='\u{3A1}'
            | '\u{3A3}'..='\u{3FF}'
            | '\u{400}'..='\u{481}'
            | '\u{5D0}'..='\u{5EA}'
            | '\u{620}'..='\u{64A}'
            | '\u{3041}'..='\u{3096}'
            | '\u{30A0}'..='\u{30FF}'
            | '\u{4E00}'..='\u{9FFF}'
            | '\u{AC00}'..='\u{D7A3}'
    )
}

/// The characters of Unicode's `Default_Ignorable_Code_Point` that have a category of visible
/// characters, and the one blank that has neither: U+2800, a Braille pattern without dots.
const fn is_ignorable(char: char) -> bool {
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

#[cfg(test)]
mod tests;
