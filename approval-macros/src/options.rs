//! The options in the attribute's parentheses: read, each on its own, and never a stop.

#[cfg(test)]
mod tests;

use std::fmt::Display;

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Expr, ExprLit, ExprPath, Lit, LitInt, LitStr, Path, Token, token};

use crate::errors::Errors;
use crate::length::Length;
use crate::tokens::ungrouped;
use crate::words::{listed, nearest};

/// Everything an annotation can say.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) timeout: Slot<Length>,
    pub(crate) max_wait: Slot<Length>,
    pub(crate) reason: Slot<LitStr>,
    pub(crate) auto_approve: Slot<Expr>,
    pub(crate) effect: Slot<Effect>,
    pub(crate) name: Slot<Expr>,
    pub(crate) skip: Slot<Vec<Ident>>,
    pub(crate) live: Slot<Vec<Ident>>,
    pub(crate) redact: Slot<Vec<FieldPath>>,
    pub(crate) flatten: Slot<Vec<Ident>>,
    pub(crate) approvers: Slot<Vec<LitStr>>,
    pub(crate) quorum: Slot<u32>,
    pub(crate) agent: Slot<Expr>,
    pub(crate) call_id: Slot<Expr>,
    pub(crate) cancel: Slot<Expr>,
    pub(crate) gate: Slot<Expr>,
    pub(crate) on_refusal: Slot<ExprPath>,
    pub(crate) krate: Slot<Path>,
    pub(crate) callable: Slot<()>,
    pub(crate) resumable: Slot<()>,
    pub(crate) record: Slot<()>,
}

/// The options by name, each with an example of its form.
const EXAMPLES: [(&str, &str); 21] = [
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

/// An argument, or a place inside it: `card.number`, `pair.0`.
pub(crate) struct FieldPath {
    pub(crate) argument: Ident,
    pub(crate) fields: Vec<String>,
    tokens: TokenStream,
}

impl FieldPath {
    /// Returns the names on the way, the argument's first.
    pub(crate) fn names(&self) -> Vec<String> {
        let argument = self.argument.unraw().to_string();
        std::iter::once(argument).chain(self.fields.iter().cloned()).collect()
    }
}

impl ToTokens for FieldPath {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.tokens.to_tokens(tokens);
    }
}

impl Parse for FieldPath {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let argument = input.call(Ident::parse_any)?;
        let mut tokens = quote!(#argument);
        let mut fields = Vec::new();
        while input.peek(Token![.]) {
            input.parse::<Token![.]>()?.to_tokens(&mut tokens);
            if input.peek(syn::Lit) {
                // `pair.0.1` is one dot and the number `0.1`.
                let number: Lit = input.parse()?;
                fields.extend(number.to_token_stream().to_string().split('.').map(str::to_owned));
                number.to_tokens(&mut tokens);
            } else {
                let field = input.call(Ident::parse_any)?;
                fields.push(field.unraw().to_string());
                field.to_tokens(&mut tokens);
            }
        }
        Ok(Self { argument, fields, tokens })
    }
}

/// The place of one option, which takes one value.
pub(crate) struct Slot<T> {
    keyword: Option<Ident>,
    value: Option<T>,
}

impl<T> Default for Slot<T> {
    fn default() -> Self {
        Self { keyword: None, value: None }
    }
}

impl<T> Slot<T> {
    /// Sets the value (`None` if it could not be read, which somebody has said already), or refuses a second one.
    fn set(&mut self, keyword: Ident, value: Option<T>, errors: &mut Errors) {
        if self.keyword.is_some() {
            errors.add(&keyword, format!("`{keyword}` is given twice"), "keep one of the two");
            return;
        }
        self.keyword = Some(keyword);
        self.value = value;
    }

    /// Returns the value, if one was given and could be read.
    pub(crate) fn get(&self) -> Option<&T> {
        self.value.as_ref()
    }

    /// Returns the option's own name where it was given, readable or not.
    pub(crate) fn keyword(&self) -> Option<&Ident> {
        self.keyword.as_ref()
    }
}

impl<T> Slot<Vec<T>> {
    /// Returns what the list names.
    pub(crate) fn items(&self) -> &[T] {
        self.value.as_deref().unwrap_or_default()
    }
}

