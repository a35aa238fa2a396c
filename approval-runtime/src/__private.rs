//! Everything that generated code names. Nothing here is covered by semantic versioning; use the crate's front door.

#![allow(missing_docs, reason = "not for people")]

use std::pin::Pin;

pub use inventory;
use serde_json::Value;

use crate::arguments::{Decoder, Invalid};
pub use crate::call::Returned;
pub use crate::call::{Call, Capturing, Permit, Running, route as route_as, run as run_judged};
pub use crate::refusal::{Refusal, ToolReturn};
use crate::signature::Shown;
pub use crate::signature::{Argument as Captures, Lent};
pub use crate::tool::{Argument, Effect, Registered, Tool};

/// Describes an annotated function in a static, adds that to the binary's registry, and borrows it.
#[doc(hidden)]
#[macro_export]
macro_rules! __approval_tool {
    ($name:expr, [$(($argument:expr, $ty:expr)),*] $(, |$tool:ident| $described:expr)?) => {{
        static __APPROVAL_TOOL: $crate::__private::Tool = {
            let tool = $crate::__private::Tool::annotated($name, ::core::file!(), ::core::line!());
            let tool = tool.with_arguments(&[$($crate::__private::Argument::new($argument, $ty)),*]);
            $(let $tool = tool; let tool = $described;)?
            tool
        };
        $crate::__private::inventory::submit! { $crate::__private::Registered(&__APPROVAL_TOOL) }
        &__APPROVAL_TOOL
    }};
}
pub use crate::__approval_tool as tool;

/// Routes a call that says neither whom to ask nor who calls.
#[inline]
pub fn route(tool: &'static Tool) -> Result<Permit, Call> {
    route_as(tool, None, None)
}

impl Permit {
    /// Runs a body whose result says whether it failed.
    #[inline]
    pub fn run<T: ToolReturn, F: Future<Output = T>>(self, body: Pin<&mut F>) -> Running<'_, F, fn(&T) -> bool> {
        run_judged(self, body, T::is_failure)
    }
}

#[inline]
pub fn argument<T: Captures>(call: &mut Capturing<'_>, name: &'static str, value: &T) {
    call.argument(name, value);
}

/// For `&[T]`, whose bound is on the elements: one type, one message.
#[inline]
pub fn slice<T: Captures>(call: &mut Capturing<'_>, name: &'static str, value: &[T]) {
    call.argument(name, value);
}

#[inline]
pub fn shown<T: Shown + ?Sized>(call: &mut Capturing<'_>, name: &'static str, value: &T) {
    call.argument(name, value);
}

#[inline]
pub fn flattened<T: Captures>(call: &mut Capturing<'_>, value: &T) {
    call.flatten(value);
}

#[inline]
pub fn take<T: Captures>(arguments: &mut Decoder, name: &'static str) -> Result<T, Invalid> {
    arguments.take(name)
}

#[inline]
pub fn take_slice<T: Captures>(arguments: &mut Decoder, name: &'static str) -> Result<Vec<T>, Invalid> {
    arguments.take(name)
}

#[inline]
pub fn peek<T: Captures>(arguments: &mut Decoder, name: &'static str) -> Result<T, Invalid> {
    arguments.peek(name)
}

#[inline]
pub fn peek_slice<T: Captures>(arguments: &mut Decoder, name: &'static str) -> Result<Vec<T>, Invalid> {
    arguments.peek(name)
}

#[inline]
pub fn rest<T: Captures>(arguments: &mut Decoder) -> Result<T, Invalid> {
    arguments.rest()
}

/// Decodes what `besides` does not name, and takes nothing out.
pub fn peek_rest<T: Captures>(arguments: &mut Decoder, besides: &[&'static str]) -> Result<T, Invalid> {
    arguments.peek_rest(besides)
}

/// Makes what a call by name gives of what the tool returned.
///
/// # Errors
/// The tool's own error in words.
pub fn returned<T: Returned>(returned: T) -> Result<Value, Box<str>> {
    returned.into_json()
}

/// Makes what a refused call returns.
#[cold]
#[must_use]
pub fn refused<T: ToolReturn>(refusal: Refusal) -> T {
    T::refused(refusal)
}

/// Gives `value` the type of `_like`, for an `impl Trait` argument that has no name.
#[inline]
pub fn same<T>(_like: &T, value: T) -> T {
    value
}
