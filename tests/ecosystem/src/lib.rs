//! Tests with the agent frameworks themselves: see `frameworks/`. Here: the code of `docs/frameworks.md`, compiled.

#[cfg(doctest)]
#[doc = include_str!("../../../docs/frameworks.md")]
struct Frameworks;
