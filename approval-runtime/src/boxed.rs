//! [`BoxFuture`]: what the traits of this crate return, so that they can be used behind a pointer.

use std::future::Future;
use std::pin::Pin;

/// A boxed future that can move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
