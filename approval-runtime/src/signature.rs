//! What an argument's type has to be able to do, said in the annotated function's words.

use std::borrow::Borrow;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A type whose values reviewers can see and the body can be given back: `Serialize + DeserializeOwned`; or `str`, `[T]` and
/// `Path`, which come back through their owned forms.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be shown to a reviewer and given back",
    label = "this argument is captured as JSON, and the body runs on what was captured",
    note = "derive `Serialize` and `Deserialize` for it, without a lifetime; or name it in `live(..)` to show it and run it as it is, or in `skip(..)` to leave it out of review"
)]
pub trait Argument: Serialize {
    /// The type that the captured JSON is decoded into.
    type Owned: DeserializeOwned + Borrow<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> Argument for T {
    type Owned = T;
}

impl Argument for str {
    type Owned = String;
}

impl<T: Serialize + DeserializeOwned> Argument for [T] {
    type Owned = Vec<T>;
}

impl Argument for Path {
    type Owned = PathBuf;
}

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
pub enum Lent<'a, T: Argument + ?Sized> {
    /// The caller's own.
    Caller(&'a T),
    /// What was approved.
    Decoded(T::Owned),
}

impl<T: Argument + ?Sized> fmt::Debug for Lent<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lent(..)")
    }
}

impl<T: Argument + ?Sized> Lent<'_, T> {
    /// Borrows the value for the body.
    #[inline]
    pub fn get(&self) -> &T {
        match self {
            Self::Caller(value) => value,
            Self::Decoded(value) => value.borrow(),
        }
    }
}
