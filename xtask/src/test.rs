//! `cargo xtask test`: every step, whatever became of the one before, and what came of each.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::command::{cargo, passes, root};
use crate::{crash, ecosystem, release, tools};

struct Step {
    name: &'static str,
    about: &'static str,
    run: fn() -> Outcome,
}

enum Outcome {
    Passed,
    Failed,
    Skipped(String),
}

/// The quick ones first.
const STEPS: &[Step] = &[
    Step { name: "format", about: "rustfmt would change nothing", run: || all([cargo(["fmt", "--all", "--check"])]) },
    Step { name: "typos", about: "spelling, where python3 has pip", run: typos },
    Step { name: "clippy", about: "no warning, with all features and with each alone", run: || all(clippy()) },
    Step { name: "tests", about: "unit, integration, compile-fail and doc tests; the examples build", run: || all([tests()]) },
    Step {
        name: "crash",
        about: "programs killed at every place where they write lose nothing, run nothing twice, and leave nothing stuck",
        run: crash,
    },
    Step {
        name: "unified",
        about: "the tests again, with what other crates may turn on in serde_json",
        run: || all([unified()]),
    },
    Step {
        name: "release",
        about: "a release without the feature `testing` holds nothing of the test kit",
        run: || if release::holds_no_kit() { Outcome::Passed } else { Outcome::Failed },
    },
    Step { name: "docs", about: "rustdoc has no warning", run: || all([docs()]) },
    Step {
        name: "ecosystem",
        about: "the attribute in agent frameworks, where their crates are or can be downloaded",
        run: ecosystem,
    },
    Step { name: "deny", about: "licences, sources and banned crates, where cargo-deny is or can be installed", run: deny },
];

/// The packages that users depend on.
const LIBRARIES: &[&str] = &["approval-runtime", "approval-server"];

/// All that have features.
const MEMBERS: &[&str] = &["approval-runtime", "approval-server", "approval-tests"];

/// The steps, for `cargo xtask help`.
pub(crate) fn help() -> String {
    let mut text = String::from("Steps of test:\n");
    for step in STEPS {
        let _ = writeln!(text, "  {:<9} {}", step.name, step.about);
    }
    text
}

/// Runs the steps named, or all, and says whether none failed.
pub(crate) fn run(names: &[String]) -> bool {
    if let Some(unknown) = names.iter().find(|name| STEPS.iter().all(|step| step.name != **name)) {
        eprint!("no step `{unknown}`\n\n{}", help());
        return false;
    }
    let chosen = STEPS.iter().filter(|step| names.is_empty() || names.iter().any(|name| name == step.name));
    let mut report = Vec::new();
    for step in chosen {
        println!("\n=== {}: {}", step.name, step.about);
        let start = Instant::now();
        let outcome = (step.run)();
        println!("=== {} took {}", step.name, seconds(start.elapsed()));
        report.push((step.name, outcome, start.elapsed()));
    }
    summary(&report)
}

