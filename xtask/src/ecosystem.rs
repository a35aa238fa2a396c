//! `cargo xtask ecosystem`: the attribute inside agent frameworks, in a workspace of its own.

use std::process::Command;

use crate::command::{self, cargo, passes};

/// The features of `approval-runtime` that bring a framework. No other step turns them on: rig alone takes 72 crates, changes
/// `serde_json` for the whole build, and has second versions of what this workspace has.
pub(crate) const FEATURES: &[&str] = &["rig044", "rmcp3"];

const MANIFEST: &str = "tests/ecosystem/Cargo.toml";

/// Runs the tests, and says whether none failed.
pub(crate) fn run() -> bool {
    match download() {
        Ok(()) => commands().iter_mut().all(passes),
        Err(why) => {
            eprintln!("{why}");
            false
        }
    }
}

/// Fetches the frameworks' crates, or says why they cannot be had here.
pub(crate) fn download() -> Result<(), String> {
    for manifest in ["Cargo.toml", MANIFEST] {
        let mut fetch = cargo(["fetch", "--locked", "--target", "host-tuple", "--manifest-path", manifest]);
        println!("$ {}", command::line(&fetch));
        let output = fetch.output().map_err(|error| format!("cargo could not be started: {error}"))?;
        let errors = String::from_utf8_lossy(&output.stderr);
        // A lockfile that is behind is a mistake and not a missing network: the commands fail on it too.
        if !output.status.success() && !errors.contains("--locked") {
            return Err(format!("the frameworks' crates could not be downloaded: {}", command::reason(&errors)));
        }
    }
    Ok(())
}

/// Lints and docs of the features that no other step turns on, then the tests with the frameworks.
pub(crate) fn commands() -> Vec<Command> {
    let features = FEATURES.join(",");
    let runtime = ["--locked", "--package", "approval-runtime", "--features", &features];
    let mut clippy = cargo(["clippy"].iter().chain(&runtime));
    clippy.args(["--", "--deny", "warnings"]);
    let mut docs = cargo(["doc", "--no-deps"].iter().chain(&runtime));
    docs.env("RUSTDOCFLAGS", "--deny warnings");
    let mut tests = cargo(["test", "--locked", "--no-fail-fast", "--manifest-path", MANIFEST]);
    // Beside the rest, where `cargo clean` finds it.
    if let Ok(target) = command::target() {
        tests.arg("--target-dir").arg(target);
    }
    vec![clippy, docs, tests]
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{FEATURES, MANIFEST};
    use crate::command::root;

    #[test]
    fn features_left_out_are_tested_here() {
        let read = |path: &str| fs::read_to_string(root().join(path)).expect("it is there");
        let (ecosystem, runtime) = (read(MANIFEST), read("approval-runtime/Cargo.toml"));
        for feature in FEATURES {
            assert!(ecosystem.contains(&format!("\"{feature}\"")), "{feature} is turned on nowhere");
            assert!(runtime.contains(&format!("\n{feature} = [")), "{feature} is no feature of approval-runtime");
        }
    }
}
