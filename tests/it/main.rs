//! What the gate does, over its public API only.

#![allow(missing_docs)]

mod again;
mod agents;
mod arguments;
mod audit;
mod by_name;
mod calls;
mod conformance;
mod dropped;
mod edits;
mod faults;
mod flags;
mod hostile;
mod left;
mod lifetimes;
mod macros;
mod notify;
mod policy;
mod progress;
mod quickstart;
mod races;
mod reads;
mod resume;
mod reviewers;
mod server;
mod shared;
mod sqlite;
mod support;
mod testing;
mod tools;
mod workspace;
