//! Stores with one planted fault each: the suite can fail, by the test that names what is wrong, and by that of no other topic.

use std::collections::BTreeSet;

use approval_runtime::store::conformance::Promise;

use super::faults::{Fault, place};

/// Returns the promises that a store with this fault does not keep.
async fn broken_by(fault: Fault) -> BTreeSet<&'static str> {
    let mut broken = BTreeSet::new();
    for promise in Promise::all() {
        if tokio::spawn(promise.test(place(fault))).await.is_err() {
            broken.insert(promise.name());
        }
    }
    broken
}

/// Without a fault nothing fails: what fails below does so by the fault.
#[tokio::test(start_paused = true)]
async fn sound_store_keeps_every_promise() {
    assert_eq!(broken_by(Fault::Nothing).await, BTreeSet::new());
}

/// A test a fault: it breaks the promises that name it, and none that is about something else.
macro_rules! planted {
    ($($name:ident: $fault:ident breaks $($broken:ident),+; not $($kept:ident),+.)*) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                let broken = broken_by(Fault::$fault).await;
                for promise in [$(stringify!($broken)),+] {
                    assert!(broken.contains(promise), "{promise} passes, of what fails: {broken:#?}");
                }
                for promise in [$(stringify!($kept)),+] {
                    assert!(!broken.contains(promise), "{promise} fails, and is about something else");
                }
                assert!(is_known(&[$(stringify!($broken)),+, $(stringify!($kept)),+]));
            }
        )*

        /// Those that some fault breaks.
        const BROKEN: &[&str] = &[$($(stringify!($broken)),+),*];
    };
}

/// Every promise can fail: whoever adds one plants a fault for it.
#[test]
fn every_promise_has_its_fault() {
    let broken: BTreeSet<_> = BROKEN.iter().copied().collect();
    assert_eq!(broken, Promise::all().iter().map(Promise::name).collect());
}

fn is_known(names: &[&str]) -> bool {
    names.iter().all(|name| Promise::all().iter().any(|promise| promise.name() == *name))
}

