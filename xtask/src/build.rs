//! `cargo xtask bench build`: what the attribute costs the compiler, beside `#[tracing::instrument]` on the same functions.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::command::{cargo, root};

const FUNCTIONS: usize = 200;
const RUNS: usize = 3;

/// The programs: what stands above each of their functions. The bare one comes off both.
const PROGRAMS: [(&str, &str); 3] = [("bare", ""), ("gated", "#[requires_approval]"), ("instrumented", "#[instrument]")];

/// Builds each program anew three times, in turns, after its dependencies, and prints the times.
pub(crate) fn run() -> bool {
    let workspace = root().join("target/bench-build");
    if let Err(error) = write(&workspace) {
        eprintln!("{} could not be written: {error}", workspace.display());
        return false;
    }
    let mut times: [Vec<Duration>; PROGRAMS.len()] = Default::default();
    for turn in 0..=RUNS {
        for (program, times) in times.iter_mut().enumerate() {
            let Some(time) = build(&workspace, PROGRAMS[program].0) else { return false };
            // The first turn builds the dependencies.
            if turn > 0 {
                times.push(time);
            }
        }
    }
    let medians = times.map(|mut times| {
        times.sort_unstable();
        times[RUNS / 2].as_secs_f64()
    });
    println!("{FUNCTIONS} functions of 3 arguments, `cargo build` of their crate alone, median of {RUNS} in turns");
    for ((name, _), seconds) in PROGRAMS.iter().zip(medians) {
        println!("  {name:<13} {seconds:6.2} s");
    }
    let [bare, gated, instrumented] = medians;
    println!(
        "  gated is {:.2} × instrumented; without what bare takes, {:.2} ×",
        gated / instrumented,
        (gated - bare) / (instrumented - bare)
    );
    true
}

fn build(workspace: &Path, program: &str) -> Option<Duration> {
    let run = |command: &mut Command| {
        let command =
            command.current_dir(workspace).env("CARGO_INCREMENTAL", "0").env("CARGO_TARGET_DIR", workspace.join("target"));
        command.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    if !run(&mut cargo(["clean", "--package", program])) {
        eprintln!("{program} could not be cleaned");
        return None;
    }
    let start = Instant::now();
    let built = run(&mut cargo(["build", "--package", program]));
    if !built {
        eprintln!("{program} could not be built: see `cargo build --package {program}` in {}", workspace.display());
    }
    built.then(|| start.elapsed())
}

fn write(workspace: &Path) -> std::io::Result<()> {
    let file = |path: PathBuf, text: &str| {
        fs::create_dir_all(path.parent().unwrap_or(workspace))?;
        fs::write(path, text)
    };
    let members = PROGRAMS.map(|(name, _)| format!("{name:?}")).join(", ");
    file(workspace.join("Cargo.toml"), &format!("[workspace]\nresolver = \"3\"\nmembers = [{members}]\n"))?;
    let runtime = root().join("approval-runtime");
    for (name, attribute) in PROGRAMS {
        let manifest = format!(
            "[package]\nname = {name:?}\nedition = \"2024\"\n\n[dependencies]\napproval-runtime.path = {runtime:?}\ntracing = \"0.1\"\n"
        );
        file(workspace.join(name).join("Cargo.toml"), &manifest)?;
        file(workspace.join(name).join("src/main.rs"), &source(attribute))?;
    }
    Ok(())
}

/// Each function behind a pointer, so that all are compiled and `main` stays small.
fn source(attribute: &str) -> String {
    let mut text = String::from(
        "#![allow(unused_imports)]\n\nuse approval_runtime::{BoxFuture, Refusal, requires_approval};\nuse tracing::instrument;\n\n",
    );
    for n in 0..FUNCTIONS {
        let _ = write!(
            text,
            "{attribute}\nasync fn tool_{n}(to: String, subject: String, copies: u32) -> Result<String, Refusal> {{\n    \
             std::future::ready(()).await;\n    Ok(format!(\"{{to}}, {{subject}}, {{copies}}\"))\n}}\n\n"
        );
    }
    text.push_str("fn main() {\n    let tools: Vec<BoxFuture<'static, Result<String, Refusal>>> = vec![\n");
    for n in 0..FUNCTIONS {
        let _ = writeln!(text, "        Box::pin(tool_{n}(String::new(), String::new(), {n})),");
    }
    text.push_str("    ];\n    println!(\"{}\", tools.len());\n}\n");
    text
}
