//! T38: a release holds nothing of the test kit, unless it is asked for by the feature's name.

use std::env;
use std::fs;
use std::path::PathBuf;

use crate::command::{cargo, passes};

/// What the compiled kit cannot be without: its type, what it says in the log, and where the gate lets it in.
const MARKS: [&str; 3] = ["TestGate", "a test gate is in use", "build_observed"];

/// Builds the library as a release, with the kit and without, and looks what is in it.
///
/// Without optimization, which is quicker: what is compiled depends on `cfg` alone, and that is a release's. The build with
/// the kit shows that the marks are found where they are.
pub(crate) fn holds_no_kit() -> bool {
    [true, false].into_iter().all(|with_kit| {
        let mut build = cargo(["build", "--quiet", "--package", "approval-runtime", "--lib", "--release"]);
        build.args(["--config", "profile.release.opt-level=0"]);
        if with_kit {
            build.args(["--features", "testing"]);
        }
        passes(&mut build) && is_as_said(with_kit)
    })
}

fn is_as_said(with_kit: bool) -> bool {
    let path = library();
    let library = match fs::read(&path) {
        Ok(library) => library,
        Err(error) => {
            eprintln!("{} could not be read: {error}", path.display());
            return false;
        }
    };
    let wrong: Vec<_> = MARKS.into_iter().filter(|mark| holds(&library, mark) != with_kit).collect();
    if !wrong.is_empty() {
        let (with, has) = if with_kit { ("with", "has none of") } else { ("without", "holds") };
        eprintln!("a release {with} the feature `testing` {has} {wrong:?}");
    }
    wrong.is_empty()
}

fn holds(library: &[u8], mark: &str) -> bool {
    library.windows(mark.len()).any(|window| window == mark.as_bytes())
}

/// The compiled library, in the target folder that is two above this program.
fn library() -> PathBuf {
    let this = env::current_exe().expect("a program that runs has a path");
    let target = this.ancestors().nth(2).expect("this program is in a target folder");
    target.join("release").join("libapproval_runtime.rlib")
}