planted! {
    writes_one_by_one_are_caught: WritesOneByOne
        breaks commit_is_all_or_nothing, refused_commits_are_no_changes;
        not i03_stale_write_changes_nothing, pages_are_complete.
    half_a_dropped_commit_is_caught: StopsHalfWay
        breaks dropped_commit_is_whole_or_nothing;
        not commit_does_all_its_writes, rows_are_written_as_expected.
    check_before_write_is_caught: ChecksThenWrites
        breaks i04_of_concurrent_writes_one_wins;
        not i03_stale_write_changes_nothing, limit_is_kept.
    twice_in_one_commit_is_caught: TakesTwiceInOne
        breaks two_writes_to_one_thing_are_refused;
        not commit_is_all_or_nothing, words_round_trip.
    ignored_versions_are_caught: IgnoresVersions
        breaks i03_stale_write_changes_nothing;
        not i06_late_write_changes_nothing, pages_are_complete.
    ignored_deadlines_are_caught: IgnoresDeadlines
        breaks i06_late_write_changes_nothing;
        not i06_early_write_changes_nothing, i03_stale_write_changes_nothing.
    deadline_that_is_checked_early_is_caught: ChecksDeadlinesEarly
        breaks i06_end_that_was_read_stands;
        not i06_late_write_changes_nothing, i06_early_write_changes_nothing, i03_stale_write_changes_nothing.
    ignored_beginnings_are_caught: IgnoresBeginnings
        breaks i06_early_write_changes_nothing;
        not i06_late_write_changes_nothing, limit_is_kept.
    ignored_lives_are_caught: IgnoresLives
        breaks i31_write_of_another_life_changes_nothing;
        not write_under_another_freeze_changes_nothing, pages_are_complete.
    ignored_freezes_are_caught: IgnoresFreezes
        breaks write_under_another_freeze_changes_nothing;
        not i31_write_of_another_life_changes_nothing, limit_is_kept.
    ignored_limit_is_caught: IgnoresLimit
        breaks i28_pending_limit_is_kept, i28_pending_limit_holds_in_a_race;
        not known_id_is_not_inserted_twice, limit_is_kept.
    limit_per_write_is_caught: CountsCommitsOnce
        breaks i28_pending_limit_counts_whole_commits;
        not i28_pending_limit_is_kept, words_round_trip.
    limit_over_all_is_caught: CountsEverybody
        breaks i28_pending_limit_is_of_a_namespace;
        not i28_pending_limit_is_kept, limit_is_kept.
    known_ids_taken_are_caught: TakesKnownIds
        breaks known_id_is_not_inserted_twice;
        not same_call_is_not_inserted_twice, pages_are_complete.
    same_calls_taken_are_caught: TakesSameCalls
        breaks same_call_is_not_inserted_twice, of_concurrent_inserts_one_wins, withdrawn_call_frees_its_key;
        not known_id_is_not_inserted_twice, pages_are_complete.
    lost_unknown_ones_are_caught: LosesUnknownOnes
        breaks unknown_id_is_not_found, i24_requests_are_written_in_their_namespace;
        not known_id_is_not_inserted_twice, pages_are_complete.
    rounded_numbers_are_caught: RoundsNumbers
        breaks arguments_round_trip;
        not words_round_trip, pages_are_complete.
    skipping_page_is_caught: SkipsOnPages
        breaks pages_are_complete;
        not limit_is_kept, pages_of_histories_are_complete.
    repeating_page_is_caught: RepeatsOnPages
        breaks pages_hold_while_rows_change;
        not limit_is_kept, pages_come_in_both_orders.
    one_order_is_caught: KnowsOneOrder
        breaks pages_come_in_both_orders;
        not i21_histories_are_chained, rows_come_by_the_bytes_of_keys.
    ignored_page_size_is_caught: IgnoresPageSize
        breaks limit_is_kept;
        not statuses_are_judged_at_the_moment, i28_pending_limit_is_kept.
    written_status_is_caught: ReadsWrittenStatus
        breaks statuses_are_judged_at_the_moment, i31_another_life_ends_what_waited;
        not due_ones_are_found, words_round_trip.
    missed_due_ones_are_caught: MissesDue
        breaks due_ones_are_found;
        not unused_ones_are_found, statuses_are_judged_at_the_moment.
    used_old_approvals_are_caught: UsesOldApprovals
        breaks unused_ones_are_found;
        not due_ones_are_found, held_ones_are_found.
    forgotten_waiters_are_caught: ForgetsWaiters
        breaks held_ones_are_found;
        not unused_ones_are_found, indeterminate_ones_are_found.
    missed_indeterminate_ones_are_caught: MissesIndeterminate
        breaks indeterminate_ones_are_found;
        not held_ones_are_found, due_ones_are_found.
    lost_row_is_caught: LosesRow
        breaks i21_every_version_has_its_row;
        not i21_refused_attempt_has_its_row, words_round_trip.
    lost_attempt_is_caught: LosesRefused
        breaks i21_refused_attempt_has_its_row;
        not i21_every_version_has_its_row, pages_are_complete.
    rewritten_rows_are_caught: RewritesRows
        breaks i21_histories_are_chained;
        not changes_are_told_in_order, pages_of_histories_are_complete.
    dropped_history_is_caught: DropsHistories
        breaks i21_history_outlives_its_record;
        not i21_every_version_has_its_row, pages_are_complete.
    places_by_request_are_caught: CountsPlacesByRequest
        breaks history_places_grow, places_hold_over_reopening;
        not changes_are_told_in_order, words_round_trip.
    skipping_history_is_caught: SkipsInHistories
        breaks pages_of_histories_are_complete;
        not i21_every_version_has_its_row, pages_are_complete.
    dropped_change_is_caught: DropsChange
        breaks changes_are_told_in_order, dropped_wait_loses_no_change;
        not changes_wake_who_waits, i21_every_version_has_its_row.
    reordered_changes_are_caught: ReordersChanges
        breaks changes_are_told_in_order;
        not changes_wake_who_waits, history_places_grow.
    forgotten_changes_are_caught: ForgetsEarlierChanges
        breaks changes_before_the_call_are_told;
        not changes_wake_who_waits, handles_share_state.
    deaf_wait_is_caught: NeverWakes
        breaks changes_wake_who_waits;
        not changes_before_the_call_are_told, handles_share_state.
    changes_of_others_are_caught: TellsOthers
        breaks i24_changes_are_of_a_namespace;
        not changes_wake_who_waits, i24_requests_of_namespaces_do_not_meet.
    ignored_row_versions_are_caught: IgnoresRowVersions
        breaks rows_are_written_as_expected, of_concurrent_row_writes_one_wins;
        not i03_stale_write_changes_nothing, row_values_are_bytes.
    forgotten_row_versions_are_caught: ForgetsRowVersions
        breaks row_versions_count_changes;
        not rows_are_written_as_expected, row_values_are_bytes.
    values_as_text_are_caught: ReadsValuesAsText
        breaks row_values_are_bytes;
        not rows_are_written_as_expected, arguments_round_trip.
    folded_keys_are_caught: FoldsKeys
        breaks rows_come_by_the_bytes_of_keys;
        not row_values_are_bytes, row_versions_count_changes.
    skipped_rows_are_caught: SkipsRows
        breaks row_pages_hold_while_rows_change;
        not row_values_are_bytes, pages_are_complete.
    mixed_kinds_are_caught: MixesKinds
        breaks kinds_of_rows_do_not_meet;
        not row_versions_count_changes, rows_are_written_as_expected.
    glued_keys_are_caught: GluesKeys
        breaks i24_rows_of_namespaces_do_not_meet;
        not i24_requests_of_namespaces_do_not_meet, row_values_are_bytes.
    foreign_reads_are_caught: ReadsAnyNamespace
        breaks i24_requests_of_namespaces_do_not_meet;
        not i24_rows_of_namespaces_do_not_meet, pages_are_complete.
    backward_clock_is_caught: GoesBack
        breaks i30_clock_does_not_go_back;
        not i06_late_write_changes_nothing, words_round_trip.
    clock_ahead_is_caught: RunsAhead
        breaks i30_commit_is_not_before_now;
        not i30_clock_does_not_go_back, words_round_trip.
    old_life_is_caught: SeesOldLife
        breaks i31_new_life_is_seen_by_all;
        not i30_clock_does_not_go_back, words_round_trip.
    forgotten_clock_is_caught: ForgetsClock
        breaks i30_clock_goes_on_over_reopening;
        not i30_clock_does_not_go_back, i31_life_is_kept_over_reopening.
    kept_nothing_is_caught: KeepsNothing
        breaks i11_reopening_finds_everything, handles_share_state, i31_life_is_kept_over_reopening;
        not row_values_are_bytes, pages_are_complete.
    lost_last_write_is_caught: LosesLastWrite
        breaks commit_does_all_its_writes;
        not two_writes_to_one_thing_are_refused, pages_are_complete.
    calls_of_all_compared_are_caught: ComparesCallsOfAll
        breaks i24_same_call_is_free_elsewhere;
        not same_call_is_not_inserted_twice, withdrawn_call_frees_its_key.
    inserts_behind_versions_are_caught: InsertsBehindVersions
        breaks insert_follows_no_version;
        not known_id_is_not_inserted_twice, i03_stale_write_changes_nothing.
    cut_arguments_are_caught: CutsLongArguments
        breaks longest_arguments_round_trip;
        not arguments_round_trip, words_round_trip.
    lost_reasons_are_caught: LosesOddReasons
        breaks words_round_trip;
        not arguments_round_trip, tools_round_trip.
    forgotten_tools_are_caught: ForgetsTools
        breaks tools_round_trip;
        not arguments_round_trip, words_round_trip.
    cut_namespaces_are_caught: CutsNamespaces
        breaks namespaces_round_trip;
        not i24_rows_of_namespaces_do_not_meet, words_round_trip.
    lost_results_are_caught: LosesResults
        breaks outcomes_round_trip;
        not arguments_round_trip, statuses_are_judged_at_the_moment.
}
