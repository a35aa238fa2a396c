//! [`WrongTokens`]: how many wrong tokens are answered as such.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many wrong tokens are told so in one window.
const MOST: u32 = 100;

/// How long a window lasts.
const WINDOW: Duration = Duration::from_secs(60);

/// Counts the wrong tokens of all clients together, so that it takes no more room however many clients there are.
///
/// Right tokens are not counted and never held up: locking reviewers out is what somebody who sends wrong ones would want.
#[derive(Debug, Default)]
pub(crate) struct WrongTokens(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    since: Option<Instant>,
    count: u32,
}

impl WrongTokens {
    /// Counts one more, and returns how long to wait if that was one too many.
    pub(crate) fn count(&self) -> Option<Duration> {
        let now = Instant::now();
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = match window.since {
            Some(since) if now < since + WINDOW => since,
            _ => {
                *window = Window { since: Some(now), count: 0 };
                now
            }
        };
        window.count = window.count.saturating_add(1);
        (window.count > MOST).then(|| since + WINDOW - now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_window_starts_anew() {
        let wrong = WrongTokens::default();
        for _ in 0..2 {
            for _ in 0..MOST {
                assert_eq!(wrong.count(), None);
            }
            assert_eq!(wrong.count(), Some(WINDOW));
            tokio::time::advance(WINDOW / 2).await;
            assert_eq!(wrong.count(), Some(WINDOW / 2));
            tokio::time::advance(WINDOW / 2).await;
        }
        assert_eq!(wrong.count(), None);
    }
}
