//! Expressions in options: what is decided at each call, and what is fixed when the program is built.

use proc_macro2::TokenTree;
use quote::ToTokens;
use syn::ext::IdentExt;

use super::tool::ToolFn;
use crate::errors::Errors;
use crate::length::Length;
use crate::tokens::{find, find_ident, is_ident, is_punct, text};

impl ToolFn {
    pub(super) fn check_auto_approve(&self, errors: &mut Errors) {
        let Some(rule) = self.options.auto_approve.get() else { return };
        let has_loop = ["for", "loop", "while"].iter().any(|keyword| find_ident(rule, keyword).is_some());
        let leaves = find(rule, |before, token| {
            is_punct(token, '?')
                || is_ident(token, "return")
                || (!has_loop && (is_ident(token, "break") || is_ident(token, "continue")))
                || (is_ident(token, "await") && before.is_some_and(|before| is_punct(before, '.')))
        });
        let Some(token) = leaves else { return };
        let (what, help) = match &token {
            TokenTree::Ident(ident) if ident == "await" => (
                "`auto_approve` is decided at once: it cannot wait",
                "decide by what the arguments say, as in `auto_approve = amount < 10.0`",
            ),
            TokenTree::Punct(_) => (
                "`auto_approve` is an expression of its own: it cannot leave the function",
                "write `.is_some_and(|value| ..)` or `.is_ok_and(|value| ..)` in place of `?`",
            ),
            _ => (
                "`auto_approve` is an expression of its own: it cannot leave the function",
                "write a `bool`, with `if` and `else` where it has cases",
            ),
        };
        errors.add(token, what, help);
    }

    /// Refuses `Self` and generics in what is written down once for all calls.
    pub(super) fn check_constants(&self, errors: &mut Errors) {
        let constant = |length: Option<&Length>| match length {
            Some(Length::Constant(expr)) => Some(expr.to_token_stream()),
            _ => None,
        };
        let values = [
            ("name", Some(self.name.clone())),
            ("timeout", constant(self.options.timeout.get())),
            ("max_wait", constant(self.options.max_wait.get())),
        ];
        for (keyword, value) in values {
            let Some(value) = value else { continue };
            let generic = |token: &TokenTree| {
                is_ident(token, "Self")
                    || self
                        .sig
                        .generics
                        .type_params()
                        .any(|param| matches!(token, TokenTree::Ident(ident) if *ident == param.ident))
            };
            let names = self.arguments.iter().flat_map(|argument| &argument.bindings);
            let names: Vec<_> = names.map(|name| name.unraw().to_string()).collect();
            let is_argument = |token: &TokenTree| names.iter().any(|name| is_ident(token, name));
            if let Some(token) = find(&value, |_, token| is_argument(token)) {
                let what = format!("`{keyword}` is fixed when the program is built, and `{token}` is known when it is called");
                let help = match keyword {
                    "name" => "name a constant, as in `name = NAME`",
                    _ => "write a number of seconds, a text like `\"2m\"`, or the name of a `Duration` constant",
                };
                errors.add(token, what, help);
                continue;
            }
            if let Some(token) = find(&value, |_, token| generic(token)) {
                let what = format!("`{keyword}` is fixed when the program is built, and `{token}` is not known there");
                let help = format!("name the type, as in `{}`", text(&value).replace(&token.to_string(), "Mailer"));
                errors.add(token, what, help);
            }
        }
    }
}
