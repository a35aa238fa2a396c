//! The attribute above and below other macros, each order proven by running.

mod adk;
mod async_trait;
mod instrument;
mod rig;
mod rmcp;
mod support;
mod swiftide;
