//! What the gate does, over its public API only.

#![allow(missing_docs)]

mod agents;
mod arguments;
mod by_name;
mod calls;
mod dropped;
mod edits;
mod faults;
mod flags;
mod hostile;
mod lifetimes;
mod macros;
mod notify;
mod policy;
mod progress;
mod quickstart;
mod races;
mod reads;
mod reviewers;
mod server;
mod support;
mod testing;
mod tools;
mod workspace;
