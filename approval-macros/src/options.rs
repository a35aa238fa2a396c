//! The options in the attribute's parentheses: read, each on its own, and never a stop.

mod path;
mod read;
mod slot;
#[cfg(test)]
mod tests;

use proc_macro2::{Ident, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Expr, ExprPath, LitStr, Path, Token};

pub(crate) use self::path::FieldPath;
pub(crate) use self::read::Effect;
use self::read::{EXAMPLES, OneOption};
pub(crate) use self::slot::Slot;
use crate::errors::Errors;
use crate::length::Length;
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
