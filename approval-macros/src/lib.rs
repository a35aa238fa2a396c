//! The `#[requires_approval]` attribute of `approval_runtime`, which re-exports it: use that crate.
//!
//! The rooms: `options` reads what the attribute says, `tool_fn` checks it against the function, `expand` writes the function
//! that asks first. A mistake never hides another: each is added to `errors`, and the function stays as it was written.

mod errors;
mod expand;
mod length;
mod options;
mod reason;
mod tokens;
mod tool_fn;
mod types;
mod variants;
mod words;

use proc_macro2::TokenStream;

use crate::errors::Errors;
use crate::options::Options;
use crate::tool_fn::{FnItem, ToolFn};

#[doc = include_str!("docs/requires_approval.md")]
/// ```ignore
#[doc = include_str!("docs/expansion.rs")]
/// ```
///
/// A future of a gated function holds what the bare one holds and a few words more; what a call needs while it waits is boxed,
/// and only there when it waits. On a 64-bit machine, for bodies that yield once:
///
/// | function | bare | gated |
/// | --- | --- | --- |
/// | three `String`s | 168 B | 232 B |
/// | one `u64` | 40 B | 104 B |
/// | `&self`, `&str`, `&[String]` | 96 B | 208 B |
#[proc_macro_attribute]
pub fn requires_approval(args: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    annotate(args.into(), item.into()).into()
}

fn annotate(args: TokenStream, item: TokenStream) -> TokenStream {
    let (came_through_crate, args) = variants::unmarked(args);
    let mut errors = Errors::default();
    let options = Options::parse(args.clone(), &mut errors);
    if !came_through_crate && let Some(through) = variants::through_crate(&args, &options, &item) {
        return through;
    }
    let function = FnItem::read(item.clone(), &mut errors);
    if let Some(variants) = function.as_ref().and_then(|function| variants::variants(&args, &options, function)) {
        return variants;
    }
    let tool = function.map(|function| ToolFn::check(options, function, &mut errors));
    match (tool, errors.finish()) {
        (Some(tool), None) => expand::gate(&tool),
        // The function stays, so that its callers still resolve.
        (_, errors) => errors.into_iter().chain([item]).collect(),
    }
}
