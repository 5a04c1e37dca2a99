//! What every store of records does, whatever database it rests on: one test a sentence, run on
//! each.

mod artifacts;
mod bench;
pub(super) mod fixture;
mod history;
mod job_fixture;
mod job_sending;
mod job_uploads;
mod jobs;
#[path = "../../../tests/support/kept.rs"]
mod kept;
mod keys;
#[path = "../../../tests/support/s3.rs"]
mod object_server;
mod partials;
mod postgres;
mod records;
#[path = "../../../tests/support/postgres.rs"]
mod server;
mod webhooks;

use bench::Bench;

/// Runs each sentence on every database.
macro_rules! on_every_database {
    ($($module:ident: $($sentence:ident),+;)+) => {
        mod on_sqlite {
            $($(
                #[tokio::test]
                async fn $sentence() {
                    super::$module::$sentence(super::Bench::sqlite().await).await;
                }
            )+)+
        }
        mod on_postgres {
            $($(
                #[tokio::test]
                async fn $sentence() {
                    super::$module::$sentence(super::Bench::postgres().await).await;
                }
            )+)+
        }
        mod on_postgres_behind_a_pooler {
            $($(
                #[tokio::test]
                async fn $sentence() {
                    super::$module::$sentence(super::Bench::pooled().await).await;
                }
            )+)+
        }
    };
}

on_every_database! {
    records:
        an_analysis_reads_back_exactly_also_after_a_restart,
        records_are_numbered_in_the_order_of_storing,
        how_it_was_asked_for_reads_back,
        recording_twice_is_refused_and_keeps_the_first,
        an_analysis_that_would_not_read_back_is_refused,
        a_record_that_does_not_read_back_is_an_error_that_names_it,
        the_searched_columns_repeat_the_document,
        another_keys_record_is_not_there,
        a_batch_reads_back_for_its_key_only,
        health_notices_a_database_that_is_gone,
        many_writers_and_readers_at_once_all_get_through;
    history:
        pages_follow_each_other_from_the_newest_without_gap_or_repeat,
        a_page_by_offset_is_the_page_by_cursor,
        a_cursor_that_names_no_record_gives_an_empty_page,
        each_filter_keeps_what_it_names,
        statistics_are_the_sums_of_the_records,
        statistics_follow_the_filter_to_the_microsecond,
        statistics_forget_what_is_deleted;
    jobs:
        each_job_is_claimed_once_among_many_claimers,
        jobs_are_claimed_in_the_order_they_came_and_know_their_place,
        a_lease_that_ran_out_is_anothers_and_the_first_may_write_nothing_more,
        a_late_worker_leaves_one_record_and_no_pictures,
        a_record_that_is_refused_does_not_end_its_job,
        a_job_tried_too_often_is_set_aside_and_may_be_tried_again,
        a_try_that_failed_waits_before_the_next_and_one_given_back_does_not;
    job_sending:
        a_job_reads_back_as_it_was_sent,
        the_same_request_has_one_job_however_often_it_is_sent,
        a_full_queue_takes_no_more_until_one_is_claimed,
        a_job_that_its_senders_process_works_on_is_claimed_from_its_beginning,
        a_cancelled_job_is_nobodys,
        another_keys_job_is_not_there,
        events_are_numbered_without_gap_and_the_latest_are_kept,
        ended_jobs_are_forgotten_after_a_time_and_others_never;
    webhooks:
        the_end_of_a_job_is_announced_to_whom_it_concerns_however_it_ends,
        a_delivery_is_tried_by_one_at_a_time_until_it_arrives,
        a_try_of_which_nothing_is_heard_is_made_again_and_its_late_word_refused,
        what_was_given_up_may_be_tried_again_and_a_removed_webhook_is_sent_nothing,
        deliveries_are_forgotten_after_a_time_unless_they_wait;
    keys:
        a_key_is_found_by_its_hash_until_it_is_revoked,
        keys_whose_hashes_begin_alike_are_told_apart,
        a_quota_is_spent_by_the_day_and_exact_under_contention,
        logged_requests_stay_until_they_are_too_old;
}
