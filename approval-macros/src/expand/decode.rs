//! How the body gets its arguments: those that were approved, and what runs as it is.

use proc_macro2::TokenStream;
use quote::ToTokens;

use super::paths::Expansion;
use crate::tool_fn::{Argument, Part, Rebuilt};

impl Expansion<'_> {
    /// Returns the arguments whose values are decoded. A flattened one takes the keys that are left, so it comes last.
    pub(super) fn decoded(&self) -> Vec<&Argument> {
        let mut decoded: Vec<_> = self.tool.arguments.iter().filter(|argument| argument.is_decoded()).collect();
        decoded.sort_by_key(|argument| argument.part == Part::Flattened);
        decoded
    }

    /// Returns the expression that decodes an argument: `take` for the body, `peek` for the rule.
    pub(super) fn decode(&self, how: &str, argument: &Argument) -> TokenStream {
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

    /// Returns the statements that decode all arguments, and nothing else that is there.
    pub(super) fn taken(&self) -> TokenStream {
        let decoded = self.decoded();
        let variables = decoded.iter().map(|argument| &argument.variable);
        let takes = decoded.iter().map(|argument| self.decode("take", argument));
        hygienic! {
            let (#(#variables,)*) = (#(#takes,)*);
            decoder.finish()?;
        }
    }

    /// Returns the caller's value as the body takes it.
    pub(super) fn original(&self, argument: &Argument) -> TokenStream {
        let (p, variable) = (self.private(), &argument.variable);
        match argument.rebuilt() {
            _ if argument.borrowed().is_none() => variable.to_token_stream(),
            Rebuilt::Itself(_) => hygienic!(#p::Lent::itself(#variable)),
            Rebuilt::Elements(_) | Rebuilt::From(_) => hygienic!(#p::Lent::Caller(#variable)),
        }
    }

    /// Returns a decoded value as the body takes it.
    pub(super) fn lend(&self, argument: &Argument, value: TokenStream) -> TokenStream {
        let p = self.private();
        if argument.borrowed().is_some() { hygienic!(#p::Lent::Decoded(#value)) } else { value }
    }

    /// Returns the statements that give the body its arguments as the signature has them.
    pub(super) fn bindings(&self) -> TokenStream {
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
