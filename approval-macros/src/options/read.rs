//! How one option is read: its form, and what is said where it has another.

use std::fmt::Display;

use proc_macro2::{Group, Ident, Span, TokenTree};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Expr, ExprLit, ExprPath, Lit, LitInt, LitStr, Path, Token, token};

use crate::errors::Errors;
use crate::tokens::ungrouped;
use crate::words::nearest;

/// The options by name, each with an example of its form.
pub(super) const EXAMPLES: [(&str, &str); 21] = [
    ("timeout", "timeout = 120"),
    ("max_wait", "max_wait = \"30s\""),
    ("reason", "reason = \"Refund {amount} to {customer.name}\""),
    ("auto_approve", "auto_approve = amount < 10.0"),
    ("effect", "effect = irreversible"),
    ("name", "name = \"send_email\""),
    ("skip", "skip(ctx)"),
    ("live", "live(conn)"),
    ("redact", "redact(card.number)"),
    ("flatten", "flatten(args)"),
    ("approvers", "approvers(\"finance\")"),
    ("quorum", "quorum = 2"),
    ("agent", "agent = \"billing\""),
    ("call_id", "call_id = ctx.call_id()"),
    ("cancel", "cancel = ctx.ct"),
    ("gate", "gate = self.gate"),
    ("on_refusal", "on_refusal = MyError::from_refusal"),
    ("crate", "crate = my_reexports::approval_runtime"),
    ("callable", "callable"),
    ("resumable", "resumable"),
    ("record", "record"),
];

/// What is at stake, as the attribute says it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Effect {
    Reversible,
    External,
    Irreversible,
}

impl Effect {
    const NAMES: [(&str, Self); 3] =
        [("reversible", Self::Reversible), ("external", Self::External), ("irreversible", Self::Irreversible)];
}

/// One option while it is read.
pub(super) struct OneOption<'a, 'b> {
    pub(super) keyword: &'a Ident,
    pub(super) input: ParseStream<'b>,
    pub(super) errors: &'a mut Errors,
}

impl OneOption<'_, '_> {
    fn example(&self) -> String {
        let example = EXAMPLES.iter().find(|(name, _)| self.keyword == name).map_or("", |(_, example)| example);
        format!("write `{example}`")
    }

    fn wrong<T>(&mut self, tokens: impl ToTokens, what: impl Display) -> Option<T> {
        let help = self.example();
        self.errors.add(tokens, what, help);
        None
    }

    fn ended(&self) -> bool {
        self.input.is_empty() || self.input.peek(Token![,])
    }

    /// Reads `= expression`.
    pub(super) fn value(&mut self) -> Option<Expr> {
        self.assigned(Expr::parse)
    }

    fn assigned<T>(&mut self, parse: impl FnOnce(ParseStream<'_>) -> syn::Result<T>) -> Option<T> {
        let keyword = self.keyword;
        if self.input.parse::<Token![=]>().is_err() || self.ended() {
            return self.wrong(keyword, format!("`{keyword}` takes a value"));
        }
        let start: Span = self.input.span();
        match parse(self.input) {
            Ok(value) if self.ended() => Some(value),
            Ok(_) => {
                let rest: TokenTree = self.input.parse().expect("the option has not ended");
                self.errors.add(rest, format!("the value of `{keyword}` should end here"), "separate options with a comma");
                None
            }
            Err(error) => {
                // At the end of the input the parser has no token to point at.
                let span = if self.input.is_empty() { start } else { error.span() };
                let help = self.example();
                self.errors.add_at(span, format!("the value of `{keyword}` cannot be read: {error}"), help);
                None
            }
        }
    }

    /// Reads `= "text"`.
    pub(super) fn text(&mut self, otherwise: &str) -> Option<LitStr> {
        match ungrouped(self.value()?) {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
            other => self.wrong(other, otherwise),
        }
    }

    pub(super) fn path(&mut self) -> Option<ExprPath> {
        match ungrouped(self.value()?) {
            Expr::Path(path) => Some(path),
            other => self.wrong(other, "`on_refusal` is the path of a function from `Refusal` to what the tool returns"),
        }
    }

    pub(super) fn krate(&mut self) -> Option<Path> {
        let keyword = self.keyword;
        if self.input.peek(Token![=]) && self.input.peek2(LitStr) {
            self.input.parse::<Token![=]>().expect("seen above");
            let text: LitStr = self.input.parse().expect("seen above");
            self.errors.add(&text, "`crate` is a path, not a string", format!("write `crate = {}`", text.value()));
            return None;
        }
        let path = self.assigned(Path::parse_mod_style)?;
        if path.segments.is_empty() { self.wrong(keyword, "`crate` is a path") } else { Some(path) }
    }

    pub(super) fn effect(&mut self) -> Option<Effect> {
        let value = ungrouped(self.value()?);
        let text = crate::tokens::text(&value);
        if let Some((_, effect)) = Effect::NAMES.iter().find(|(name, _)| *name == text) {
            return Some(*effect);
        }
        let help = match nearest(text.trim_matches('"'), Effect::NAMES.iter().map(|(name, _)| *name)) {
            Some(near) => format!("write `effect = {near}`"),
            None => "write `effect = reversible`, `external` or `irreversible`".to_owned(),
        };
        self.errors.add(value, format!("`{text}` is no effect"), help);
        None
    }

    pub(super) fn quorum(&mut self) -> Option<u32> {
        let value = ungrouped(self.value()?);
        let number: Option<u32> = match &value {
            Expr::Lit(ExprLit { lit: Lit::Int(int), .. }) => LitInt::base10_parse(int).ok(),
            _ => None,
        };
        match number {
            Some(0) => self.wrong(value, "`quorum` is 0: at least one reviewer has to approve"),
            Some(number) => Some(number),
            None => self.wrong(value, "`quorum` is a whole number of reviewers"),
        }
    }

    pub(super) fn approvers(&mut self) -> Option<Vec<LitStr>> {
        let names = self.list(<LitStr as Parse>::parse)?;
        for (index, name) in names.iter().enumerate() {
            if name.value().trim().is_empty() {
                self.wrong::<()>(name, "an approver without a name: nobody could approve");
            } else if names[..index].iter().any(|before| before.value() == name.value()) {
                self.errors.add(name, format!("approver `{}` is named twice", name.value()), "keep one of the two");
            }
        }
        Some(names)
    }

    /// Reads `(item, item)`.
    pub(super) fn list<T>(&mut self, item: fn(ParseStream<'_>) -> syn::Result<T>) -> Option<Vec<T>> {
        let keyword = self.keyword;
        if !self.input.peek(token::Paren) {
            return self.wrong(keyword, format!("`{keyword}` takes a list"));
        }
        let list: Group = self.input.parse().expect("seen above");
        let items = |content: ParseStream<'_>| content.parse_terminated(item, Token![,]);
        match items.parse2(list.stream()) {
            Ok(items) if items.is_empty() => self.wrong(keyword, format!("`{keyword}` names nothing")),
            Ok(items) => Some(items.into_iter().collect()),
            Err(error) => {
                let what = match keyword == "approvers" {
                    true => "names people or roles, each in quotes, with commas between them",
                    false => "names arguments, without quotes, with commas between them",
                };
                let help = self.example();
                self.errors.add_at(error.span(), format!("`{keyword}` {what}"), help);
                None
            }
        }
    }

    pub(super) fn flag(&mut self) -> Option<()> {
        let keyword = self.keyword;
        if self.ended() { Some(()) } else { self.wrong(keyword, format!("`{keyword}` takes no value")) }
    }
}
