//! What a type's syntax tells: whether it is a future, what it borrows, what cannot be named.

use proc_macro2::TokenTree;
use quote::ToTokens;
use syn::{GenericArgument, PathArguments, Type, TypeParamBound};

use crate::tokens::{find_ident, is_punct, walk};

/// How a function says that it is asynchronous.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Shape {
    /// `async fn`.
    Async,
    /// `fn -> impl Future`, one `async move { .. }`.
    Future,
    /// `fn -> Pin<Box<dyn Future>>`, one `Box::pin(async move { .. })`: what `#[async_trait]` and rmcp's `#[tool]` leave behind.
    Boxed,
}

/// Tells whether a type is a future, of which shape, and what it resolves to.
pub(crate) fn future(ty: &Type) -> Option<(Shape, Type)> {
    match bare(ty) {
        Type::ImplTrait(ty) => Some((Shape::Future, future_output(ty.bounds.iter())?)),
        ty => {
            let segment = last_segment(ty)?;
            let inner = || type_arguments(&segment.arguments).last();
            if segment.ident == "BoxFuture" || segment.ident == "LocalBoxFuture" {
                return Some((Shape::Boxed, inner()?.clone()));
            }
            let boxed = last_segment(inner().filter(|_| segment.ident == "Pin")?)?;
            let object = type_arguments(&boxed.arguments).next().filter(|_| boxed.ident == "Box")?;
            match bare(object) {
                Type::TraitObject(object) => Some((Shape::Boxed, future_output(object.bounds.iter())?)),
                _ => None,
            }
        }
    }
}

/// Returns `T` of a bound `Future<Output = T>`.
fn future_output<'a>(bounds: impl Iterator<Item = &'a TypeParamBound>) -> Option<Type> {
    bounds
        .filter_map(|bound| match bound {
            TypeParamBound::Trait(bound) => bound.path.segments.last().filter(|segment| segment.ident == "Future"),
            _ => None,
        })
        .find_map(|segment| match &segment.arguments {
            PathArguments::AngleBracketed(arguments) => arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::AssocType(assoc) if assoc.ident == "Output" => Some(assoc.ty.clone()),
                _ => None,
            }),
            _ => None,
        })
}

fn type_arguments(arguments: &PathArguments) -> impl Iterator<Item = &Type> {
    let arguments = match arguments {
        PathArguments::AngleBracketed(arguments) => Some(&arguments.args),
        _ => None,
    };
    arguments.into_iter().flatten().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

pub(crate) fn last_segment(ty: &Type) -> Option<&syn::PathSegment> {
    match bare(ty) {
        Type::Path(ty) => ty.path.segments.last(),
        _ => None,
    }
}

/// Says whether a type is rmcp's `RequestContext<RoleServer>`, whose `ct` says that the client has given up.
pub(crate) fn is_request_context(ty: &Type) -> bool {
    last_segment(ty).is_some_and(|segment| {
        segment.ident == "RequestContext"
            && type_arguments(&segment.arguments).any(|role| last_segment(role).is_some_and(|role| role.ident == "RoleServer"))
    })
}

/// Takes away parentheses and the invisible brackets of `macro_rules!`.
pub(crate) fn bare(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => bare(&group.elem),
        Type::Paren(paren) => bare(&paren.elem),
        ty => ty,
    }
}

/// Returns the lifetimes in a type, elided ones as `_`, each once.
pub(crate) fn lifetimes(ty: &Type) -> Vec<String> {
    let mut found = Vec::new();
    let mut borrow = false;
    walk(ty.to_token_stream(), &mut |before, token| {
        let after_quote = before.is_some_and(|before| is_punct(before, '\''));
        let name = match token {
            TokenTree::Ident(ident) if after_quote => Some(ident.to_string()),
            // `&T` without a lifetime of its own.
            token if borrow && !is_punct(token, '\'') => Some("_".to_owned()),
            _ => None,
        };
        borrow = is_punct(token, '&');
        if let Some(name) = name.filter(|name| !found.contains(name)) {
            found.push(name);
        }
    });
    found
}

/// Says whether a type has no fields that a path could go into.
pub(crate) fn is_leaf(ty: &Type) -> bool {
    const LEAVES: [&str; 18] = [
        "String", "str", "bool", "char", "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128",
        "isize", "f32", "f64",
    ];
    let ty = match bare(ty) {
        Type::Reference(reference) => bare(&reference.elem),
        ty => ty,
    };
    matches!(ty, Type::Path(path) if path.path.get_ident().is_some_and(|ident| LEAVES.iter().any(|leaf| ident == leaf)))
}

/// Says whether a type has an `impl Trait` in it, which cannot be named.
pub(crate) fn is_opaque(ty: &Type) -> bool {
    find_ident(ty, "impl").is_some()
}

/// Says whether a type is an `impl Serialize` that says nothing about coming back.
pub(crate) fn is_only_serialize(ty: &Type) -> bool {
    const SILENT: [&str; 8] = ["Clone", "Copy", "Debug", "Display", "Send", "Sync", "ToString", "Unpin"];
    let Type::ImplTrait(opaque) = bare(ty) else { return false };
    let mut serializes = false;
    opaque.bounds.iter().all(|bound| match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last().is_some_and(|segment| {
            serializes |= segment.ident == "Serialize";
            segment.ident == "Serialize" || SILENT.iter().any(|silent| segment.ident == silent)
        }),
        TypeParamBound::Lifetime(_) => true,
        _ => false,
    }) && serializes
}

/// Writes `_` for each `impl Trait` in a type.
pub(crate) fn erased(ty: &Type) -> Type {
    let mut ty = ty.clone();
    if is_opaque(&ty) {
        erase(&mut ty);
    }
    ty
}

fn erase(ty: &mut Type) {
    match ty {
        // Where the `impl` stands, so that what is wrong with it is told there.
        Type::ImplTrait(opaque) => {
            let span = opaque.impl_token.span;
            *ty = syn::parse_quote_spanned!(span=> _);
        }
        Type::Array(ty) => erase(&mut ty.elem),
        Type::Group(ty) => erase(&mut ty.elem),
        Type::Paren(ty) => erase(&mut ty.elem),
        Type::Reference(ty) => erase(&mut ty.elem),
        Type::Slice(ty) => erase(&mut ty.elem),
        Type::Tuple(ty) => ty.elems.iter_mut().for_each(erase),
        Type::Path(ty) => {
            for segment in &mut ty.path.segments {
                if let PathArguments::AngleBracketed(arguments) = &mut segment.arguments {
                    for argument in &mut arguments.args {
                        if let GenericArgument::Type(ty) = argument {
                            erase(ty);
                        }
                    }
                }
            }
        }
        _ => {}
    }
}
