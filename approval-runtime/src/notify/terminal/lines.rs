//! Lines that a person types, read on demand by a thread that never holds the process.

use std::io::BufRead;

use tokio::sync::mpsc;

/// A reader that blocks only its own thread, and only while a line is wanted.
#[derive(Debug)]
pub(super) struct Lines {
    wanted: std::sync::mpsc::Sender<()>,
    typed: mpsc::UnboundedReceiver<String>,
    /// A line was asked for and has not come.
    outstanding: bool,
}

impl Lines {
    pub(super) fn of_stdin() -> Self {
        Self::of(|| std::io::stdin().lock())
    }

    pub(super) fn of<R: BufRead>(open: impl FnOnce() -> R + Send + 'static) -> Self {
        let (wanted, wishes) = std::sync::mpsc::channel();
        let (sender, typed) = mpsc::unbounded_channel();
        let read = move || {
            let mut input = open();
            while wishes.recv().is_ok() {
                let mut line = String::new();
                match input.read_line(&mut line) {
                    Ok(1..) if sender.send(line).is_ok() => {}
                    _ => return, // the end of input, or nobody asks any more
                }
            }
        };
        // Without a thread no line ever comes: the channel closes, and that reads as the end of input.
        let _ = std::thread::Builder::new().name("approval-stdin".into()).spawn(read);
        Self { wanted, typed, outstanding: false }
    }

    /// Waits for the next line; `None` at the end of input.
    ///
    /// Cancel safe: a line that comes after the future was dropped is the next one.
    pub(super) async fn next(&mut self) -> Option<String> {
        if !self.outstanding {
            self.wanted.send(()).ok()?;
            self.outstanding = true;
        }
        let line = self.typed.recv().await;
        self.outstanding = false;
        line
    }
}