fn summary(report: &[(&str, Outcome, Duration)]) -> bool {
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    println!("\n=== summary");
    for (name, outcome, time) in report {
        let word = match outcome {
            Outcome::Passed => {
                passed += 1;
                "passed".to_owned()
            }
            Outcome::Failed => {
                failed += 1;
                format!("FAILED   see `=== {name}` above, again with `cargo xtask test {name}`")
            }
            Outcome::Skipped(why) => {
                skipped += 1;
                format!("skipped  {why}")
            }
        };
        println!("{name:<9} {:>7}  {word}", seconds(*time));
    }
    println!("steps: {passed} passed, {failed} failed, {skipped} skipped");
    failed == 0
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

/// Every command, whatever became of the one before.
fn all(commands: impl IntoIterator<Item = Command>) -> Outcome {
    let mut outcome = Outcome::Passed;
    for mut command in commands {
        if !passes(&mut command) {
            outcome = Outcome::Failed;
        }
    }
    outcome
}

fn clippy() -> Vec<Command> {
    let deny = ["--all-targets", "--", "--deny", "warnings"];
    let all = with_features(cargo(["clippy", "--workspace"]), MEMBERS);
    let mut commands = vec![with_args(all, deny)];
    commands.push(cargo(["clippy"].iter().chain(&crash::PACKAGE).chain(&deny)));
    for package in LIBRARIES {
        let features = features(package);
        if features.is_empty() {
            continue;
        }
        let bare = ["clippy", "--package", package, "--no-default-features"];
        commands.push(cargo(bare.iter().chain(&deny)));
        for feature in &features {
            let with = ["--features", feature.as_str()];
            commands.push(cargo(bare.iter().chain(&with).chain(&deny)));
        }
    }
    commands
}

/// Enough kills to come to every place several times; `cargo xtask crash` makes more.
fn crash() -> Outcome {
    if cfg!(unix) {
        all([crash::command(&["300"])])
    } else {
        Outcome::Skipped("it kills with SIGKILL, which this system has not".into())
    }
}

/// All features of the libraries, but `serde_json` as they alone would have it.
fn tests() -> Command {
    with_features(cargo(["test", "--workspace", "--no-fail-fast"]), LIBRARIES)
}

/// The whole workspace, so that no other crate is built again; the features are those of `approval-tests`.
fn unified() -> Command {
    with_features(cargo(["test", "--workspace", "--no-fail-fast", "--lib", "--test", "it"]), MEMBERS)
}

fn docs() -> Command {
    let mut docs = with_features(cargo(["doc", "--workspace", "--no-deps"]), MEMBERS);
    docs.env("RUSTDOCFLAGS", "--deny warnings");
    docs
}

fn deny() -> Outcome {
    match tools::CARGO_DENY.find() {
        Err(why) => Outcome::Skipped(why),
        Ok(program) => {
            let mut deny = Command::new(program);
            deny.args(["--workspace", "--locked"]).current_dir(root());
            all([with_args(with_features(deny, MEMBERS), ["check", "bans", "licenses", "sources"])])
        }
    }
}

fn typos() -> Outcome {
    match tools::TYPOS.find() {
        Err(why) => Outcome::Skipped(why),
        Ok(program) => {
            let mut typos = Command::new(program);
            typos.current_dir(root());
            all([typos])
        }
    }
}

fn ecosystem() -> Outcome {
    match ecosystem::download() {
        Err(why) => Outcome::Skipped(why),
        Ok(()) => all(ecosystem::commands()),
    }
}

/// Turns on all features of these packages. Not `--all-features`: see [`ecosystem::FEATURES`].
fn with_features(command: Command, packages: &[&str]) -> Command {
    let mut named = Vec::new();
    for package in packages {
        named.extend(features(package).iter().map(|name| format!("{package}/{name}")));
    }
    with_args(command, ["--features", &named.join(",")])
}

fn with_args<'a>(mut command: Command, args: impl IntoIterator<Item = &'a str>) -> Command {
    command.args(args);
    command
}

/// The features a package's manifest names, without `default`, private ones (`_…`) and those of [`ecosystem::FEATURES`].
fn features(package: &str) -> BTreeSet<String> {
    let folder = if package == "approval-tests" { "tests" } else { package };
    let path = root().join(folder).join("Cargo.toml");
    let manifest = fs::read_to_string(&path).expect("every member has a manifest");
    let mut names = feature_names(&manifest);
    names.retain(|name| !ecosystem::FEATURES.contains(&&**name));
    names
}

fn feature_names(manifest: &str) -> BTreeSet<String> {
    manifest
        .lines()
        .skip_while(|line| *line != "[features]")
        .skip(1)
        .take_while(|line| !line.starts_with('['))
        .filter_map(|line| line.split_once(" = ["))
        .map(|(name, _)| name.to_owned())
        .filter(|name| name != "default" && !name.starts_with(['#', '_']))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{STEPS, feature_names, features};

    #[test]
    fn manifest_gives_its_features() {
        let manifest = "[package]\nname = \"x\"\n[features]\ndefault = [\"macros\"]\n# Why = [\n\
                        macros = [\"dep:y\"]\nsqlite = []\n_private = []\n\n[dependencies]\ny = [\"no\"]\n";
        assert_eq!(Vec::from_iter(feature_names(manifest)), ["macros", "sqlite"]);
        assert!(features("approval-runtime").contains("macros"));
    }

    #[test]
    fn step_names_differ() {
        for (index, step) in STEPS.iter().enumerate() {
            assert!(STEPS[..index].iter().all(|earlier| earlier.name != step.name), "{}", step.name);
        }
    }
}
