//! [`Place`]: the file, and whether it is still the one that was opened.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::{fs, io};

/// What the system calls a file, whatever its path.
type Identity = (u64, u64);

/// The file is no longer where it was opened.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replaced;

/// Where a store is kept.
#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    name: Box<str>,
    /// The database and its write-ahead log, as they were opened. SQLite keeps the log while anybody has the database open.
    opened: OnceLock<[(PathBuf, Identity); 2]>,
    is_replaced: AtomicBool,
}

impl Place {
    /// Names a place; a relative path stays what it is when the program changes its directory.
    pub(super) fn new(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        let name = path.display().to_string().into();
        Ok(Self { path, name, opened: OnceLock::new(), is_replaced: AtomicBool::new(false) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Makes the file where there is none, for the program's user only: arguments may be nobody else's business. SQLite gives
    /// its log the same permissions.
    pub(super) fn make(&self) -> io::Result<()> {
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        }
    }

    /// Remembers which files were opened.
    pub(super) fn remember(&self) -> io::Result<()> {
        let mut log = OsString::from(fs::canonicalize(&self.path)?);
        log.push("-wal");
        let log = PathBuf::from(log);
        let opened = [(self.path.clone(), identity(&self.path)?), (log.clone(), identity(&log)?)];
        self.opened.get_or_init(|| opened);
        Ok(())
    }

    /// Says whether what is there is what was opened. Once it is not, it never is again: what was written since is lost.
    pub(super) fn check(&self) -> Result<(), Replaced> {
        let is_there = |(path, opened): &(PathBuf, Identity)| identity(path).is_ok_and(|there| there == *opened);
        if self.is_replaced() || self.opened.get().is_some_and(|opened| !opened.iter().all(is_there)) {
            self.is_replaced.store(true, Ordering::Release);
            return Err(Replaced);
        }
        Ok(())
    }

    pub(super) fn is_replaced(&self) -> bool {
        self.is_replaced.load(Ordering::Acquire)
    }
}

#[cfg(unix)]
fn identity(path: &Path) -> io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;
    let file = fs::metadata(path)?;
    Ok((file.dev(), file.ino()))
}

/// Elsewhere the system keeps an open file from being replaced.
#[cfg(not(unix))]
fn identity(path: &Path) -> io::Result<Identity> {
    fs::metadata(path).map(|_| (0, 0))
}