impl Options {
    /// Reads what stands between the attribute's parentheses.
    pub(crate) fn parse(args: TokenStream, errors: &mut Errors) -> Self {
        let mut options = Self::default();
        let read = |input: ParseStream<'_>| {
            while !input.is_empty() {
                options.read_one(input, errors);
                // What one option leaves unread is not the next one's fault.
                while !input.is_empty() && !input.peek(Token![,]) {
                    input.parse::<TokenTree>()?;
                }
                input.parse::<Option<Token![,]>>()?;
            }
            Ok(())
        };
        if let Err(error) = read.parse2(args) {
            errors.push(error);
        }
        options
    }

    fn read_one(&mut self, input: ParseStream<'_>, errors: &mut Errors) {
        let Ok(keyword) = input.call(Ident::parse_any) else {
            let token: TokenTree = input.parse().expect("the caller saw that there is a token");
            errors.add(
                token,
                "an option starts with its name",
                format!("options are {}", listed(EXAMPLES.iter().map(|(name, _)| name))),
            );
            return;
        };
        let name = keyword.to_string();
        let option = &mut OneOption { keyword: &keyword, input, errors };
        match name.as_str() {
            "timeout" => {
                let value = option.value().and_then(|value| Length::read(&name, value, 1, option.errors));
                self.timeout.set(keyword, value, errors);
            }
            "max_wait" => {
                let value = option.value().and_then(|value| Length::read(&name, value, 0, option.errors));
                self.max_wait.set(keyword, value, errors);
            }
            "reason" => {
                let value = option.text("`reason` is a format string over the arguments");
                self.reason.set(keyword, value, errors);
            }
            "auto_approve" => {
                let value = option.value();
                self.auto_approve.set(keyword, value, errors);
            }
            "effect" => {
                let value = option.effect();
                self.effect.set(keyword, value, errors);
            }
            "name" => {
                let value = option.value();
                self.name.set(keyword, value, errors);
            }
            "skip" => {
                let value = option.list(Ident::parse_any);
                self.skip.set(keyword, value, errors);
            }
            "live" => {
                let value = option.list(Ident::parse_any);
                self.live.set(keyword, value, errors);
            }
            "redact" => {
                let value = option.list(FieldPath::parse);
                self.redact.set(keyword, value, errors);
            }
            "flatten" => {
                let value = option.list(Ident::parse_any);
                self.flatten.set(keyword, value, errors);
            }
            "approvers" => {
                let value = option.approvers();
                self.approvers.set(keyword, value, errors);
            }
            "quorum" => {
                let value = option.quorum();
                self.quorum.set(keyword, value, errors);
            }
            "agent" => {
                let value = option.value();
                self.agent.set(keyword, value, errors);
            }
            "call_id" => {
                let value = option.value();
                self.call_id.set(keyword, value, errors);
            }
            "cancel" => {
                let value = option.value();
                self.cancel.set(keyword, value, errors);
            }
            "gate" => {
                let value = option.value();
                self.gate.set(keyword, value, errors);
            }
            "on_refusal" => {
                let value = option.path();
                self.on_refusal.set(keyword, value, errors);
            }
            "crate" => {
                let value = option.krate();
                self.krate.set(keyword, value, errors);
            }
            "callable" => {
                let value = option.flag();
                self.callable.set(keyword, value, errors);
            }
            "resumable" => {
                let value = option.flag();
                self.resumable.set(keyword, value, errors);
            }
            "record" => {
                let value = option.flag();
                self.record.set(keyword, value, errors);
            }
            _ => {
                let help = match nearest(&name, EXAMPLES.iter().map(|(name, _)| *name)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("options are {}", listed(EXAMPLES.iter().map(|(name, _)| name))),
                };
                errors.add(&keyword, format!("unknown option `{name}`"), help);
            }
        }
    }
}

/// One option while it is read.
struct OneOption<'a, 'b> {
    keyword: &'a Ident,
    input: ParseStream<'b>,
    errors: &'a mut Errors,
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
    fn value(&mut self) -> Option<Expr> {
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
    fn text(&mut self, otherwise: &str) -> Option<LitStr> {
        match ungrouped(self.value()?) {
            Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
            other => self.wrong(other, otherwise),
        }
    }

    fn path(&mut self) -> Option<ExprPath> {
        match ungrouped(self.value()?) {
            Expr::Path(path) => Some(path),
            other => self.wrong(other, "`on_refusal` is the path of a function from `Refusal` to what the tool returns"),
        }
    }

    fn krate(&mut self) -> Option<Path> {
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

    fn effect(&mut self) -> Option<Effect> {
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

    fn quorum(&mut self) -> Option<u32> {
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

    fn approvers(&mut self) -> Option<Vec<LitStr>> {
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
    fn list<T>(&mut self, item: fn(ParseStream<'_>) -> syn::Result<T>) -> Option<Vec<T>> {
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

    fn flag(&mut self) -> Option<()> {
        let keyword = self.keyword;
        if self.ended() { Some(()) } else { self.wrong(keyword, format!("`{keyword}` takes no value")) }
    }
}
