//! What concerns neither body nor arguments: what kind of function it is, and the tool's name.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::{Attribute, Expr, ExprLit, Lit, Signature};

use super::item::name_of_tool;
use crate::errors::Errors;
use crate::options::Options;
use crate::tokens::ungrouped;

/// Checks what concerns neither body nor arguments.
pub(super) fn check_signature(attrs: &[Attribute], sig: &Signature, errors: &mut Errors) {
    if let Some(keyword) = &sig.constness {
        let help = format!("write `async fn {}`", sig.ident);
        errors.add(keyword, "a gated tool waits for a reviewer, which no constant can", help);
    }
    if let Some(abi) = &sig.abi {
        errors.add(abi, "a foreign caller cannot wait for a reviewer", "write an `async fn`, and call it from the foreign one");
    }
    if sig.ident == "main" && sig.inputs.is_empty() {
        errors.add(
            &sig.ident,
            "`main` is the program, not a tool of an agent",
            "put it above the `async fn` that does the work",
        );
    }
    if let Some(again) =
        attrs.iter().find(|attr| attr.path().segments.last().is_some_and(|segment| segment.ident == "requires_approval"))
    {
        errors.add(
            again,
            "`#[requires_approval]` stands above this function twice: two people would be asked",
            "keep one of the two",
        );
    }
}

/// Finds the tool's name: `name = ..`, else that of a `#[tool(name = "..")]` below, else the function's.
pub(super) fn name(options: &Options, attrs: &[Attribute], sig: &Signature, errors: &mut Errors) -> TokenStream {
    if let Some(name) = options.name.get() {
        if let Expr::Lit(ExprLit { lit, .. }) = ungrouped(name.clone()) {
            match &lit {
                Lit::Str(text) if text.value().trim().is_empty() => {
                    errors.add(&lit, "a tool needs a name", format!("write `name = \"{}\"`", sig.ident.unraw()));
                }
                Lit::Str(_) => {}
                _ => errors.add(&lit, "a tool's name is a string", format!("write `name = \"{}\"`", sig.ident.unraw())),
            }
        }
        return quote!(#name);
    }
    if let Some(name) = attrs.iter().find_map(name_of_tool) {
        return quote!(#name);
    }
    let name = sig.ident.unraw().to_string();
    if ["call", "execute", "invoke", "run"].contains(&name.as_str())
        && sig.receiver().is_some()
        && options.name.keyword().is_none()
    {
        let what = format!("`{name}` is what many tools call this method: reviewers need the tool's own name");
        errors.add(&sig.ident, what, "write `#[requires_approval(name = \"send_email\")]`");
    }
    quote!(#name)
}
