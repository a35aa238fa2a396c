//! The static that describes a tool, and the functions in it that know its arguments' types.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, format_ident, quote_spanned};
use syn::Expr;
use syn::spanned::Spanned;

use super::paths::{Expansion, at};
use crate::length::Length;
use crate::tokens::text;
use crate::tool_fn::Part;
use crate::types::erased;

impl Expansion<'_> {
    /// Returns what `tool!` makes the tool's description of, which is a static in the list of annotated functions.
    pub(super) fn description(&self) -> TokenStream {
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
        if let Some(keyword) = options.callable.keyword().or(options.resumable.keyword()) {
            set("invoke", self.invoke(keyword.span()));
        }
        for (name, is_set) in
            [("callable", options.callable.get()), ("resumable", options.resumable.get()), ("record", options.record.get())]
        {
            if is_set.is_some() {
                set(name, TokenStream::new());
            }
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

    /// Returns the function that calls the tool, as any caller does, with arguments out of JSON. Nothing happens before the
    /// future that it makes is polled. At the option that wants it, which is where a future that is not `Send` is told.
    fn invoke(&self, span: Span) -> TokenStream {
        let (decoded, future) = (self.taken(), self.future_at(at(span)));
        let returned = self.of_type("Returned", "into_json", &self.tool.output);
        hygienic! {
            |decoder| {
                #decoded
                ::core::result::Result::Ok(::std::boxed::Box::pin(async move { #future #returned(future.await) }))
            }
        }
    }

    /// Returns the statement that makes the tool's own future.
    fn future_at(&self, span: Span) -> TokenStream {
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
}
