//! What can be decoded, and what can be returned, as far as syntax shows it.

use proc_macro2::TokenTree;
use syn::{ReceiverKind, ReturnType, Type};

use super::arguments::Argument;
use super::tool::ToolFn;
use crate::errors::Errors;
use crate::tokens::{find, find_ident, is_ident, is_punct, text};
use crate::types::{bare, erased, is_only_serialize, lifetimes};

impl ToolFn {
    /// Refuses arguments that cannot be decoded from JSON, as far as their syntax shows it.
    pub(super) fn check_types(&self, errors: &mut Errors) {
        for argument in self.arguments.iter().filter(|argument| argument.is_decoded()) {
            let name = &argument.name;
            let either = format!("write `live({name})` (shown, and the caller's value runs) or `skip({name})` (not shown)");
            let owned = &erased(argument.owned());
            if let Type::Reference(reference) = bare(&argument.ty)
                && let Some(lifetime) = reference.lifetime.as_ref().filter(|lifetime| lifetime.ident == "static")
            {
                let what =
                    format!("`{name}` is borrowed for `{lifetime}`, and the value that was approved does not live that long");
                let help = format!("write `{name}: &{}`, or `live({name})`: shown, and the caller's value runs", text(owned));
                errors.add(&argument.ty, what, help);
                continue;
            }
            if find(owned, |_, token| is_punct(token, '&') || is_punct(token, '\'')).is_some()
                || find_ident(owned, "Cow").is_some()
            {
                let what = format!("`{name}` borrows, and the body runs on values that own what was approved");
                errors.add(&argument.ty, what, format!("own it, or {either}"));
            } else if is_only_serialize(argument.owned()) {
                let what = format!("`{name}` can be shown to a reviewer, and not be given back");
                let ty = text(argument.owned());
                let help = format!(
                    "write `{ty} + serde::de::DeserializeOwned`, or `live({name})`: shown, and the caller's value runs"
                );
                errors.add(&argument.ty, what, help);
            } else if let Some(opaque) = find(argument.owned(), |before, token| {
                // Other traits of an `impl` are left to the compiler, which knows them.
                let is_function = ["Fn", "FnMut", "FnOnce"].iter().any(|name| is_ident(token, name));
                let after_impl = before.is_some_and(|before| is_ident(before, "impl"));
                is_ident(token, "dyn") || is_ident(token, "fn") || is_punct(token, '*') || (is_function && after_impl)
            }) {
                let kind = match opaque {
                    TokenTree::Ident(ident) if ident == "dyn" => "a trait object",
                    TokenTree::Ident(_) => "a function",
                    _ => "a pointer",
                };
                let what = format!("`{name}` is {kind}, which cannot be shown to a reviewer and rebuilt after");
                errors.add(&argument.ty, what, format!("write `skip({name})`: not shown, and the caller's value runs"));
            }
        }
    }

    /// Refuses what cannot carry a refusal or borrows from what is decoded, as far as syntax shows it.
    pub(super) fn check_output(&self, errors: &mut Errors) {
        if self.options.on_refusal.keyword().is_none() {
            let name = &self.sig.ident;
            match bare(&self.output) {
                Type::Tuple(tuple) if tuple.elems.is_empty() => {
                    let help = "return `Result<(), approval_runtime::Refusal>`, or name a conversion: `on_refusal = path`";
                    let what = "a reviewer may say no, and a tool that returns nothing cannot say so";
                    match &self.sig.output {
                        ReturnType::Default => errors.add(name, what, help),
                        ReturnType::Type(..) => errors.add(&self.output, what, help),
                    }
                }
                Type::Never(_) => {
                    let help = "return `Result<(), approval_runtime::Refusal>`, or move what never returns out of the tool";
                    errors.add(&self.output, "a reviewer may say no, and a tool that never returns cannot say so", help);
                }
                Type::ImplTrait(_) => {
                    let what = "a reviewer may say no, and an unnamed type cannot say so";
                    errors.add(
                        &self.output,
                        what,
                        "return `Result<impl Trait, E>` where `E: From<Refusal>`, or name a conversion: `on_refusal = path`",
                    );
                }
                _ => {}
            }
        }
        let borrows = |argument: &Argument, lifetime: &str| match lifetime {
            // Elided: the only argument that borrows is the one it comes from.
            "_" => find(&argument.ty, |_, token| is_punct(token, '&') || is_punct(token, '\'')).is_some(),
            lifetime => find(&argument.ty, |before, token| {
                before.is_some_and(|before| is_punct(before, '\'')) && is_ident(token, lifetime)
            })
            .is_some(),
        };
        for lifetime in lifetimes(&self.output) {
            if lifetime == "static" {
                continue;
            }
            let receiver = self.sig.receiver().is_some_and(|receiver| match &receiver.kind {
                ReceiverKind::Reference(_, named, _) => {
                    lifetime == "_" || named.as_ref().is_some_and(|named| named.ident == lifetime)
                }
                ReceiverKind::Typed(_, ty) => lifetime == "_" || lifetimes(ty).contains(&lifetime),
                _ => false,
            });
            let from: Vec<_> = self.arguments.iter().filter(|argument| borrows(argument, &lifetime)).collect();
            if let (false, true, Some(argument)) = (receiver, from.iter().all(|argument| argument.is_decoded()), from.first()) {
                let name = &argument.name;
                let what = format!("the result borrows from `{name}`, and the value that was approved ends with the call");
                errors.add(
                    &self.output,
                    what,
                    format!("write `live({name})` (shown, and the caller's value runs), or return an owned value"),
                );
                break;
            }
        }
    }
}
