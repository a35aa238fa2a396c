//! What parent and children write to each other: files to which lines are added, each whole.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// The store of a scenario.
pub(crate) fn store(folder: &Path) -> PathBuf {
    folder.join("approvals.db")
}

/// What a child was told.
pub(crate) fn answers(folder: &Path, child: u64) -> PathBuf {
    folder.join(format!("answers-{child}"))
}

/// Which bodies began and ended in a child.
pub(crate) fn bodies(folder: &Path, child: u64) -> PathBuf {
    folder.join(format!("bodies-{child}"))
}

/// What a child complained about.
pub(crate) fn errors(folder: &Path, child: u64) -> PathBuf {
    folder.join(format!("errors-{child}"))
}

/// A file that lines are added to.
#[derive(Debug)]
pub(crate) struct Lines(File);

impl Lines {
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(OpenOptions::new().append(true).create(true).open(path)?))
    }

    /// Adds a line in one write: what the system has of it survives the process.
    pub(crate) fn add(&self, line: &str) {
        (&self.0).write_all(format!("{line}\n").as_bytes()).expect("the scenario's folder can be written");
    }

    /// Adds a line that is on the disk when this returns.
    pub(crate) fn add_synced(&self, line: &str) {
        self.add(line);
        self.0.sync_data().expect("the scenario's folder can be written");
    }
}

/// Reads a file that grows, from where it was left.
#[derive(Debug)]
pub(crate) struct Follow {
    path: PathBuf,
    read: u64,
}

impl Follow {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path, read: 0 }
    }

    /// The whole lines that came.
    pub(crate) fn lines(&mut self) -> Vec<String> {
        let Ok(mut file) = File::open(&self.path) else { return Vec::new() };
        let mut text = String::new();
        if file.seek(SeekFrom::Start(self.read)).and_then(|_| file.read_to_string(&mut text)).is_err() {
            return Vec::new();
        }
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        self.read += whole as u64;
        text[..whole].lines().map(str::to_owned).collect()
    }
}
