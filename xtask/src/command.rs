//! Child processes, each printed as a line that can be pasted.

use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

/// The workspace's root.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask is a folder of the workspace")
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
