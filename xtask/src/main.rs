//! Everything a person or CI runs. `cargo xtask help` lists it.

mod bench;
mod build;
mod command;
mod crash;
mod ecosystem;
mod look_alikes;
mod release;
mod test;
mod tools;

use std::env;
use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask <command>

  test [step ..]     everything CI runs, or only the steps named
  bench [figure ..]  the figures of the README, or only those named
  crash [kills] [--seed N]
                     kills programs that use the gate, 10,000 times, and compares what is left
  ecosystem          the attribute in rmcp, rig, adk-rust and swiftide: tests/ecosystem
  look-alikes        writes the table of the characters that look like ASCII anew
  bless              writes the expected .stderr of every tests/ui/fail case anew; read the diff
  help               this text
";

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let command = args.next();
    let rest: Vec<String> = args.collect();
    let passed = match command.as_deref() {
        Some("test") => test::run(&rest),
        Some("bench") => bench::run(&rest),
        Some("crash") => crash::run(&rest),
        Some("ecosystem") => ecosystem::run(),
        Some("look-alikes") => look_alikes::write(),
        Some("bless") => bless(),
        None | Some("help" | "--help" | "-h") => {
            print!("{HELP}\n{}\n{}", test::help(), bench::help());
            true
        }
        Some(unknown) => {
            eprint!("no command `{unknown}`\n\n{HELP}");
            false
        }
    };
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn bless() -> bool {
    let mut ui = command::cargo(["test", "--package", "approval-tests", "--test", "ui"]);
    ui.env("TRYBUILD", "overwrite");
    command::passes(&mut ui)
}
