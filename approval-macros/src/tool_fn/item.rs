//! The annotated item: a function whose body stays tokens, or a mistake that says what stands there instead.

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::ParseStream;
use syn::{Attribute, LitStr, Meta, Signature, Token, Visibility};

use crate::errors::Errors;
use crate::tokens::{is_ident, is_punct, lone_group};

/// A function, its body still tokens: it may be half typed.
#[derive(Clone)]
pub(crate) struct FnItem {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    /// What stands between the braces.
    pub(super) body: TokenStream,
    /// Where the closing brace is.
    pub(super) end: Span,
}

impl FnItem {
    /// Reads a function, or says what stands there instead.
    pub(crate) fn read(item: TokenStream, errors: &mut Errors) -> Option<Self> {
        let read = |input: ParseStream<'_>| {
            let attrs = input.call(Attribute::parse_outer)?;
            let vis: Visibility = input.parse()?;
            if let Some((keyword, kind)) = other_item(input)? {
                let help = match kind {
                    "an impl" | "a trait" => "put it above each method that needs approval",
                    _ => "put it above the `async fn` that does the work",
                };
                errors.add(keyword, format!("`#[requires_approval]` stands above a function, and this is {kind}"), help);
                input.parse::<TokenStream>()?;
                return Ok(None);
            }
            let sig: Signature = input.parse()?;
            if input.peek(Token![;]) {
                let help = "put it above the function that does the work: a trait's method in each `impl`, in place of a foreign function an `async fn` that calls it";
                errors.add(&sig.ident, format!("`{}` has no body to hold back", sig.ident), help);
                input.parse::<TokenStream>()?;
                return Ok(None);
            }
            match lone_group(input.parse()?) {
                Some(body) if body.delimiter() == Delimiter::Brace => {
                    Ok(Some(Self { attrs, vis, sig, body: body.stream(), end: body.span_close() }))
                }
                _ => Err(input.error("expected a function body")),
            }
        };
        syn::parse::Parser::parse2(read, item).unwrap_or_else(|error| {
            errors.push(error);
            None
        })
    }
}

impl ToTokens for FnItem {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let Self { attrs, vis, sig, body, .. } = self;
        tokens.extend(quote!(#(#attrs)* #vis #sig { #body }));
    }
}

/// Says which item other than a function comes next, by its keyword.
fn other_item(input: ParseStream<'_>) -> syn::Result<Option<(TokenTree, &'static str)>> {
    let kind = if input.peek(Token![struct]) {
        "a struct"
    } else if input.peek(Token![enum]) {
        "an enum"
    } else if input.peek(Token![trait]) || (input.peek(Token![unsafe]) && input.peek2(Token![trait])) {
        "a trait"
    } else if input.peek(Token![impl]) || (input.peek(Token![unsafe]) && input.peek2(Token![impl])) {
        "an impl"
    } else if input.peek(Token![const]) && (input.peek2(Token![_]) || input.peek3(Token![:])) {
        "a constant"
    } else if input.peek(Token![static]) {
        "a static"
    } else if input.peek(Token![mod]) {
        "a module"
    } else if input.peek(Token![type]) {
        "a type"
    } else if input.peek(Token![use]) {
        "an import"
    } else {
        return Ok(None);
    };
    Ok(Some((input.fork().parse()?, kind)))
}

/// Returns the name in `#[tool(name = "..")]`, `#[rig_tool(name = "..")]` and the like.
pub(super) fn name_of_tool(attr: &Attribute) -> Option<LitStr> {
    let Meta::List(list) = &attr.meta else { return None };
    if !list.path.segments.last()?.ident.to_string().ends_with("tool") {
        return None;
    }
    let tokens: Vec<TokenTree> = list.tokens.clone().into_iter().collect();
    tokens.windows(3).find_map(|three| match three {
        [name, equals, TokenTree::Literal(text)] if is_ident(name, "name") && is_punct(equals, '=') => {
            syn::parse2(text.to_token_stream()).ok()
        }
        _ => None,
    })
}
