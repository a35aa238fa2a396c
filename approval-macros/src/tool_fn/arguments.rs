//! The function's arguments: their names, what becomes of each, and how it comes back out of JSON.

use proc_macro2::{Ident, Span};
use quote::{ToTokens, format_ident};
use syn::ext::IdentExt;
use syn::{Attribute, FnArg, Pat, Signature, Type};

use crate::tokens::mention;
use crate::types::bare;

/// What becomes of an argument.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Part {
    /// Shown under its name; the body gets what was approved.
    Reviewed,
    /// Its fields are shown as arguments; the body gets what was approved.
    Flattened,
    /// Shown under its name; the body gets the caller's value.
    Live,
    /// Not shown.
    Skipped,
}

/// How an argument comes back out of JSON.
pub(crate) enum Rebuilt<'a> {
    /// As a value of its type.
    Itself(&'a Type),
    /// As a vector of these.
    Elements(&'a Type),
    /// As another type, which lends the argument's.
    From(Box<Type>),
}

/// One argument, `self` aside.
pub(crate) struct Argument {
    /// The name that reviewers see.
    pub(crate) name: String,
    /// The variable that the signature declares.
    pub(crate) variable: Ident,
    /// What the body binds, where that is not just the variable.
    pub(crate) pattern: Option<Pat>,
    /// The names that the pattern binds.
    pub(crate) bindings: Vec<Ident>,
    pub(crate) ty: Type,
    pub(crate) part: Part,
    /// `#[allow(..)]` and the like, which belong where the body binds the argument.
    pub(crate) lints: Vec<Attribute>,
}

impl Argument {
    /// Says whether the body gets a value that was decoded from what was approved.
    pub(crate) fn is_decoded(&self) -> bool {
        matches!(self.part, Part::Reviewed | Part::Flattened)
    }

    /// Returns the type behind the `&`, if it is one.
    pub(crate) fn borrowed(&self) -> Option<&Type> {
        match bare(&self.ty) {
            Type::Reference(reference) => Some(&reference.elem),
            _ => None,
        }
    }

    /// Returns the type without the `&`, if it has one.
    pub(crate) fn owned(&self) -> &Type {
        self.borrowed().unwrap_or(&self.ty)
    }

    /// Returns how the argument is decoded: `&T` through what owns a `T`.
    pub(crate) fn rebuilt(&self) -> Rebuilt<'_> {
        let Some(ty) = self.borrowed().map(bare) else { return Rebuilt::Itself(&self.ty) };
        match ty {
            Type::Slice(slice) => Rebuilt::Elements(&slice.elem),
            Type::Path(path) if path.path.is_ident("str") => Rebuilt::From(Box::new(syn::parse_quote!(::std::string::String))),
            // The library's, or one of the user's that can be cloned.
            Type::Path(path)
                if path.path.segments.last().is_some_and(|segment| segment.ident == "Path" && segment.arguments.is_none()) =>
            {
                Rebuilt::From(Box::new(syn::parse_quote!(<#ty as ::std::borrow::ToOwned>::Owned)))
            }
            ty => Rebuilt::Itself(ty),
        }
    }

    /// Says whether `tokens` may use one of the argument's names.
    pub(crate) fn is_mentioned(&self, tokens: impl ToTokens) -> bool {
        let tokens = tokens.into_token_stream();
        self.bindings.iter().any(|name| mention(tokens.clone(), name))
    }

    pub(super) fn is_mutable_borrow(&self) -> bool {
        matches!(bare(&self.ty), Type::Reference(reference) if reference.mutability.is_some())
    }
}

/// Takes the arguments apart and leaves plain variables in the signature.
pub(super) fn arguments(sig: &mut Signature) -> Vec<Argument> {
    let typed = sig.inputs.iter_mut().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    });
    let mut arguments: Vec<Argument> = Vec::new();
    for (index, typed) in typed.enumerate() {
        let bindings = bindings(&typed.pat);
        let (variable, pattern) = match (&*typed.pat, bindings.as_slice()) {
            (Pat::Ident(pat), _) if pat.by_ref.is_none() && pat.subpat.is_none() => {
                (pat.ident.clone(), pat.mutability.map(|_| (*typed.pat).clone()))
            }
            // `State(db): State<Db>` is the argument `db`.
            (pattern, [name]) => (name.clone(), Some(pattern.clone())),
            // An odd name, because the body may mean something else by `arg0`.
            (pattern, _) => (format_ident!("__approval_arg{index}", span = Span::mixed_site()), Some(pattern.clone())),
        };
        *typed.pat = syn::parse_quote!(#variable);
        let name = variable.unraw().to_string();
        // What `#[async_trait]` leaves of a pattern, counted with `self`.
        let made_up = name.strip_prefix("__arg").is_some_and(|rest| rest.parse::<usize>().is_ok());
        let name = if made_up { format!("arg{index}") } else { name.trim_start_matches("__approval_").to_owned() };
        arguments.push(Argument {
            name,
            variable,
            pattern,
            bindings,
            ty: (*typed.ty).clone(),
            part: Part::Reviewed,
            lints: Vec::new(),
        });
    }
    // `(a, b): (u8, u8), arg0: u8`: the written name stays, the made-up one gives way.
    for index in 0..arguments.len() {
        while arguments[index].bindings.len() != 1
            && arguments.iter().filter(|other| other.name == arguments[index].name).count() > 1
        {
            arguments[index].name.push('_');
        }
    }
    arguments
}

pub(super) fn is_lint(attr: &Attribute) -> bool {
    attr.path()
        .get_ident()
        .is_some_and(|ident| ["allow", "expect", "warn", "deny", "forbid"].iter().any(|level| ident == level))
}

/// Returns the variables that a pattern binds.
fn bindings(pat: &Pat) -> Vec<Ident> {
    fn collect(pat: &Pat, names: &mut Vec<Ident>) {
        match pat {
            Pat::Ident(pat) => {
                // An upper-case name is a constant or a unit struct.
                if !pat.ident.unraw().to_string().starts_with(char::is_uppercase) {
                    names.push(pat.ident.clone());
                }
                if let Some((_, inner)) = &pat.subpat {
                    collect(inner, names);
                }
            }
            Pat::Paren(pat) => collect(&pat.pat, names),
            Pat::Reference(pat) => collect(&pat.pat, names),
            Pat::Type(pat) => collect(&pat.pat, names),
            Pat::Tuple(pat) => pat.elems.iter().for_each(|pat| collect(pat, names)),
            Pat::TupleStruct(pat) => pat.elems.iter().for_each(|pat| collect(pat, names)),
            Pat::Slice(pat) => pat.elems.iter().for_each(|pat| collect(pat, names)),
            Pat::Struct(pat) => pat.fields.iter().for_each(|field| collect(&field.pat, names)),
            _ => {}
        }
    }
    let mut names = Vec::new();
    collect(pat, &mut names);
    names
}
