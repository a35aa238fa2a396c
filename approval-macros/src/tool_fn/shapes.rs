//! The function's shape: where the work stands in its body, and what its future resolves to.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use syn::{Path, ReturnType, Signature, Type};

use crate::errors::Errors;
use crate::tokens::{is_ident, is_punct, lone_group};
use crate::types::{Shape, future};

/// Splits `#![..]` from the start of a body.
pub(super) fn split_inner_attrs(body: TokenStream) -> (TokenStream, TokenStream) {
    let tokens: Vec<TokenTree> = body.into_iter().collect();
    let mut end = 0;
    while let [hash, bang, TokenTree::Group(group), ..] = &tokens[end..] {
        if !is_punct(hash, '#') || !is_punct(bang, '!') || group.delimiter() != Delimiter::Bracket {
            break;
        }
        end += 3;
    }
    let mut tokens = tokens.into_iter();
    (tokens.by_ref().take(end).collect(), tokens.collect())
}

/// Tells the function's shape and finds the statements that do the work.
pub(super) fn shape(sig: &Signature, body: TokenStream, errors: &mut Errors) -> (Shape, TokenStream) {
    if sig.asyncness.is_some() {
        return (Shape::Async, body);
    }
    let Some(shape) = output_type(sig).and_then(|ty| Some(future(ty)?.0)) else {
        let what = "a gated tool waits for a reviewer, so it has to be `async`";
        // A `const fn` has been told so.
        if sig.constness.is_none() {
            errors.add(sig.fn_token, what, format!("write `async fn {}`", sig.ident));
        }
        return (Shape::Async, body);
    };
    let block = match shape {
        Shape::Boxed => boxed_block(body.clone()),
        _ => async_block(body.clone()),
    };
    if let Some(block) = block {
        return (shape, block);
    }
    let whole = if shape == Shape::Boxed { "Box::pin(async move { .. })" } else { "async move { .. }" };
    let what = format!("what comes before the future would run before a reviewer is asked: the body has to be one `{whole}`");
    errors.add(&sig.ident, what, format!("write `async fn {}`, or move everything into the `async move` block", sig.ident));
    (shape, body)
}

fn output_type(sig: &Signature) -> Option<&Type> {
    match &sig.output {
        ReturnType::Type(_, ty) => Some(ty),
        ReturnType::Default => None,
    }
}

/// Returns what the function's future resolves to.
pub(super) fn output(sig: &Signature, shape: Shape) -> Type {
    let unit = || syn::parse_quote!(());
    match (output_type(sig), shape) {
        (None, _) => unit(),
        (Some(ty), Shape::Async) => ty.clone(),
        (Some(ty), _) => future(ty).map_or_else(unit, |(_, output)| output),
    }
}

/// Returns what is inside `async move { .. }`, if that is all there is.
fn async_block(tokens: TokenStream) -> Option<TokenStream> {
    let mut tokens = tokens.into_iter().peekable();
    tokens.next().filter(|token| is_ident(token, "async"))?;
    tokens.next_if(|token| is_ident(token, "move"));
    let block = lone_group(tokens.collect())?;
    (block.delimiter() == Delimiter::Brace).then(|| block.stream())
}

/// Returns what is inside `Box::pin(async move { .. })`, if that is all there is.
fn boxed_block(tokens: TokenStream) -> Option<TokenStream> {
    let mut tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let TokenTree::Group(call) = tokens.pop()? else { return None };
    let path: Path = syn::parse2(tokens.into_iter().collect()).ok()?;
    let mut names = path.segments.iter().rev().map(|segment| &segment.ident);
    let is_box_pin = names.next()? == "pin" && names.next()? == "Box";
    if is_box_pin && call.delimiter() == Delimiter::Parenthesis { async_block(call.stream()) } else { None }
}
