//! Paths into the runtime, and where in the user's code the compiler tells what is wrong with them.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::Type;
use syn::spanned::Spanned;

use crate::tool_fn::ToolFn;
use crate::types::erased;

/// A tool whose expansion is being written.
pub(super) struct Expansion<'a> {
    pub(super) tool: &'a ToolFn,
}

impl Expansion<'_> {
    pub(super) fn krate(&self, span: Span) -> TokenStream {
        match self.tool.options.krate.get() {
            Some(path) => quote_spanned!(span=> #path),
            None => quote_spanned!(span=> ::approval_runtime),
        }
    }

    /// Returns the path of what generated code may name.
    pub(super) fn private(&self) -> TokenStream {
        self.private_at(Span::mixed_site())
    }

    fn private_at(&self, span: Span) -> TokenStream {
        let krate = self.krate(span);
        quote_spanned!(span=> #krate::__private)
    }

    /// Returns `<ty as approval_runtime::Trait>::function`, whose bound is at the type.
    pub(super) fn of_type(&self, name: &str, function: &str, ty: &Type) -> TokenStream {
        let span = at(ty.span());
        let krate = self.krate(span);
        let (name, function, ty) = (Ident::new(name, span), Ident::new(function, span), erased(ty));
        quote_spanned!(span=> <#ty as #krate::#name>::#function)
    }

    /// Returns `<_ as approval_runtime::options::Trait>::function`, whose bound is at an option's value.
    pub(super) fn of_option(&self, name: &str, function: &str, span: Span) -> TokenStream {
        let span = at(span);
        let krate = self.krate(span);
        let (name, function) = (Ident::new(name, span), Ident::new(function, span));
        quote_spanned!(span=> <_ as #krate::options::#name>::#function)
    }
}

/// Returns a place in the user's code whose tokens lints know as generated.
pub(super) fn at(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}
