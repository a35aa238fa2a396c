//! Places where a test stops the program, to see what is left. Nothing is compiled there without the feature `_failpoints`.

#[cfg(feature = "_failpoints")]
use crate::request::Event;

/// Names a place: by itself, or as what comes right before or after a commit.
macro_rules! failpoint {
    (before $what:expr) => {
        #[cfg(feature = "_failpoints")]
        ::fail::fail_point!(&format!("before_{}", $what));
    };
    (after $what:expr) => {
        #[cfg(feature = "_failpoints")]
        ::fail::fail_point!(&format!("after_{}", $what));
    };
    ($name:literal) => {
        #[cfg(feature = "_failpoints")]
        ::fail::fail_point!($name);
    };
}

#[cfg(feature = "_failpoints")]
pub(crate) const fn name(event: &Event) -> &'static str {
    match event {
        Event::Vote { .. } => "vote",
        Event::TimeOut => "time_out",
        Event::Cancel { .. } => "cancel",
        Event::Withdraw { .. } => "withdraw",
        Event::Claim { .. } => "claim",
        Event::Expire(_) => "expire",
        Event::Finish { .. } => "finish",
        Event::Attach { .. } => "attach",
        Event::Leave { .. } => "leave",
        Event::Orphan { .. } => "orphan",
        Event::Settle { .. } => "settle",
        Event::Remove => "remove",
    }
}
