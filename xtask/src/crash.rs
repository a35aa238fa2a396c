//! `cargo xtask crash`: `tests/crash`, with the failpoints that no other build has.

use std::process::Command;

use crate::command::{cargo, passes};

/// What `cargo` needs to build it: of this package alone, so that nothing else is built with the failpoints.
pub(crate) const PACKAGE: [&str; 4] = ["--package", "approval-crash", "--features", "_failpoints"];

pub(crate) fn run(args: &[String]) -> bool {
    passes(&mut command(args))
}

pub(crate) fn command<S: AsRef<str>>(args: &[S]) -> Command {
    let args = args.iter().map(AsRef::as_ref);
    cargo(["run", "--quiet"].into_iter().chain(PACKAGE).chain(["--"]).chain(args))
}
