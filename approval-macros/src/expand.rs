//! What takes the annotated function's place: the same function, held back until somebody says yes.
//!
//! Variables are hygienic (`mixed_site`), paths start at a crate, and a bound on one of the user's types is written at that
//! type, where its error belongs.

#[cfg(test)]
mod tests;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::Type;
use syn::spanned::Spanned;

use crate::length::Length;
use crate::tokens::text;
use crate::tool_fn::{Argument, Part, Rebuilt, ToolFn};
use crate::types::{Shape, erased, is_opaque};

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
    quote! {
        #(#attrs)*
        #vis #sig {
            #inner_attrs
            #body
        }
    }
}

struct Expansion<'a> {
    tool: &'a ToolFn,
}

impl Expansion<'_> {
    fn body(&self) -> TokenStream {
        let p = self.private();
        let route = self.route();
        let decoded = self.decoded();
        let variables: Vec<_> = decoded.iter().map(|argument| &argument.variable).collect();
        let originals = decoded.iter().map(|argument| {
            let variable = &argument.variable;
            match argument.rebuilt() {
                _ if argument.borrowed().is_none() => variable.to_token_stream(),
                Rebuilt::Itself(_) => hygienic!(#p::Lent::itself(#variable)),
                Rebuilt::Elements(_) | Rebuilt::From(_) => hygienic!(#p::Lent::Caller(#variable)),
            }
        });
        // The other arguments are bound once more, in the body.
        let here = decoded.iter().filter(|argument| argument.pattern.is_none() && argument.borrowed().is_none());
        let lints = here.flat_map(|argument| &argument.lints);
        let capture = self.capture();
        let takes = decoded.iter().map(|argument| {
            let value = self.decode("take", argument);
            if argument.borrowed().is_some() { hygienic!(#p::Lent::Decoded(#value)) } else { value }
        });
        let refused = self.refused();
        let run = self.run();
        let output = erased(&self.tool.output);
        let bindings = self.bindings();
        let statements = &self.tool.statements;
        hygienic! {
            let call = #route;
            #(#lints)*
            let (permit, (#(#variables,)*)) = match call {
                ::core::result::Result::Ok(permit) => (permit, (#(#originals,)*)),
                ::core::result::Result::Err(call) => {
                    let asked = call.ask(|call| { #capture }, |decoder| ::core::result::Result::Ok((#(#takes,)*)));
                    match asked.await {
                        ::core::result::Result::Ok(started) => started,
                        ::core::result::Result::Err(refusal) => return #refused,
                    }
                }
            };
            let body = async move {
                // Says what `return`, `?` and the last expression have to be.
                if let ::core::option::Option::Some(output) = ::core::option::Option::None::<#output> {
                    return output;
                }
                #bindings
                #statements
            };
            // The block ends the body's state before the result is kept over the next wait.
            let (output, recording) = { #run.await };
            recording.await;
            output
        }
    }

    /// Returns the expression that asks the policy whether the tool passes.
    fn route(&self) -> TokenStream {
        let (p, tool, options) = (self.private(), self.description(), &self.tool.options);
        if options.gate.get().is_none() && options.agent.get().is_none() {
            return hygienic!(#p::route(#tool));
        }
        let gate = option(options.gate.get().map(|gate| hygienic!(&#gate)));
        let agent = option(options.agent.get().map(|agent| hygienic!(::core::convert::Into::into(#agent))));
        hygienic!(#p::route_as(#tool, #gate, #agent))
    }

    /// Returns the path of what generated code may name.
    fn private(&self) -> TokenStream {
        self.private_at(Span::mixed_site())
    }

    fn private_at(&self, span: Span) -> TokenStream {
        match self.tool.options.krate.get() {
            Some(path) => quote_spanned!(span=> #path::__private),
            None => quote_spanned!(span=> ::approval_runtime::__private),
        }
    }

    /// Returns the arguments whose values are decoded. A flattened one takes the keys that are left, so it comes last.
    fn decoded(&self) -> Vec<&Argument> {
        let mut decoded: Vec<_> = self.tool.arguments.iter().filter(|argument| argument.is_decoded()).collect();
        decoded.sort_by_key(|argument| argument.part == Part::Flattened);
        decoded
    }

    /// Returns the expression for the tool's description, which is a static in the list of annotated functions.
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
                    // A call at the constant, so that one out of bounds is told there.
                    let span = constant.span();
                    let (p, setter) = (self.private_at(span), Ident::new(setter, span));
                    described = quote_spanned!(span=> #p::Tool::#setter(#described, #constant));
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
        hygienic!(#p::tool!(#name, [#(#arguments),*] #described))
    }

    /// Returns the function that decodes all arguments and drops them, so that a bad edit is refused before it is saved.
    fn check(&self) -> TokenStream {
        let takes = self.decoded().into_iter().map(|argument| self.decode("take", argument));
        hygienic!(|decoder| { #(#takes;)* decoder.finish() })
    }

    /// Returns the function that calls the tool, as any caller does, with arguments out of a model's JSON.
    fn invoke(&self) -> TokenStream {
        let (function, decoded) = (&self.tool.sig.ident, self.decoded());
        let variables: Vec<_> = decoded.iter().map(|argument| &argument.variable).collect();
        let takes = decoded.iter().map(|argument| self.decode("take", argument));
        let given = self.tool.arguments.iter().map(|argument| {
            let variable = &argument.variable;
            if argument.borrowed().is_some() { hygienic!(&#variable) } else { variable.to_token_stream() }
        });
        let returned = self.at_type("returned", &self.tool.output);
        // At the option: it is what asks for a `Send` future.
        let asks_for_send = self.tool.options.callable.keyword().map_or_else(Span::mixed_site, |keyword| at(keyword.span()));
        let called =
            quote_spanned!(asks_for_send=> ::std::boxed::Box::pin(async move { #returned(#function(#(#given),*).await) }));
        hygienic! {
            |decoder| {
                let (#(#variables,)*) = (#(#takes,)*);
                decoder.finish()?;
                #[allow(deprecated)]
                ::core::result::Result::Ok(#called)
            }
        }
    }

    /// Returns the statements that turn the caller's arguments into what the reviewer reads, and drop them.
    fn capture(&self) -> TokenStream {
        let Self { tool } = self;
        let options = &tool.options;
        let originals: Vec<_> = self.decoded().iter().map(|argument| &argument.variable).collect();
        // Without `move` the closure borrows what the body still needs; what is decoded later ends here.
        let own = (!originals.is_empty()).then(|| hygienic!(let (#(#originals,)*) = (#(#originals,)*);));
        let mut shown: Vec<_> = tool.arguments.iter().filter(|argument| argument.part != Part::Skipped).collect();
        // Keys are written in the order of their bytes.
        shown.sort_by_key(|argument| (argument.part == Part::Flattened, &argument.name));
        let shown = shown.into_iter().map(|argument| {
            let (name, variable) = (&argument.name, &argument.variable);
            let value = if argument.borrowed().is_some() { hygienic!(#variable) } else { hygienic!(&#variable) };
            match argument.part {
                Part::Live => {
                    let function = self.at_type("shown", argument.owned());
                    let value = if argument.borrowed().is_some() { hygienic!(&*#variable) } else { value };
                    hygienic!(#function(call, #name, #value);)
                }
                Part::Flattened => {
                    let function = self.at_type("flattened", argument.owned());
                    hygienic!(#function(call, #value);)
                }
                Part::Reviewed | Part::Skipped => {
                    let function = match argument.rebuilt() {
                        Rebuilt::Itself(ty) => self.at_type("argument", ty),
                        Rebuilt::Elements(ty) => self.at_type("slice", ty),
                        Rebuilt::From(_) => self.at_type("shown", argument.owned()),
                    };
                    hygienic!(#function(call, #name, #value);)
                }
            }
        });
        let call_id = options.call_id.get().map(|call_id| hygienic!(call.call_id(#call_id);));
        let cancel = options.cancel.get().map(|cancel| {
            hygienic! {
                let token = #cancel.clone();
                call.cancel(::std::boxed::Box::pin(async move { token.cancelled().await; }));
            }
        });
        let decide = options.auto_approve.get().map(|rule| {
            let values = tool
                .arguments
                .iter()
                .filter(|argument| argument.is_mentioned(rule))
                .map(|argument| self.value_for_rule(argument));
            // At the rule, so that a rule of another type is told where it stands.
            let boolean = quote_spanned!(at(rule.span())=> ::core::primitive::bool);
            hygienic! {
                #[allow(unreachable_code, unused_braces, unused_parens)]
                call.decide(|decoder| {
                    #(#values)*
                    let approved: #boolean = #rule;
                    ::core::result::Result::Ok(approved)
                });
            }
        });
        // A type with `impl` in it is only known where there is a value.
        let check = self.decoded().iter().all(|argument| !is_opaque(&argument.ty)).then(|| self.check());
        let check = check.filter(|_| options.resumable.get().is_none()).map(|check| hygienic!(call.check(#check);));
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
        hygienic!(#own #(#shown)* #call_id #cancel #decide #check #reason)
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
        match argument.part {
            Part::Flattened if how == "peek" => {
                let rest = self.at_type("peek_rest", argument.owned());
                let named = self.tool.arguments.iter().filter(|other| matches!(other.part, Part::Reviewed | Part::Live));
                let named = named.map(|other| &other.name);
                hygienic!(#rest(decoder, &[#(#named),*])?)
            }
            Part::Flattened => {
                let rest = self.at_type("rest", argument.owned());
                hygienic!(#rest(decoder)?)
            }
            // Which type it is follows from the caller's value.
            _ if is_opaque(&argument.ty) => {
                let how = format_ident!("{how}", span = Span::mixed_site());
                hygienic!(decoder.#how(#name)?)
            }
            _ => {
                let how = match argument.rebuilt() {
                    Rebuilt::Itself(ty) => self.at_type(how, ty),
                    Rebuilt::Elements(ty) => self.at_type(&format!("{how}_slice"), ty),
                    Rebuilt::From(ty) => self.at_type(how, &ty),
                };
                hygienic!(#how(decoder, #name)?)
            }
        }
    }

    /// Returns `function::<ty>`, its bounds at the type.
    fn at_type(&self, function: &str, ty: &Type) -> TokenStream {
        let span = at(ty.span());
        let p = self.private_at(span);
        let function = Ident::new(function, span);
        let ty = erased(ty);
        quote_spanned!(span=> #p::#function::<#ty>)
    }

    fn refused(&self) -> TokenStream {
        match self.tool.options.on_refusal.get() {
            Some(path) => hygienic!(#path(refusal)),
            None => {
                let refused = self.at_type("refused", &self.tool.output);
                hygienic!(#refused(refusal))
            }
        }
    }

    /// Returns the call that runs the body; the bound that it can tell a failure is at the return type.
    fn run(&self) -> TokenStream {
        let body = hygienic!(::core::pin::pin!(body));
        match self.tool.options.on_refusal.get() {
            Some(_) => {
                let p = self.private();
                hygienic!(#p::run_judged(permit, #body, |_| false))
            }
            None => {
                let (span, output) = (at(self.tool.output.span()), erased(&self.tool.output));
                let run = quote_spanned!(span=> run::<#output, _>);
                hygienic!(permit.#run(#body))
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
