//! Processes that pause, hang, abort or leave, on a store that others share.

#![allow(missing_docs)]
