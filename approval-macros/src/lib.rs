//! The `#[requires_approval]` attribute.

mod errors;
mod expand;
mod length;
mod options;
mod reason;
mod tokens;
mod tool_fn;

use proc_macro2::TokenStream;

use crate::errors::Errors;
use crate::options::Options;
use crate::tool_fn::{FnItem, ToolFn};

/// Holds a tool call back until a reviewer says yes.
#[proc_macro_attribute]
pub fn requires_approval(args: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    annotate(args.into(), item.into()).into()
}

fn annotate(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let options = Options::parse(args, &mut errors);
    let function = FnItem::read(item.clone(), &mut errors);
    let tool = function.map(|function| ToolFn::check(options, function, &mut errors));
    match (tool, errors.finish()) {
        (Some(tool), None) => expand::gate(&tool),
        // The function stays, so that its callers still resolve.
        (_, errors) => errors.into_iter().chain([item]).collect(),
    }
}
