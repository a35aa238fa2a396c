//! What takes the annotated function's place: the same function, held back until somebody says yes.
//!
//! Variables are hygienic (`mixed_site`), paths start at a crate, and a bound on one of the user's types is written at that
//! type, where its error belongs.

/// Writes `quote!` with hygienic variables.
macro_rules! hygienic {
    ($($tokens:tt)*) => { ::quote::quote_spanned!(::proc_macro2::Span::mixed_site()=> $($tokens)*) };
}

mod capture;
mod decode;
mod description;
mod paths;
#[cfg(test)]
mod tests;

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use self::paths::{Expansion, at};
use crate::tool_fn::ToolFn;
use crate::types::{Shape, erased};

/// Returns the function that asks first.
pub(crate) fn gate(tool: &ToolFn) -> TokenStream {
    let ToolFn { attrs, vis, sig, inner_attrs, .. } = tool;
    let body = Expansion { tool }.body();
    let body = match tool.shape {
        Shape::Async => body,
        Shape::Future => hygienic!(async move { #body }),
        Shape::Boxed => hygienic!(::std::boxed::Box::pin(async move { #body })),
    };
    // A call from elsewhere names the function, which in an `impl` would be another one, or none: no such item may stand there.
    let called = tool.options.callable.keyword().or(tool.options.resumable.keyword());
    let free = called.map(|keyword| {
        let krate = Expansion { tool }.krate(at(keyword.span()));
        quote_spanned!(at(keyword.span())=> #[allow(unused_imports)] use #krate as _;)
    });
    quote! {
        #(#attrs)*
        #vis #sig {
            #inner_attrs
            #body
        }
        #free
    }
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
        let (run, keep, awaited) = self.kept();
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
                .#run(#refused, #is_failure, #keep move |#(#lints)* (#(#variables,)*), returns| async move #body)
                #awaited
        }
    }

    /// Returns the function that runs the body, what it takes so that it keeps what the body returns, and how it is awaited: at
    /// the type, where that cannot be kept, so that it is told once.
    fn kept(&self) -> (Ident, TokenStream, TokenStream) {
        if self.tool.options.record.get().is_none() {
            return (Ident::new("run", Span::mixed_site()), TokenStream::new(), hygienic!(.await));
        }
        let (span, kept) = (at(self.tool.output.span()), self.of_type("Recorded", "kept", &self.tool.output));
        (Ident::new("run_keeping", span), quote_spanned!(span=> #kept(),), quote_spanned!(span=> .await))
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
}

/// Returns the name of a closure's parameter, or `_` where the closure does not use it.
fn used(name: &str, is_used: bool) -> Ident {
    Ident::new(if is_used { name } else { "_" }, Span::mixed_site())
}

fn option(value: Option<TokenStream>) -> TokenStream {
    match value {
        Some(value) => hygienic!(::core::option::Option::Some(#value)),
        None => hygienic!(::core::option::Option::None),
    }
}
