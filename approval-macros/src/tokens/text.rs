//! How tokens look in source.

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};
use quote::ToTokens;

/// Writes tokens as rustfmt would, on one line.
///
/// Not `stringify!`: its spacing changes between compilers, and the text of a type is part of a tool's fingerprint.
pub(crate) fn text(tokens: impl ToTokens) -> String {
    let mut printer = Printer::default();
    printer.print(tokens.into_token_stream());
    printer.out
}

/// How the last thing printed ended.
#[derive(Clone, Copy, Default, PartialEq)]
enum Last {
    /// Nothing is before it on this side of an opening bracket: what follows stands close, and an operator is a prefix.
    #[default]
    Open,
    /// A value or a name ended: an operator that follows takes two sides.
    Value,
    /// A keyword, a comma or an operator with two sides: a space follows, and an operator is a prefix.
    Apart,
    /// A dot, a path separator or a prefix: what follows stands close, and an operator is a prefix.
    Close,
}

#[derive(Default)]
struct Printer {
    out: String,
    last: Last,
    /// How many `<` of a type or a turbofish are open.
    angles: usize,
    /// Whether the `|` before a closure's parameters is open.
    parameters: bool,
    /// Whether a lifetime came last.
    lifetime: bool,
}

impl Printer {
    fn print(&mut self, tokens: TokenStream) {
        let mut tokens = tokens.into_iter().peekable();
        let mut before_group = None;
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Group(group) => self.group(&group, before_group.take()),
                TokenTree::Ident(ident) => {
                    let ident = ident.to_string();
                    self.word(&ident);
                    if KEYWORDS.contains(&ident.as_str()) {
                        self.last = Last::Apart;
                    }
                    before_group = Some(ident);
                    self.lifetime = false;
                    continue;
                }
                TokenTree::Literal(literal) => self.word(&literal.to_string()),
                TokenTree::Punct(first) if first.as_char() == '\'' => {
                    let name = tokens.next().map_or_else(String::new, |name| name.to_string());
                    self.word(&format!("'{name}"));
                    self.lifetime = true;
                    continue;
                }
                TokenTree::Punct(first) => {
                    let mut operator = String::from(first.as_char());
                    let mut joint = first.spacing() == Spacing::Joint;
                    while joint && operator.len() < 3 {
                        let Some(TokenTree::Punct(next)) = tokens.peek() else { break };
                        operator.push(next.as_char());
                        if !OPERATORS.contains(&operator.as_str()) {
                            operator.pop();
                            break;
                        }
                        joint = next.spacing() == Spacing::Joint;
                        tokens.next();
                    }
                    self.operator(&operator, before_group.take().as_deref());
                }
            }
            before_group = None;
            self.lifetime = false;
        }
    }

    fn word(&mut self, word: &str) {
        if matches!(self.last, Last::Value | Last::Apart) {
            self.out.push(' ');
        }
        self.out.push_str(word);
        self.last = Last::Value;
    }

    fn group(&mut self, group: &Group, before: Option<String>) {
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::Brace => ("{ ", " }"),
            Delimiter::None => return self.print(group.stream()),
        };
        let called = self.last == Last::Value && group.delimiter() != Delimiter::Brace && !self.lifetime;
        let function = before.is_some_and(|word| word == "fn");
        if !called && !function && matches!(self.last, Last::Value | Last::Apart) {
            self.out.push(' ');
        }
        let mut inside = Self::default();
        inside.print(group.stream());
        for part in [open, &inside.out, close] {
            self.out.push_str(if inside.out.is_empty() { part.trim() } else { part });
        }
        self.last = Last::Value;
    }

    fn operator(&mut self, operator: &str, before: Option<&str>) {
        let prefix = self.last != Last::Value;
        match operator {
            "," | ";" => self.tight(operator, Last::Apart),
            ":" => self.tight(operator, Last::Apart),
            "." | ".." | "..=" => self.tight_or_prefix(operator),
            "?" if prefix => self.prefix(operator),
            "?" => self.tight(operator, Last::Value),
            "::" => self.tight_or_prefix(operator),
            // `Vec<u8>`, `Vec::<u8>`, `'a`: types and paths start upper case or follow `::`; a comparison does neither.
            "<" if prefix || before.is_some_and(|name| name.starts_with(char::is_uppercase)) || self.out.ends_with("::") => {
                if self.last == Last::Apart {
                    self.out.push(' ');
                }
                self.out.push('<');
                self.angles += 1;
                self.last = Last::Open;
            }
            ">" if self.angles > 0 => {
                self.out.push('>');
                self.angles -= 1;
                self.last = Last::Value;
            }
            ">>" if self.angles > 1 => {
                self.out.push_str(">>");
                self.angles -= 2;
                self.last = Last::Value;
            }
            "!" if !prefix => self.tight(operator, Last::Value),
            "||" if prefix => {
                self.prefix(operator);
                self.last = Last::Apart;
            }
            "|" if self.parameters => {
                self.parameters = false;
                self.tight(operator, Last::Apart);
            }
            "|" if prefix => {
                self.parameters = true;
                self.prefix(operator);
            }
            "&" | "&&" | "*" | "-" | "!" | "#" if prefix => self.prefix(operator),
            _ => {
                self.word(operator);
                self.last = Last::Apart;
            }
        }
    }

    fn tight(&mut self, operator: &str, last: Last) {
        self.out.push_str(operator);
        self.last = last;
    }

    fn prefix(&mut self, operator: &str) {
        if self.last == Last::Apart {
            self.out.push(' ');
        }
        self.tight(operator, Last::Close);
    }

    fn tight_or_prefix(&mut self, operator: &str) {
        if self.last == Last::Value { self.tight(operator, Last::Close) } else { self.prefix(operator) }
    }
}

/// The operators of more than one character.
const OPERATORS: &[&str] = &[
    "::", "->", "=>", "==", "!=", "<=", ">=", "&&", "||", "..", "..=", "<<", ">>", "+=", "-=", "*=", "/=", "%=", "^=", "|=",
    "&=",
];

/// The keywords after which an operator is a prefix.
const KEYWORDS: &[&str] =
    &["as", "dyn", "else", "for", "if", "impl", "in", "let", "match", "move", "mut", "ref", "return", "unsafe", "while"];

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(source: &str) -> String {
        text(source.parse::<TokenStream>().expect("the sources below lex"))
    }

    #[test]
    fn text_looks_like_source() {
        for source in [
            "is_colleague(&to)",
            "(0.0..10.0).contains(&amount)",
            "amount < 10.0 && currency == \"EUR\"",
            "!to.is_empty() && to.iter().all(|a| a.ends_with(\"@company.com\"))",
            "amount <= -1 || *limit >= 2",
            "matches!(kind, Kind::Draft | Kind::Note { .. })",
            "if urgent { 1 } else { 2 } > limit",
            "ids.len() as u64 >= u64::MAX - 1",
            "parse::<u8>(x) == Some(1)",
            "Vec<Option<Vec<String>>>",
            "&'a [u8]",
            "std::collections::HashMap<String, (u8, [u16; 4])>",
            "<Self as Tool>::Args",
            "impl Fn(u8) -> bool + Send",
            "Box<dyn Error + Send>",
            "r#type",
            "map[&key]",
            "a..=b",
        ] {
            assert_eq!(printed(source), source);
        }
    }

    #[test]
    fn text_ignores_odd_spacing() {
        assert_eq!(printed("Vec < String >"), "Vec<String>");
        assert_eq!(printed("f ( & x , - 1 )"), "f(&x, -1)");
    }
}
