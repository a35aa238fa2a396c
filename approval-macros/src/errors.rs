//! Every mistake of one annotation, told at once.

use std::fmt::Display;

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// Collects mistakes, so that one compile shows all of them.
#[derive(Default)]
pub(crate) struct Errors(Option<syn::Error>);

impl Errors {
    /// Adds a mistake at the tokens to change: what is wrong and why, then what to write instead.
    pub(crate) fn add(&mut self, tokens: impl ToTokens, what: impl Display, help: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message(what, help)));
    }

    /// Adds a mistake at a place that is no whole token.
    pub(crate) fn add_at(&mut self, span: Span, what: impl Display, help: impl Display) {
        self.push(syn::Error::new(span, message(what, help)));
    }

    /// Adds a mistake that somebody else has put in words.
    pub(crate) fn push(&mut self, error: syn::Error) {
        match &mut self.0 {
            Some(errors) => errors.combine(error),
            None => self.0 = Some(error),
        }
    }

    /// Returns a `compile_error!` for each mistake, or nothing if there is none.
    pub(crate) fn finish(self) -> Option<TokenStream> {
        self.0.map(syn::Error::into_compile_error)
    }

    /// Returns the messages in the order they were added.
    #[cfg(test)]
    pub(crate) fn messages(self) -> Vec<String> {
        self.0.map_or_else(Vec::new, |errors| errors.into_iter().map(|error| error.to_string()).collect())
    }
}

fn message(what: impl Display, help: impl Display) -> String {
    format!("{what}\nhelp: {help}")
}
