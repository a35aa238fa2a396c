//! What an argument's type has to be able to do, said in the annotated function's words.
//!
//! Generated code names the traits as `<Type as Trait>::method(..)`: the compiler then has no generic function to show, and
//! its message ends at the user's type.

use std::borrow::Borrow;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::arguments::{Decoder, Invalid};
use crate::call::Capturing;

/// A type whose values reviewers can see and the body of a tool can be given back: `Serialize + DeserializeOwned`.
///
/// Implemented for every such type, and not to be implemented by hand. Each argument of an annotated function has to be
/// `Reviewable`, or be named in `live(..)` or `skip(..)`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be shown to a reviewer and given back",
    label = "this argument is captured as JSON, and the body runs on what was captured",
    note = "derive `Serialize` and `Deserialize` for it, without a lifetime; or name it in `live(..)` to show it and run it as it is, or in `skip(..)` to leave it out of review"
)]
// Without supertraits, or their own messages would come instead of ours.
pub trait Reviewable: Sized {
    #[doc(hidden)]
    fn show(value: &Self, call: &mut Capturing<'_>, name: &'static str);
    #[doc(hidden)]
    fn show_slice(values: &[Self], call: &mut Capturing<'_>, name: &'static str);
    #[doc(hidden)]
    fn show_lent<B: Serialize + ?Sized>(value: &B, call: &mut Capturing<'_>, name: &'static str);
    #[doc(hidden)]
    fn flatten(value: &Self, call: &mut Capturing<'_>);
    #[doc(hidden)]
    fn take(decoder: &mut Decoder, name: &'static str) -> Result<Self, Invalid>;
    #[doc(hidden)]
    fn take_slice(decoder: &mut Decoder, name: &'static str) -> Result<Vec<Self>, Invalid>;
    #[doc(hidden)]
    fn rest(decoder: &mut Decoder) -> Result<Self, Invalid>;
    #[doc(hidden)]
    fn peek(decoder: &mut Decoder, name: &'static str) -> Result<Self, Invalid>;
    #[doc(hidden)]
    fn peek_slice(decoder: &mut Decoder, name: &'static str) -> Result<Vec<Self>, Invalid>;
    #[doc(hidden)]
    fn peek_rest(decoder: &mut Decoder, besides: &[&'static str]) -> Result<Self, Invalid>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Reviewable for T {
    #[inline]
    fn show(value: &Self, call: &mut Capturing<'_>, name: &'static str) {
        call.argument(name, value, |decoder, name| decoder.take::<Self>(name).map(drop));
    }

    #[inline]
    fn show_slice(values: &[Self], call: &mut Capturing<'_>, name: &'static str) {
        call.argument(name, values, |decoder, name| decoder.take::<Vec<Self>>(name).map(drop));
    }

    #[inline]
    fn show_lent<B: Serialize + ?Sized>(value: &B, call: &mut Capturing<'_>, name: &'static str) {
        call.argument(name, value, |decoder, name| decoder.take::<Self>(name).map(drop));
    }

    #[inline]
    fn flatten(value: &Self, call: &mut Capturing<'_>) {
        call.flatten(value, |decoder, _| decoder.rest::<Self>().map(drop));
    }

    #[inline]
    fn take(decoder: &mut Decoder, name: &'static str) -> Result<Self, Invalid> {
        decoder.take(name)
    }

    #[inline]
    fn take_slice(decoder: &mut Decoder, name: &'static str) -> Result<Vec<Self>, Invalid> {
        decoder.take(name)
    }

    #[inline]
    fn rest(decoder: &mut Decoder) -> Result<Self, Invalid> {
        decoder.rest()
    }

    #[inline]
    fn peek(decoder: &mut Decoder, name: &'static str) -> Result<Self, Invalid> {
        decoder.peek(name)
    }

    #[inline]
    fn peek_slice(decoder: &mut Decoder, name: &'static str) -> Result<Vec<Self>, Invalid> {
        decoder.peek(name)
    }

    #[inline]
    fn peek_rest(decoder: &mut Decoder, besides: &[&'static str]) -> Result<Self, Invalid> {
        decoder.peek_rest(besides)
    }
}

/// A type whose values reviewers can see: `Serialize`.
///
/// Implemented for every such type, and not to be implemented by hand. What an annotated function names in `live(..)` has to be
/// `Showable`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be shown to a reviewer",
    label = "this argument is shown as JSON",
    note = "derive `Serialize` for it, or name it in `skip(..)` to leave it out of review"
)]
pub trait Showable {
    #[doc(hidden)]
    fn show(value: &Self, call: &mut Capturing<'_>, name: &'static str);
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> Showable for T {
    #[inline]
    fn show(value: &Self, call: &mut Capturing<'_>, name: &'static str) {
        call.show(name, value);
    }
}

/// An argument that the function takes by reference: the caller's where the call passed, else what was decoded.
pub enum Lent<'a, T: ?Sized, O> {
    /// The caller's own.
    Caller(&'a T),
    /// What was approved.
    Decoded(O),
}

impl<T: ?Sized, O> fmt::Debug for Lent<'_, T, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lent(..)")
    }
}

impl<'a, T> Lent<'a, T, T> {
    /// Wraps the caller's value of a type that comes back as itself.
    #[inline]
    pub const fn itself(value: &'a T) -> Self {
        Self::Caller(value)
    }
}

impl<T: ?Sized, O: Borrow<T>> Lent<'_, T, O> {
    /// Borrows the value for the body.
    #[inline]
    pub fn get(&self) -> &T {
        match self {
            Self::Caller(value) => value,
            Self::Decoded(value) => value.borrow(),
        }
    }
}
