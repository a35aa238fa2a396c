//! What takes the annotated function's place: the same function, held back until somebody says yes.
//!
//! Variables are hygienic (`mixed_site`), paths start at a crate, and a bound on one of the user's types is written at that
//! type, where its error belongs.

#[cfg(test)]
mod tests;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, Type};

use crate::length::Length;
use crate::tokens::{self, text};
use crate::tool_fn::{Argument, Part, Rebuilt, ToolFn};
use crate::types::{Shape, bare, erased, is_opaque};

/// Writes `quote!` with hygienic variables.
macro_rules! hygienic {
    ($($tokens:tt)*) => { quote_spanned!(Span::mixed_site()=> $($tokens)*) };
}

/// Returns the function that asks first.
pub(crate) fn gate(tool: &ToolFn) -> TokenStream {
    let ToolFn { attrs, vis, sig, inner_attrs, .. } = tool;
    let body = Expansion { tool }.body();
    let body = match tool.shape {
        Shape::Async => body,
        Shape::Future => hygienic!(async move { #body }),
        Shape::Boxed => hygienic!(::std::boxed::Box::pin(async move { #body })),
    };
    // A model's call names the function, which in an `impl` would be another one, or none: no such item may stand there.
    let free = tool.options.callable.keyword().map(|keyword| quote_spanned!(at(keyword.span())=> const _: () = ();));
    quote! {
        #(#attrs)*
        #vis #sig {
            #inner_attrs
            #body
        }
        #free
    }
}

struct Expansion<'a> {
    tool: &'a ToolFn,
}

impl Expansion<'_> {
    fn body(&self) -> TokenStream {
        let decoded = self.decoded();
        let variables: Vec<_> = decoded.iter().map(|argument| &argument.variable).collect();
        let originals = decoded.iter().map(|argument| self.original(argument));
        let takes = decoded.iter().map(|argument| self.lend(argument, self.decode("take", argument)));
        // The other arguments are bound once more, in the body.
        let here = decoded.iter().filter(|argument| argument.pattern.is_none() && argument.borrowed().is_none());
        let lints = here.flat_map(|argument| &argument.lints);
        let (route, capture) = (self.route(), self.capture());
        let (call, decoder) = (used("call", !capture.is_empty()), used("decoder", !decoded.is_empty()));
        let (refused, is_failure) = self.refusals();
        // At the type, so that a body of another type is told where that comes from.
        let returned = quote_spanned!(at(self.tool.output.span())=> return output;);
        let (bindings, statements) = (self.bindings(), &self.tool.statements);
        let mut body = Group::new(
            Delimiter::Brace,
            hygienic! {
                // Says what `return`, `?` and the last expression have to be.
                if let ::core::option::Option::Some(output) = returns.none() {
                    #returned
                }
                #bindings
                #statements
            },
        );
        // A body that is half typed is told once, by the compiler, where it ends.
        body.set_span(self.tool.end);
        hygienic! {
            #route
                .with((#(#originals,)*))
                .capture(|#call, (#(#variables,)*)| { #capture })
                .decode(|#decoder| ::core::result::Result::Ok((#(#takes,)*)))
                .run(#refused, #is_failure, move |#(#lints)* (#(#variables,)*), returns| async move #body)
                .await
        }
    }

    /// Returns the caller's value as the body takes it.
    fn original(&self, argument: &Argument) -> TokenStream {
        let (p, variable) = (self.private(), &argument.variable);
        match argument.rebuilt() {
            _ if argument.borrowed().is_none() => variable.to_token_stream(),
            Rebuilt::Itself(_) => hygienic!(#p::Lent::itself(#variable)),
            Rebuilt::Elements(_) | Rebuilt::From(_) => hygienic!(#p::Lent::Caller(#variable)),
        }
    }

    /// Returns a decoded value as the body takes it.
    fn lend(&self, argument: &Argument, value: TokenStream) -> TokenStream {
        let p = self.private();
        if argument.borrowed().is_some() { hygienic!(#p::Lent::Decoded(#value)) } else { value }
    }

    /// Returns the expression that asks the policy whether the tool passes.
    fn route(&self) -> TokenStream {
        let (p, tool, options) = (self.private(), self.description(), &self.tool.options);
        if options.gate.get().is_none() && options.agent.get().is_none() {
            return hygienic!(#p::route!(#tool));
        }
        let gate = option(options.gate.get().map(|gate| {
            let as_gate = self.of_option("AsGate", "as_gate", gate.span());
            hygienic!(#as_gate(&#gate))
        }));
        let agent = option(options.agent.get().map(|agent| {
            let into_agent = self.of_option("IntoAgent", "into_agent", agent.span());
            hygienic!(#into_agent(#agent))
        }));
        hygienic!(#p::route_as(#p::tool!(#tool), #gate, #agent))
    }

    /// Returns the path of what generated code may name.
    fn private(&self) -> TokenStream {
        self.private_at(Span::mixed_site())
    }

    fn private_at(&self, span: Span) -> TokenStream {
        let krate = self.krate(span);
        quote_spanned!(span=> #krate::__private)
    }

    fn krate(&self, span: Span) -> TokenStream {
        match self.tool.options.krate.get() {
            Some(path) => quote_spanned!(span=> #path),
            None => quote_spanned!(span=> ::approval_runtime),
        }
    }

    /// Returns the arguments that reviewers see, in the order of their names' bytes, in which JSON has them.
    fn captured(&self) -> Vec<&Argument> {
        let mut shown: Vec<_> = self.tool.arguments.iter().filter(|argument| argument.part != Part::Skipped).collect();
        shown.sort_by_key(|argument| (argument.part == Part::Flattened, &argument.name));
        shown
    }

    /// Returns the arguments whose values are decoded. A flattened one takes the keys that are left, so it comes last.
    fn decoded(&self) -> Vec<&Argument> {
        let mut decoded: Vec<_> = self.tool.arguments.iter().filter(|argument| argument.is_decoded()).collect();
        decoded.sort_by_key(|argument| argument.part == Part::Flattened);
        decoded
    }

    /// Returns what `tool!` makes the tool's description of, which is a static in the list of annotated functions.
    fn description(&self) -> TokenStream {
        let Self { tool } = self;
        let p = self.private();
        let options = &tool.options;
        let name = &tool.name;
        let shown = tool.arguments.iter().filter(|argument| argument.part != Part::Skipped);
        let arguments = shown.map(|argument| {
            let (name, ty) = (&argument.name, text(&argument.ty));
            hygienic!((#name, #ty))
        });
        let mut described = hygienic!(tool);
        for (setter, length) in [("with_timeout", options.timeout.get()), ("with_max_wait", options.max_wait.get())] {
            match length {
                Some(Length::Seconds(seconds)) => {
                    let setter = Ident::new(setter, Span::mixed_site());
                    described = hygienic!(#described.#setter(::core::time::Duration::from_secs(#seconds)));
                }
                Some(Length::Constant(constant)) => {
                    let length = self.constant(constant, setter == "with_timeout");
                    let setter = Ident::new(setter, Span::mixed_site());
                    described = hygienic!(#described.#setter(#length));
                }
                None => {}
            }
        }
        let mut set = |setter: &str, value: TokenStream| {
            let setter = format_ident!("with_{setter}", span = Span::mixed_site());
            described = hygienic!(#described.#setter(#value));
        };
        if let Some(effect) = options.effect.get() {
            let effect = format_ident!("{effect:?}", span = Span::mixed_site());
            set("effect", hygienic!(#p::Effect::#effect));
        }
        if options.approvers.get().is_some() {
            let approvers = options.approvers.items();
            set("approvers", hygienic!(&[#(#approvers),*]));
        }
        if let Some(quorum) = options.quorum.get() {
            set("quorum", hygienic!(#quorum));
        }
        let not_reviewed = tool.not_reviewed();
        if !not_reviewed.is_empty() {
            set("not_reviewed", hygienic!(&[#(#not_reviewed),*]));
        }
        if !tool.redact.is_empty() {
            let paths = &tool.redact;
            set("redact", hygienic!(&[#(#paths),*]));
        }
        if let Some(rule) = options.auto_approve.get() {
            set("auto_approve", text(rule).into_token_stream());
        }
        if options.callable.get().is_some() {
            set("invoke", self.invoke());
        }
        if options.resumable.get().is_some() {
            set("resumable", TokenStream::new());
        }
        if options.record.get().is_some() {
            set("record", TokenStream::new());
        }
        if options.resumable.get().is_some() {
            // Another process has no call that waits and could check an edit.
            set("check", self.check());
        }
        let described = (text(&described) != "tool").then(|| hygienic!(, |tool| #described));
        hygienic!(#name, [#(#arguments),*] #described)
    }

    /// Returns the `Duration` that a constant is. At the constant, so that one of another type or out of bounds is told there.
    fn constant(&self, constant: &Expr, is_bounded: bool) -> TokenStream {
        let span = at(constant.span());
        let krate = self.krate(span);
        let length = quote_spanned!(span=> { let length: ::core::time::Duration = #constant; length });
        if !is_bounded {
            return length;
        }
        let options = quote_spanned!(span=> #krate::options);
        let bounds = quote_spanned!(span=> <#options::Timeout<{ #options::bounds(#length) }> as #options::Bounds>::Length);
        let holds = ["AtLeastASecond", "AtMost30Days"].map(|bound| {
            let bound = Ident::new(bound, span);
            quote_spanned!(span=> <#bounds as #options::#bound>::HOLDS;)
        });
        hygienic!({ #(#holds)* #length })
    }

    /// Returns the function that decodes all arguments and drops them, so that a bad edit is refused before it is saved.
    fn check(&self) -> TokenStream {
        let (decoded, future) = (self.taken(), self.future_of("resumable"));
        hygienic! {
            |decoder| {
                #decoded
                #future
                ::core::mem::drop(future);
                ::core::result::Result::Ok(())
            }
        }
    }

    /// Returns the function that calls the tool, as any caller does, with arguments out of a model's JSON.
    fn invoke(&self) -> TokenStream {
        let (decoded, future) = (self.taken(), self.future_of("callable"));
        let returned = self.of_type("Returned", "into_json", &self.tool.output);
        hygienic! {
            |decoder| {
                #decoded
                ::core::result::Result::Ok(::std::boxed::Box::pin(async move { #future #returned(future.await) }))
            }
        }
    }

    /// Returns the statements that decode all arguments, and nothing else that is there.
    fn taken(&self) -> TokenStream {
        let decoded = self.decoded();
        let variables = decoded.iter().map(|argument| &argument.variable);
        let takes = decoded.iter().map(|argument| self.decode("take", argument));
        hygienic! {
            let (#(#variables,)*) = (#(#takes,)*);
            decoder.finish()?;
        }
    }

    /// Returns the statement that makes the tool's own future, which does nothing before it is polled. An option that needs it
    /// to be `Send` is where it is told that it is not.
    fn future_of(&self, option: &str) -> TokenStream {
        let options = &self.tool.options;
        let keyword = if option == "callable" { options.callable.keyword() } else { options.resumable.keyword() };
        let span = keyword.map_or_else(Span::mixed_site, |keyword| at(keyword.span()));
        let (krate, function, output) = (self.krate(span), &self.tool.sig.ident, erased(&self.tool.output));
        let given = self.tool.arguments.iter().map(|argument| {
            let variable = &argument.variable;
            if argument.borrowed().is_some() { hygienic!(&#variable) } else { variable.to_token_stream() }
        });
        let future = Ident::new("future", Span::mixed_site());
        let made = hygienic!(#function(#(#given),*));
        let future = quote_spanned!(span=> let #future: #krate::BoxFuture<'_, #output> = ::std::boxed::Box::pin(#made););
        hygienic!(#[allow(deprecated)] #future)
    }

    /// Returns the statements that turn the caller's arguments into what the reviewer reads, and drop them.
    fn capture(&self) -> TokenStream {
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

    /// Returns the expression that decodes an argument: `take` for the body, `peek` for the rule.
    fn decode(&self, how: &str, argument: &Argument) -> TokenStream {
        let name = &argument.name;
        let function = match (argument.part, argument.rebuilt()) {
            (Part::Flattened, _) if how == "peek" => {
                let rest = self.of_type("Reviewable", "peek_rest", argument.owned());
                let named = self.tool.arguments.iter().filter(|other| matches!(other.part, Part::Reviewed | Part::Live));
                let named = named.map(|other| &other.name);
                return hygienic!(#rest(decoder, &[#(#named),*])?);
            }
            (Part::Flattened, _) => {
                let rest = self.of_type("Reviewable", "rest", argument.owned());
                return hygienic!(#rest(decoder)?);
            }
            (_, Rebuilt::Itself(ty)) => self.of_type("Reviewable", how, ty),
            (_, Rebuilt::Elements(ty)) => self.of_type("Reviewable", &format!("{how}_slice"), ty),
            (_, Rebuilt::From(ty)) => self.of_type("Reviewable", how, &ty),
        };
        hygienic!(#function(decoder, #name)?)
    }

    /// Returns `<ty as approval_runtime::Trait>::function`, whose bound is at the type.
    fn of_type(&self, name: &str, function: &str, ty: &Type) -> TokenStream {
        let span = at(ty.span());
        let krate = self.krate(span);
        let (name, function, ty) = (Ident::new(name, span), Ident::new(function, span), erased(ty));
        quote_spanned!(span=> <#ty as #krate::#name>::#function)
    }

    /// Returns `<_ as approval_runtime::options::Trait>::function`, whose bound is at an option's value.
    fn of_option(&self, name: &str, function: &str, span: Span) -> TokenStream {
        let span = at(span);
        let krate = self.krate(span);
        let (name, function) = (Ident::new(name, span), Ident::new(function, span));
        quote_spanned!(span=> <_ as #krate::options::#name>::#function)
    }

    /// Returns what makes a refusal into the return type, and what tells a failure.
    fn refusals(&self) -> (TokenStream, TokenStream) {
        match self.tool.options.on_refusal.get() {
            Some(path) => {
                let (krate, output) = (self.krate(Span::mixed_site()), erased(&self.tool.output));
                let refused = hygienic!({ let refused: fn(#krate::Refusal) -> #output = #path; refused });
                let private = self.private();
                let is_failure = hygienic!(|output: &#output| {
                    #[allow(unused_imports)]
                    use #private::Otherwise as _;
                    #private::Outcome(output).is_failure()
                });
                (refused, is_failure)
            }
            None => {
                let of_output = |function| self.of_type("ToolReturn", function, &self.tool.output);
                (of_output("refused"), of_output("is_failure"))
            }
        }
    }

    /// Returns the statements that give the body its arguments as the signature has them.
    fn bindings(&self) -> TokenStream {
        self.tool
            .arguments
            .iter()
            .map(|argument| {
                let Argument { variable, lints, .. } = argument;
                let pattern = match &argument.pattern {
                    Some(pattern) => pattern.to_token_stream(),
                    None => variable.to_token_stream(),
                };
                let value = match argument.is_decoded() && argument.borrowed().is_some() {
                    true => hygienic!(#variable.get()),
                    false if argument.pattern.is_some() => variable.to_token_stream(),
                    false => return TokenStream::new(),
                };
                hygienic!(#(#lints)* let #pattern = #value;)
            })
            .collect()
    }
}

/// Returns the name of a closure's parameter, or `_` where the closure does not use it.
fn used(name: &str, is_used: bool) -> Ident {
    Ident::new(if is_used { name } else { "_" }, Span::mixed_site())
}

/// Returns a place in the user's code whose tokens lints know as generated.
fn at(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

fn option(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => hygienic!(::core::option::Option::Some(#value)),
        None => hygienic!(::core::option::Option::None),
    }
}
