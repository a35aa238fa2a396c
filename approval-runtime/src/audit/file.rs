//! [`CheckpointLog`]: exported checkpoints in a file, one a line.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::{AuditError, Checkpoint};

/// A file of exported checkpoints, one a line, only ever appended to. Several programs and namespaces may share one.
///
/// It is worth as much as it is out of reach of whoever can write to the store: on another machine, owned by another user, made
/// append-only by the file system, or copied away.
#[derive(Clone, Debug)]
pub struct CheckpointLog {
    path: PathBuf,
}

impl CheckpointLog {
    /// Names a file, which the first [`append`](Self::append) makes.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// Returns the file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a checkpoint, and returns when it is on the disk. It blocks for as long as that takes.
    ///
    /// # Errors
    /// [`AuditError::File`]. The line is then not there, or only the beginning of it, which the next one takes the place of: the
    /// checkpoint is still in the store, and [`Audit::checkpoints`](super::Audit::checkpoints) reads it to try again.
    pub fn append(&self, checkpoint: &Checkpoint) -> Result<(), AuditError> {
        self.append_line(&format!("{checkpoint}\n")).map_err(|source| self.failed(source))
    }

    fn append_line(&self, line: &str) -> io::Result<()> {
        let is_new = !self.path.exists();
        let mut file = OpenOptions::new().create(true).read(true).append(true).open(&self.path)?;
        // Another program's half-written line is not taken for one that a crash left.
        match file.lock() {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
            locked => locked?,
        }
        cut_torn_line(&mut file)?;
        file.write_all(line.as_bytes())?;
        file.sync_all()?;
        let folder = self.path.parent().filter(|_| is_new && cfg!(unix));
        folder.map_or(Ok(()), |folder| {
            // A new file is there after a crash once its folder is written.
            let here = folder.as_os_str().is_empty();
            File::open(if here { Path::new(".") } else { folder })?.sync_all()
        })
    }

    /// Reads the checkpoints, the first one first. There are none where there is no file; a last line that was not written to
    /// its end is passed over.
    ///
    /// # Errors
    /// [`AuditError::File`], [`AuditError::Line`].
    pub fn read(&self) -> Result<Vec<Checkpoint>, AuditError> {
        let text = match fs::read_to_string(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            text => text.map_err(|source| self.failed(source))?,
        };
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let read =
            |(nth, line): (usize, &str)| line.parse().map_err(|_| AuditError::Line { path: self.shown(), line: nth + 1 });
        whole.lines().enumerate().map(read).collect()
    }

    fn failed(&self, source: io::Error) -> AuditError {
        AuditError::File { path: self.shown(), source }
    }

    fn shown(&self) -> Box<str> {
        self.path.display().to_string().into()
    }
}

/// Removes what a crash left of a line that nobody was told is written.
fn cut_torn_line(file: &mut File) -> io::Result<()> {
    let mut last = [b'\n'];
    if file.metadata()?.len() > 0 {
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
    }
    if last == [b'\n'] {
        return Ok(());
    }
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    file.set_len(whole as u64)
}
