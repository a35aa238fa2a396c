//! Child processes, each printed as a line that can be pasted.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
}

/// The target folder, which is two above this program.
pub(crate) fn target() -> Result<PathBuf, String> {
    let this = env::current_exe().map_err(|error| format!("this program has no path: {error}"))?;
    let target = this.ancestors().nth(2).ok_or("this program is not in a target folder")?;
    Ok(target.to_owned())
}

/// `cargo` of the toolchain that runs this program, at the root.
pub(crate) fn cargo<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> Command {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(args).current_dir(root());
    command
}

/// Prints the command, runs it, and says whether it succeeded.
pub(crate) fn passes(command: &mut Command) -> bool {
    println!("$ {}", line(command));
    match command.status() {
        Ok(status) => status.success(),
        Err(error) => {
            eprintln!("{} could not be started: {error}", line(command));
            false
        }
    }
}

/// The line of a program's errors that says most: its first error, else its last line.
pub(crate) fn reason(stderr: &str) -> String {
    let is_error = |line: &&str| line.get(..5).is_some_and(|start| start.eq_ignore_ascii_case("error"));
    let line = stderr.lines().find(is_error).or_else(|| stderr.lines().last());
    line.unwrap_or("it did not say why").to_owned()
}

/// The command as one line, the program by its file name, variables that were set for it in front.
pub(crate) fn line(command: &Command) -> String {
    let mut words: Vec<String> = command
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)))
        .map(|(name, value)| format!("{}={}", text(name), quoted(&text(value))))
        .collect();
    let program = Path::new(command.get_program());
    words.push(text(program.file_name().unwrap_or(program.as_os_str())));
    words.extend(command.get_args().map(|arg| quoted(&text(arg))));
    words.join(" ")
}

fn text(value: &OsStr) -> String {
    value.to_string_lossy().into_owned()
}

fn quoted(word: &str) -> String {
    if word.contains(char::is_whitespace) { format!("'{word}'") } else { word.to_owned() }
}
