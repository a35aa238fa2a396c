//! What a user takes on with `cargo add approval-runtime`.

use std::collections::BTreeSet;
use std::process::Command;

/// Builds C, or looks for C that somebody else built.
const NEEDS_C: [&str; 6] = ["bindgen", "cc", "cmake", "openssl-sys", "pkg-config", "vcpkg"];

/// Serves the web or calls out to it.
const NETWORK: [&str; 9] = ["axum", "h2", "hyper", "native-tls", "quinn", "reqwest", "rustls", "tonic", "ureq"];

/// The crates that `approval-runtime` builds with its default features, its own included.
fn default_crates() -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", "approval-runtime", "--edges", "normal,build"])
        .args(["--prefix", "none", "--format", "{p}", "--locked", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the cargo that built this test can be run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree failed: {errors}");
    let tree = String::from_utf8(output.stdout).expect("crate names are ASCII");
    // `name v1.2.3 (proc-macro) (*)`: two versions of one crate count twice.
    let crates: BTreeSet<String> = tree.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    assert!(crates.iter().any(|name| name.starts_with("approval-macros ")), "{tree}");
    crates
}

#[track_caller]
fn assert_without(unwanted: &[&str]) {
    let crates = default_crates();
    let names = crates.iter().filter_map(|name| name.split(' ').next());
    let found: Vec<&str> = names.filter(|name| unwanted.contains(name)).collect();
    assert!(found.is_empty(), "approval-runtime has come to need {found:?}");
}

#[test]
fn default_build_stays_small() {
    let crates = default_crates();
    assert!(crates.len() <= 50, "{} crates: {crates:#?}", crates.len());
}

#[test]
fn default_build_needs_no_c() {
    assert_without(&NEEDS_C);
}

#[test]
fn default_build_has_no_network() {
    assert_without(&NETWORK);
}
