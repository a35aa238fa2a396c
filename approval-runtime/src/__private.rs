//! Everything that generated code names. Nothing here is covered by semantic versioning; use the crate's front door.

#![allow(missing_docs, reason = "not for people")]

pub use inventory;

use crate::arguments::{Decoder, Invalid};
pub use crate::call::{Call, Capturing, Permit, ask, route, run};
pub use crate::refusal::{Refusal, ToolReturn};
use crate::signature::Shown;
pub use crate::signature::{Argument as Captures, Lent};
pub use crate::tool::{Argument, Effect, Registered, Tool};

/// Adds an annotated function to the binary's registry.
#[doc(hidden)]
#[macro_export]
macro_rules! __approval_register {
    ($tool:path) => {
        $crate::__private::inventory::submit! { $crate::__private::Registered(&$tool) }
    };
}
pub use crate::__approval_register as register;

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
