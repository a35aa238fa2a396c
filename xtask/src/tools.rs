//! The two programs that don't come with Rust, at the versions this project was checked with.
//!
//! They are put under `target/tools`, so nothing of the machine's own is touched.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command;

/// A program to have before a step can run.
pub(crate) struct Tool {
    name: &'static str,
    version: &'static str,
    /// What the first install costs, for the line printed before it.
    cost: &'static str,
    /// The command that installs `name` into the folder.
    install: fn(&Self, &Path) -> Command,
}

pub(crate) const CARGO_DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
    cost: "built once, two to three minutes",
    install: |tool, folder| {
        let mut install = command::cargo(["install", "--quiet", "--locked", tool.name]);
        install.args(["--version", tool.version, "--root"]);
        install.arg(folder);
        install
    },
};

pub(crate) const TYPOS: Tool = Tool {
    name: "typos",
    version: "1.52.0",
    cost: "from PyPI",
    install: |tool, folder| {
        let mut install = Command::new("python3");
        install.args(["-m", "pip", "install", "--quiet", "--no-deps", "--upgrade"]);
        install.arg("--target").arg(folder);
        install.env("PIP_ROOT_USER_ACTION", "ignore");
        install.arg(format!("{}=={}", tool.name, tool.version));
        install
    },
};

impl Tool {
    /// The program, installed if need be, or why there is none.
    pub(crate) fn find(&self) -> Result<PathBuf, String> {
        if self.is(Path::new(self.name)) {
            return Ok(self.name.into());
        }
        let folder = folder()?.join(self.name);
        let program = folder.join("bin").join(self.name);
        if self.is(&program) {
            return Ok(program);
        }
        let mut install = (self.install)(self, &folder);
        println!("$ {}   # {}", command::line(&install), self.cost);
        match install.output() {
            Err(error) => {
                let installer = install.get_program().to_string_lossy();
                Err(format!("{} is installed by {installer}, which could not be started: {error}", self.name))
            }
            Ok(_) if self.is(&program) => Ok(program),
            Ok(output) => {
                let why = command::reason(&String::from_utf8_lossy(&output.stderr));
                Err(format!("{} {} could not be installed: {why}", self.name, self.version))
            }
        }
    }

    /// Whether this is the program, at the version the project was checked with.
    fn is(&self, program: &Path) -> bool {
        let Ok(output) = Command::new(program).arg("--version").output() else {
            return false;
        };
        let stdout = String::from_utf8_lossy(&output.stdout);
        stdout.split_whitespace().last() == Some(self.version)
    }
}

/// `tools` in the target folder.
fn folder() -> Result<PathBuf, String> {
    Ok(command::target()?.join("tools"))
}
