//! `#[cfg]` on an argument: a function with it and one without, of which the compiler keeps one, each annotated anew.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, FnArg, Pat};

use crate::options::Options;
use crate::tokens::{is_ident, is_punct};
use crate::tool_fn::FnItem;

/// Returns the two functions, if an argument's presence depends on how the crate is built.
pub(crate) fn variants(args: &TokenStream, options: &Options, item: &FnItem) -> Option<TokenStream> {
    let index = item.sig.inputs.iter().position(|input| cfg_of(input).is_some())?;
    let (mut with, mut without) = (item.clone(), item.clone());
    let cfg = match with.sig.inputs.get_mut(index)? {
        FnArg::Typed(typed) => typed.attrs.extract_if(.., |attr| attr.path().is_ident("cfg")).next()?,
        FnArg::Receiver(_) => return None,
    };
    let condition = cfg.meta.require_list().ok()?.tokens.clone();
    let inputs = std::mem::take(&mut without.sig.inputs);
    let (mut others, mut gone) = (Vec::new(), None);
    for (place, input) in inputs.into_iter().enumerate() {
        if place == index { gone = Some(input) } else { others.push(input) }
    }
    without.sig.inputs = others.into_iter().collect();
    let args_without = match &gone {
        Some(FnArg::Typed(typed)) => match &*typed.pat {
            Pat::Ident(pat) => unlisted(args.clone(), &pat.ident),
            _ => args.clone(),
        },
        _ => args.clone(),
    };
    let (mark, krate) = match options.krate.get() {
        Some(path) => (Some(quote!(@)), path.to_token_stream()),
        None => (None, quote!(::approval_runtime)),
    };
    Some(quote! {
        #[cfg(#condition)]
        #[#krate::requires_approval(#mark #args)]
        #with

        #[cfg(not(#condition))]
        #[#krate::requires_approval(#mark #args_without)]
        #without
    })
}

/// Returns the function with the attribute named through `crate = path`, if that is given: a path that leads elsewhere is
/// then told once, and not by each path of the expansion.
pub(crate) fn through_crate(args: &TokenStream, options: &Options, item: &TokenStream) -> Option<TokenStream> {
    let path = options.krate.get()?;
    let span = Span::mixed_site().located_at(path.span());
    let attribute = quote_spanned!(span=> requires_approval);
    Some(quote!(#[#path::#attribute(@ #args)] #item))
}

/// Takes away the mark of [`through_crate`].
pub(crate) fn unmarked(args: TokenStream) -> (bool, TokenStream) {
    let mut rest = args.clone().into_iter();
    match rest.next() {
        Some(first) if is_punct(&first, '@') => (true, rest.collect()),
        _ => (false, args),
    }
}

fn cfg_of(input: &FnArg) -> Option<&Attribute> {
    match input {
        FnArg::Typed(typed) => typed.attrs.iter().find(|attr| attr.path().is_ident("cfg")),
        FnArg::Receiver(_) => None,
    }
}

/// Takes an argument that is not there out of `skip`, `live`, `redact` and `flatten`, and a list that then is empty with it.
fn unlisted(args: TokenStream, name: &Ident) -> TokenStream {
    let tokens: Vec<TokenTree> = args.into_iter().collect();
    let options = tokens.split_inclusive(|token| is_punct(token, ','));
    options
        .flat_map(|option| match option {
            [keyword, TokenTree::Group(list), rest @ ..]
                if list.delimiter() == Delimiter::Parenthesis
                    && ["skip", "live", "redact", "flatten"].iter().any(|option| is_ident(keyword, option)) =>
            {
                let items: Vec<TokenTree> = list.stream().into_iter().collect();
                let names_it =
                    |item: &&[TokenTree]| matches!(item.first(), Some(TokenTree::Ident(ident)) if ident.unraw() == name.unraw());
                let left: TokenStream = items
                    .split_inclusive(|token| is_punct(token, ','))
                    .filter(|item| !names_it(item))
                    .flat_map(|item| item.iter().cloned())
                    .collect();
                if left.is_empty() {
                    return TokenStream::new();
                }
                let left = Group::new(Delimiter::Parenthesis, left);
                quote!(#keyword #left #(#rest)*)
            }
            option => option.iter().cloned().collect(),
        })
        .collect()
}
