//! The corpus of hostile inputs, on every surface that there is: `tests/hostile-inputs.json` says what each has to come to.
//!
//! Each value goes the public way, whole: through a gate, an annotated function, a socket. A failure names the entry.

mod bodies;
mod cards;
mod corpus;
mod doors;
mod heard;
mod leaks;
mod pages;
mod policy;
mod said;
mod scan;
mod stores;
mod tools;
mod ways;
