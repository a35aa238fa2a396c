//! The display form: what a reviewer is shown in place of text that an agent or a model wrote.
//!
//! Text can lie about itself: it can hide characters, turn the direction of reading, clear a
//! terminal, or push its end out of sight. The display form shows every character that could, by
//! its number, and folds long runs of white space. It is injective: two texts that differ are shown
//! differently. Whatever shows it escapes for its own medium afterwards, once.

use std::fmt::Write as _;

use super::look::{Looks, Trait};
use super::slot::slot_of;
use serde_json::Value;

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
    let looks = Looks::get();
    let mut marks = 0;
    // What is not shown yet and stands for itself begins here.
    let mut plain = 0;
    let mut chars = text.chars();
    loop {
        let rest = chars.as_str();
        let ascii = rest.bytes().take_while(|&byte| PLAIN[usize::from(byte)]).count();
        if ascii > 0 {
            marks = 0;
            chars = rest[ascii..].chars();
        }
        // Past ASCII, what is seen and no mark stands for itself too.
        let char = loop {
            match chars.next() {
                Some(char) if !char.is_ascii() && !looks.of(char).traits.has(Trait::HIDDEN.or(Trait::MARK)) => marks = 0,
                char => break char,
            }
        };
        let Some(char) = char else { break };
        let rest = chars.as_str();
        let mut run = 1;
        if matches!(char, ' ' | '\n') {
            let more = rest.bytes().take_while(|&byte| byte == char as u8).count();
            run += more;
            chars = rest[more..].chars();
        }
        let traits = looks.of(char).traits;
        marks = if traits.has(Trait::MARK) { marks + 1 } else { 0 };
        if matches!(char, '"' | '\\') || traits.has(Trait::HIDDEN) || marks >= MARK || run >= RUN {
            let start = text.len() - rest.len() - char.len_utf8();
            shown.push_str(&text[plain..start]);
            push_escape(shown, char, run);
            plain = text.len() - chars.as_str().len();
        }
    }
    shown.push_str(&text[plain..]);
}

/// The bytes that stand for themselves wherever they stand: printable ASCII that escapes nothing and does not fold.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = b'!';
    while byte <= b'~' {
        plain[byte as usize] = !matches!(byte, b'"' | b'\\');
        byte += 1;
    }
    plain
};

fn push_escape(shown: &mut String, char: char, run: usize) {
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

#[cfg(test)]
pub(super) mod tests;
