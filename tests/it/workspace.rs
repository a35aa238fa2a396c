//! What a user takes on with `cargo add approval-runtime`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Builds C, or looks for C that somebody else built.
const NEEDS_C: [&str; 6] = ["bindgen", "cc", "cmake", "openssl-sys", "pkg-config", "vcpkg"];

/// Serves the web or calls out to it.
const NETWORK: [&str; 9] = ["axum", "h2", "hyper", "native-tls", "quinn", "reqwest", "rustls", "tonic", "ureq"];

/// What `cargo tree` says of a package in this format, tests left out.
fn tree(package: &str, format: &str) -> String {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--package", package, "--edges", "normal,build"])
        .args(["--prefix", "none", "--format", format, "--locked", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the cargo that built this test can be run");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "cargo tree failed: {errors}");
    String::from_utf8(output.stdout).expect("crate names are ASCII")
}

/// The crates that `approval-runtime` builds with its default features, its own included.
fn default_crates() -> BTreeSet<String> {
    let tree = tree("approval-runtime", "{p}");
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

/// T38: what a program is made of does not turn the test kit on; what cargo says of this package, which does, shows that the
/// question is a good one.
#[test]
fn t38_only_tests_have_the_kit() {
    let features = |package| {
        let tree = tree(package, "{lib} {f}");
        tree.lines().find(|line| line.starts_with("approval_runtime ")).expect("it is used").to_owned()
    };
    let has_kit = |package| features(package).contains("testing");
    assert!(has_kit("approval-tests"));
    for package in ["approval-runtime", "approval-server"] {
        assert!(!has_kit(package), "{package} has the feature `testing`");
    }
    // The places where a test stops a program: not even this package has them.
    for package in ["approval-runtime", "approval-server", "approval-tests", "approval-crash"] {
        assert!(!features(package).contains("_failpoints"), "{package} has the feature `_failpoints`");
    }
}

/// T38: no variable of the environment lets a call pass: the crates read none, neither where they run nor where they are built.
#[test]
fn t38_environment_switches_nothing() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder of the workspace");
    let mut files = Vec::new();
    for package in ["approval-macros", "approval-runtime", "approval-server"] {
        assert!(!root.join(package).join("build.rs").exists(), "{package} has a build script, which may read the environment");
        sources(&root.join(package).join("src"), &mut files);
    }
    assert!(files.iter().any(|file| file.ends_with("approval-runtime/src/gate/mod.rs")), "{files:?}");
    for file in files {
        let source = fs::read_to_string(&file).expect("it is a source file");
        assert_eq!(environment(&source), None, "{} reads the environment", file.display());
    }
    assert_eq!(environment("let on = std::env::var(\"APPROVAL_OFF\").is_ok();"), Some("std::env::var("));
    assert_eq!(environment("const OFF: Option<&str> = option_env!(\"OFF\");"), Some("option_env!("));
    assert_eq!(environment("    /// let on = std::env::var(\"APPROVAL_OFF\").is_ok();"), None);
    assert_eq!(environment("fn approve(env: &str, reenvoy: &str) {}"), None);
}

/// Source files but for those that are tests as a whole.
fn sources(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("it can be listed").path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        if path.is_dir() && stem != Some("tests") {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") && stem != Some("tests") {
            files.push(path);
        }
    }
}

/// The first place where a source reads the environment, or brings a name into scope that does.
fn environment(source: &str) -> Option<&str> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':' | '!' | '(');
    // Examples in comments show a user's program.
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let mut words = code.flat_map(|line| line.split(|c| !is_part(c))).filter(|word| !word.is_empty());
    words.find(|word| {
        let names = word.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        let reads = names.clone().any(|name| matches!(name, "option_env" | "var_os" | "vars" | "vars_os"));
        reads || word.contains("env::") || word.contains("env!") || *word == "std::env"
    })
}
