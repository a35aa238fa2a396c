//! The annotated function, and every rule about it.

mod arguments;
mod elsewhere;
mod expressions;
mod item;
mod lists;
mod shapes;
mod signature;
#[cfg(test)]
mod tests;
mod tool;
mod values;

use self::arguments::arguments;
pub(crate) use self::arguments::{Argument, Part, Rebuilt};
pub(crate) use self::item::FnItem;
use self::shapes::{output, shape, split_inner_attrs};
use self::signature::{check_signature, name};
pub(crate) use self::tool::ToolFn;
use crate::errors::Errors;
use crate::options::Options;

impl ToolFn {
    /// Checks every rule. The result is to be expanded only if nothing was added to `errors`.
    pub(crate) fn check(options: Options, item: FnItem, errors: &mut Errors) -> Self {
        let FnItem { attrs, vis, mut sig, body, end } = item;
        check_signature(&attrs, &sig, errors);
        let (inner_attrs, body) = split_inner_attrs(body);
        let (shape, statements) = shape(&sig, body, errors);
        let output = output(&sig, shape);
        let arguments = arguments(&mut sig);
        let mut tool = Self {
            name: name(&options, &attrs, &sig, errors),
            options,
            attrs,
            vis,
            sig,
            shape,
            inner_attrs,
            statements,
            end,
            output,
            arguments,
            redact: Vec::new(),
            reason: None,
        };
        tool.sort_out_arguments(errors);
        tool.move_lints();
        tool.check_redact(errors);
        tool.check_reason(errors);
        tool.check_types(errors);
        tool.check_output(errors);
        tool.check_auto_approve(errors);
        tool.check_constants(errors);
        tool.check_callable(errors);
        tool.check_resumable(errors);
        tool
    }
}
