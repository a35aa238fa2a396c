//! Tests over the public API: see `it/`, `ui/` and `alloc/`. Here: the README's code, compiled.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
