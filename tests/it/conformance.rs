//! The public conformance suite over the stores that there are, over one of an outside crate, and over broken ones.

mod faults;
mod outside;
mod planted;

use std::sync::Arc;

use approval_runtime::store::SqliteStore;
use approval_runtime::store::conformance::Opening;
use approval_runtime::{MemoryStore, store_conformance};

use crate::sqlite::Dir;

store_conformance!(memory, async { MemoryStore::new() }, in_process);
store_conformance!(sqlite, fresh_file());

async fn fresh_file() -> Opening {
    let dir = Arc::new(Dir::new());
    Opening::new(move || {
        let dir = Arc::clone(&dir);
        async move { SqliteStore::open(dir.file()).expect("a new file, or one of ours") }
    })
}
