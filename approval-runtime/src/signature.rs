//! What an argument's type has to be able to do, said in the annotated function's words.

use std::borrow::Borrow;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A type whose values reviewers can see and the body can be given back: `Serialize + DeserializeOwned`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be shown to a reviewer and given back",
    label = "this argument is captured as JSON, and the body runs on what was captured",
    note = "derive `Serialize` and `Deserialize` for it, without a lifetime; or name it in `live(..)` to show it and run it as it is, or in `skip(..)` to leave it out of review"
)]
pub trait Argument: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Argument for T {}

/// A type whose values reviewers can see, for `live` arguments.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be shown to a reviewer",
    label = "this argument is shown as JSON",
    note = "derive `Serialize` for it, or name it in `skip(..)` to leave it out of review"
)]
pub trait Shown: Serialize {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + ?Sized> Shown for T {}

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
