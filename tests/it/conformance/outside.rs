//! The store that the documentation shows, as another crate writes it: over the public API only.

use approval_runtime::store_conformance;

include!("../../../approval-runtime/src/docs/small_store.rs");

store_conformance!(small, async { SmallStore::default() }, in_process);
