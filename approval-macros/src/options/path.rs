//! Dotted paths into arguments.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Lit, Token};

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
