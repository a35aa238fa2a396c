//! Everything that generated code names, beside the traits of the crate's front door. Nothing here is covered by semantic
//! versioning.

#![allow(missing_docs, reason = "not for people")]

pub use inventory;

pub use crate::call::{Called, Captured, Capturing, Gated, Keep, Kept, NotKept, Returns, Route, Running, route as route_as};
pub use crate::signature::Lent;
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
#[doc(hidden)]
#[macro_export]
macro_rules! __approval_route {
    ($($tool:tt)*) => { $crate::__private::route_as($crate::__private::tool!($($tool)*), ::core::option::Option::None, ::core::option::Option::None) };
}
pub use crate::__approval_route as route;

/// What a body returned where `on_refusal` stands in for `ToolReturn`: a `Result`, under whatever name, says whether it failed.
#[derive(Debug)]
pub struct Outcome<'a, T>(pub &'a T);

impl<T, E> Outcome<'_, Result<T, E>> {
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        self.0.is_err()
    }
}

/// For all other types: a method of the type itself goes before a trait's.
pub trait Otherwise {
    fn is_failure(&self) -> bool {
        false
    }
}

impl<T> Otherwise for Outcome<'_, T> {}

/// Gives `value` the type of `_like`, for an `impl Trait` argument that has no name.
#[inline]
pub fn same<T>(_like: &T, value: T) -> T {
    value
}
