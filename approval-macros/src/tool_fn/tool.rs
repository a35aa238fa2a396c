//! The annotated function, taken apart.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{Attribute, Signature, Type, Visibility};

use super::arguments::Argument;
use crate::options::Options;
use crate::reason::Reason;
use crate::types::{Shape, is_request_context};

/// A function that keeps all the rules, taken apart for its expansion.
pub(crate) struct ToolFn {
    pub(crate) options: Options,
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    /// The signature with plain variables in place of patterns.
    pub(crate) sig: Signature,
    pub(crate) shape: Shape,
    /// `#![..]` at the start of the body.
    pub(crate) inner_attrs: TokenStream,
    pub(crate) statements: TokenStream,
    /// Where the body's closing brace is.
    pub(crate) end: Span,
    /// What the future resolves to.
    pub(crate) output: Type,
    pub(crate) arguments: Vec<Argument>,
    /// A string, or an expression for a constant.
    pub(crate) name: TokenStream,
    /// Dotted paths as the captured JSON has them.
    pub(crate) redact: Vec<String>,
    pub(crate) reason: Option<Reason>,
}

impl ToolFn {
    /// Returns the names on the card that reviewers did not see, or saw without binding the call to them.
    pub(crate) fn not_reviewed(&self) -> Vec<String> {
        let receiver = self.sig.receiver().map(|_| "self".to_owned());
        let arguments = self.arguments.iter().filter(|argument| !argument.is_decoded()).map(|argument| argument.name.clone());
        receiver.into_iter().chain(arguments).collect()
    }

    /// Returns the token that says whether the call is still wanted: `cancel = ..`, else that of rmcp's `RequestContext`.
    pub(crate) fn cancel(&self) -> Option<TokenStream> {
        let of_context = || {
            let context = self.arguments.iter().find(|argument| is_request_context(&argument.ty))?;
            let variable = &context.variable;
            Some(quote!(#variable.ct))
        };
        self.options.cancel.get().map(ToTokens::to_token_stream).or_else(of_context)
    }

    pub(super) fn argument(&self, name: &str) -> Option<&Argument> {
        self.arguments.iter().find(|argument| argument.name == name)
    }
}
