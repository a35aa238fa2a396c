//! How the caller's arguments become what reviewers read and rules judge.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use super::paths::{Expansion, at};
use crate::tokens;
use crate::tool_fn::{Argument, Part, Rebuilt};
use crate::types::{bare, is_opaque};

impl Expansion<'_> {
    /// Returns the arguments that reviewers see, in the order of their names' bytes, in which JSON has them.
    fn captured(&self) -> Vec<&Argument> {
        let mut shown: Vec<_> = self.tool.arguments.iter().filter(|argument| argument.part != Part::Skipped).collect();
        shown.sort_by_key(|argument| (argument.part == Part::Flattened, &argument.name));
        shown
    }

    /// Returns the statements that turn the caller's arguments into what the reviewer reads, and drop them.
    pub(super) fn capture(&self) -> TokenStream {
        let Self { tool } = self;
        let options = &tool.options;
        let lent = tool.arguments.iter().filter(|argument| argument.is_decoded() && argument.borrowed().is_some());
        let lent = lent.map(|argument| {
            let variable = &argument.variable;
            hygienic!(let #variable = #variable.get();)
        });
        let shown = self.captured().into_iter().map(|argument| {
            let (name, variable) = (&argument.name, &argument.variable);
            let value = match (argument.borrowed(), argument.part) {
                (None, _) => hygienic!(&#variable),
                // It may be a `&mut`.
                (Some(_), Part::Live) => hygienic!(&*#variable),
                (Some(_), _) => variable.to_token_stream(),
            };
            let (function, name) = match (argument.part, argument.rebuilt()) {
                (Part::Live, _) => (self.of_type("Showable", "show", argument.owned()), Some(name)),
                (Part::Flattened, _) => (self.of_type("Reviewable", "flatten", argument.owned()), None),
                (_, Rebuilt::Itself(ty)) => (self.of_type("Reviewable", "show", ty), Some(name)),
                (_, Rebuilt::Elements(ty)) => (self.of_type("Reviewable", "show_slice", ty), Some(name)),
                (_, Rebuilt::From(ty)) => (self.of_type("Reviewable", "show_lent", &ty), Some(name)),
            };
            let name = name.map(|name| hygienic!(, #name));
            hygienic!(#function(#value, call #name);)
        });
        let call_id = options.call_id.get().map(|call_id| {
            let (span, krate) = (at(call_id.span()), self.krate(at(call_id.span())));
            let into_call_id = quote_spanned!(span=> <_ as #krate::IntoCallId>::into_call_id);
            hygienic!(call.call_id(#into_call_id(#call_id));)
        });
        let cancel = tool.cancel().map(|cancel| {
            let [token, clone, cancelled] = ["token", "clone", "cancelled"].map(|name| Ident::new(name, at(cancel.span())));
            let krate = self.krate(Span::mixed_site());
            hygienic! {
                let #token = #cancel.#clone();
                call.cancel(::std::boxed::Box::pin(async move {
                    #[allow(unused_imports)]
                    use #krate::options::Cancelled as _;
                    #token.#cancelled().await;
                }));
            }
        });
        let decide = options.auto_approve.get().map(|rule| {
            let values = tool
                .arguments
                .iter()
                .filter(|argument| argument.is_mentioned(rule))
                .map(|argument| self.value_for_rule(argument));
            let answer = self.of_option("YesOrNo", "answer", rule.span());
            let krate = self.krate(Span::mixed_site());
            let borrows = |argument: &&Argument| {
                !argument.is_decoded() && argument.pattern.is_none() && !matches!(bare(&argument.ty), Type::Reference(_))
            };
            let kept: Vec<_> = tool.arguments.iter().filter(borrows).map(|argument| &argument.variable).collect();
            let rule = tokens::lent(rule.to_token_stream(), &kept);
            hygienic! {
                #[allow(unreachable_code, unused_braces, unused_parens)]
                call.decide(|decoder| {
                    #(#values)*
                    #answer(#krate::options::Rule(#rule))
                });
            }
        });
        // Patterns move what they take apart, so the reason comes last.
        let reason = options.reason.get().zip(tool.reason.as_ref()).map(|(literal, reason)| {
            let format_args = reason.format_args(literal);
            let parts =
                tool.arguments.iter().filter(|argument| argument.bindings.iter().any(|name| reason.mentions(name))).filter_map(
                    |argument| {
                        let pattern = argument.pattern.as_ref()?;
                        let variable = &argument.variable;
                        let value = if argument.is_decoded() { hygienic!(#variable) } else { hygienic!(&#variable) };
                        Some(hygienic!(#[allow(unused_mut, unused_variables)] let #pattern = #value;))
                    },
                );
            hygienic!(#(#parts)* call.reason(::core::format_args!(#format_args));)
        });
        hygienic!(#(#lent)* #(#shown)* #call_id #cancel #decide #reason)
    }

    /// Returns the statement that gives `auto_approve` the argument as it would run.
    fn value_for_rule(&self, argument: &Argument) -> TokenStream {
        let p = self.private();
        let variable = &argument.variable;
        if !argument.is_decoded() {
            // The closure sees the caller's value, and a pattern's names have to be bound again.
            let pattern = argument.pattern.as_ref();
            return pattern
                .map(|pattern| hygienic!(#[allow(unused_mut, unused_variables)] let #pattern = &#variable;))
                .unwrap_or_default();
        }
        let (owned, opaque) = (argument.owned(), is_opaque(&argument.ty));
        let decoded = self.decode("peek", argument);
        let (lent, value) = match argument.borrowed() {
            None if opaque => (None, hygienic!(#p::same(&#variable, #decoded))),
            None => (None, decoded),
            Some(_) if opaque => (Some(hygienic!(#p::same(#variable, #decoded))), hygienic!(&lent)),
            Some(_) => (Some(decoded), hygienic!(::core::borrow::Borrow::<#owned>::borrow(&lent))),
        };
        let lent = lent.map(|lent| hygienic!(let lent = #lent;));
        let pattern = argument.pattern.as_ref().map_or_else(|| variable.to_token_stream(), ToTokens::to_token_stream);
        hygienic! {
            #lent
            #[allow(unused_mut, unused_variables)]
            let #pattern = #value;
        }
    }
}
