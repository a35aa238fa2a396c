//! The conformance suite: what every [`ApprovalStore`](super::ApprovalStore) promises, a function and a test a promise.
//!
//! This is a store of another crate, over the public API only:
//!
#![doc = "```"]
#![doc = include_str!("../../docs/small_store.rs")]
#![doc = "\n# approval_runtime::store_conformance!(small, async { SmallStore::default() }, in_process);\n```"]
#![doc = include_str!("../../docs/writing_a_store.md")]

mod commits;
mod feed;
mod guards;
mod handle;
mod histories;
mod inserts;
mod lives;
mod namespaces;
mod opening;
mod queries;
mod rows;
mod sample;
mod texts;

use std::fmt;

pub use self::commits::*;
pub use self::feed::*;
pub use self::guards::*;
pub use self::histories::*;
pub use self::inserts::*;
pub use self::lives::*;
pub use self::namespaces::*;
pub use self::opening::Opening;
pub use self::queries::*;
pub use self::rows::*;
pub use self::sample::{Sample, refused, update};
pub use self::texts::*;
use crate::boxed::BoxFuture;

/// A promise of the suite, for programs that run it in another way than by [`store_conformance!`](crate::store_conformance).
#[derive(Clone, Copy)]
pub struct Promise {
    name: &'static str,
    reopens: bool,
    keep: fn(Opening) -> BoxFuture<'static, ()>,
}

impl fmt::Debug for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").field("name", &self.name).field("reopens", &self.reopens).finish_non_exhaustive()
    }
}

impl Promise {
    /// Returns every promise.
    #[must_use]
    pub const fn all() -> &'static [Self] {
        ALL
    }

    /// Returns the name of its function and its test.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Says whether it is about stores whose data stays when every handle is closed.
    #[must_use]
    pub const fn is_about_reopening(&self) -> bool {
        self.reopens
    }

    /// Tests the promise at a fresh place.
    ///
    /// # Panics
    /// If the store does not keep it.
    pub async fn test(&self, opening: impl Into<Opening>) {
        (self.keep)(opening.into()).await;
    }
}

/// Stamps a module of tests, one a promise, each with a fresh place for the store.
///
/// The second argument is evaluated for each test: a future that gives an [`Opening`](crate::store::conformance::Opening), or a
/// store that lives in this process. Behind it may stand
///
/// - `in_process`: the store is gone with its process, so promises about opening it again are not made;
/// - `needs = "a reason"`: the tests are ignored unless `--include-ignored` is given, and say why.
///
/// The tests are [`tokio::test`](https://docs.rs/tokio/latest/tokio/attr.test.html)s on two threads: the crate that stamps them
/// needs tokio with the features `macros` and `rt-multi-thread`.
///
/// ```
/// use approval_runtime::{MemoryStore, store_conformance};
///
/// store_conformance!(memory, async { MemoryStore::new() }, in_process);
/// ```
#[macro_export]
macro_rules! store_conformance {
    ($store:ident, $opener:expr $(,)?) => {
        $crate::__store_promises! { tests $store [] every ($opener) }
    };
    ($store:ident, $opener:expr, in_process $(,)?) => {
        $crate::__store_promises! { tests $store [] in_process ($opener) }
    };
    ($store:ident, $opener:expr, needs = $reason:literal $(,)?) => {
        $crate::__store_promises! { tests $store [#[ignore = $reason]] every ($opener) }
    };
}

/// The one list of promises.
#[doc(hidden)]
#[macro_export]
macro_rules! __store_promises {
    ($($with:tt)*) => {
        $crate::__store_promises_with! {
            {
                known_id_is_not_inserted_twice
                same_call_is_not_inserted_twice
                i24_same_call_is_free_elsewhere
                withdrawn_call_frees_its_key
                unknown_id_is_not_found
                insert_follows_no_version
                i28_pending_limit_is_kept
                i28_pending_limit_counts_whole_commits
                i28_pending_limit_is_of_a_namespace
                i28_pending_limit_holds_in_a_race
                i03_stale_write_changes_nothing
                i06_late_write_changes_nothing
                i06_early_write_changes_nothing
                i06_end_that_was_read_stands
                i31_write_of_another_life_changes_nothing
                write_under_another_freeze_changes_nothing
                commit_does_all_its_writes
                commit_is_all_or_nothing
                two_writes_to_one_thing_are_refused
                i04_of_concurrent_writes_one_wins
                of_concurrent_inserts_one_wins
                of_concurrent_row_writes_one_wins
                dropped_commit_is_whole_or_nothing
                statuses_are_judged_at_the_moment
                due_ones_are_found
                unused_ones_are_found
                held_ones_are_found
                indeterminate_ones_are_found
                i31_another_life_ends_what_waited
                pages_come_in_both_orders
                pages_are_complete
                pages_hold_while_rows_change
                limit_is_kept
                i21_every_version_has_its_row
                i21_histories_are_chained
                i21_refused_attempt_has_its_row
                i21_history_outlives_its_record
                history_places_grow
                pages_of_histories_are_complete
                changes_are_told_in_order
                changes_before_the_call_are_told
                changes_wake_who_waits
                dropped_wait_loses_no_change
                i24_changes_are_of_a_namespace
                refused_commits_are_no_changes
                arguments_round_trip
                longest_arguments_round_trip
                words_round_trip
                tools_round_trip
                outcomes_round_trip
                rows_are_written_as_expected
                row_versions_count_changes
                row_values_are_bytes
                rows_come_by_the_bytes_of_keys
                row_pages_hold_while_rows_change
                kinds_of_rows_do_not_meet
                i24_requests_of_namespaces_do_not_meet
                i24_requests_are_written_in_their_namespace
                i24_rows_of_namespaces_do_not_meet
                namespaces_round_trip
                handles_share_state
                i30_clock_does_not_go_back
                i30_commit_is_not_before_now
                i31_new_life_is_seen_by_all
            }
            {
                i11_reopening_finds_everything
                i30_clock_goes_on_over_reopening
                i31_life_is_kept_over_reopening
                places_hold_over_reopening
            }
            $($with)*
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __store_promises_with {
    ({ $($any:ident)* } { $($again:ident)* } table) => {
        &[
            $(Promise { name: stringify!($any), reopens: false, keep: |opening| Box::pin(async move { $any(&opening).await }) },)*
            $(Promise { name: stringify!($again), reopens: true, keep: |opening| Box::pin(async move { $again(&opening).await }) },)*
        ]
    };
    ({ $($any:ident)* } { $($again:ident)* } tests $store:ident $attributes:tt in_process $opener:tt) => {
        mod $store {
            #[allow(unused_imports, reason = "the opener may name nothing of the module around")]
            use super::*;

            $($crate::__store_promise_test! { $any $attributes $opener })*
        }
    };
    ({ $($any:ident)* } { $($again:ident)* } tests $store:ident $attributes:tt every $opener:tt) => {
        $crate::__store_promises_with! { { $($any)* $($again)* } {} tests $store $attributes in_process $opener }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __store_promise_test {
    ($promise:ident [$($attribute:tt)*] ($opener:expr)) => {
        #[::tokio::test(flavor = "multi_thread", worker_threads = 2)]
        $($attribute)*
        async fn $promise() {
            let opening = $crate::store::conformance::Opening::from($opener.await);
            $crate::store::conformance::$promise(&opening).await;
        }
    };
}

const ALL: &[Promise] = crate::__store_promises!(table);
