//! [`Common`]: what the threads of a store share.

use std::sync::Arc;

use super::clock::Clock;
use super::feed::Feed;
use super::place::Place;

/// What the threads of a store share.
#[derive(Clone, Debug)]
pub(super) struct Common {
    pub(super) place: Arc<Place>,
    pub(super) clock: Arc<Clock>,
    pub(super) feed: Arc<Feed>,
}
