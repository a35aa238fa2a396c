//! The public conformance suite over the stores that there are, over one of an outside crate, and over broken ones.

mod faults;
mod outside;

use approval_runtime::{MemoryStore, store_conformance};

store_conformance!(memory, async { MemoryStore::new() }, in_process);
