//! `cargo xtask bench`: the figures, built as a user's release would be.

use std::process::Command;

use crate::build;
use crate::command::{cargo, passes, root};

/// What the gate's own program measures; `http`, `durable`, `display` and `floor` are programs of their own, `article` the Python port,
/// `build` the compiler.
const FIGURES: &[(&str, &str)] = &[
    ("pass", "a call that passes through against the bare function"),
    ("auto", "an auto-approved call against serialising, hashing, parsing"),
    ("wake", "from `decide` to the body's first line"),
    ("cycles", "full cycles a second at 64 and 1,024 callers"),
    ("waiting", "1,000 and 100,000 calls waiting: processor time and memory"),
    ("million", "1,000,000 calls waiting (not among the default figures)"),
    ("http", "decisions and pages over HTTP against bare axum handlers and the article's endpoint"),
    ("durable", "cycles, wakes and pages on a disk against a program that makes the same commits"),
    ("display", "a KiB of several languages through flags and display form, against ASCII"),
    ("floor", "only the least program that does the work"),
    ("article", "the article's system in Python, where there is a python3"),
    ("build", "compiling 200 annotated functions against `#[tracing::instrument]` (not among the default figures)"),
];

/// Those that the gate's program does not measure.
const OWN_PROGRAMS: &[&str] = &["http", "durable", "display", "floor", "article", "build"];

/// The figures, for `cargo xtask help`.
pub(crate) fn help() -> String {
    let lines = FIGURES.iter().map(|(name, about)| format!("  {name:<8} {about}\n"));
    format!("Figures of bench:\n{}", lines.collect::<String>())
}

/// Measures the figures named, or all but the longest.
pub(crate) fn run(names: &[String]) -> bool {
    if let Some(unknown) = names.iter().find(|name| FIGURES.iter().all(|(known, _)| known != name)) {
        eprint!("no figure `{unknown}`\n\n{}", help());
        return false;
    }
    let wants = |name: &str| names.iter().any(|wanted| wanted == name);
    let gate: Vec<&str> = names.iter().map(String::as_str).filter(|name| !OWN_PROGRAMS.contains(name)).collect();
    let mut passed = true;
    if wants("floor") {
        passed &= passes(&mut program("approval-runtime", "floor"));
    }
    if names.is_empty() || !gate.is_empty() {
        passed &= passes(program("approval-runtime", "gate").arg("--").args(gate));
    }
    if names.is_empty() || wants("http") {
        passed &= passes(&mut program("approval-server", "http"));
    }
    if names.is_empty() || wants("durable") {
        passed &= passes(program("approval-runtime", "durable").args(["--features", "sqlite"]));
    }
    if names.is_empty() || wants("display") {
        passed &= passes(&mut program("approval-runtime", "display"));
    }
    if names.is_empty() || wants("article") {
        passed &= article();
    }
    if wants("build") {
        passed &= build::run();
    }
    passed
}

fn program(package: &str, name: &str) -> Command {
    cargo(["bench", "--quiet", "--package", package, "--bench", name])
}

fn article() -> bool {
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped the article's system: there is no python3");
        return true;
    }
    let mut article = Command::new("python3");
    article.arg("approval-runtime/benches/article/run.py").current_dir(root());
    passes(&mut article)
}
