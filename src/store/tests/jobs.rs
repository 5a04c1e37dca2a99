//! The queue of analyses, as workers see it.

use std::time::Duration;

use super::bench::Bench;
use super::fixture::analysis;
use super::job_fixture::{
    ANYBODY, LEASE, MAX_TRIES, claimed, enqueued, expect_stale, later, name, now, reason, state,
    terms,
};
use crate::domain::Stage;
use crate::store::{
    ArtifactName, ArtifactStore, EventKind, HistoryFilter, JobId, JobState, RetentionPolicy,
    Submission, keep_for_job,
};

pub(super) async fn each_job_is_claimed_once_among_many_claimers(bench: Bench) {
    let jobs = bench.records.jobs();
    enqueued(&jobs, 20).await;
    let others = [bench.another().await.jobs(), bench.another().await.jobs()];
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..12 {
        let jobs = match worker % 3 {
            0 => jobs.clone(),
            other => others[other - 1].clone(),
        };
        tasks.spawn(async move {
            let mut mine = Vec::new();
            while let Some(claim) = jobs.claim(&terms(worker as u128), now()).await.unwrap() {
                assert_eq!((claim.attempt, claim.tries), (1, 1));
                mine.push(claim.job);
            }
            mine
        });
    }
    let mut claimed: Vec<JobId> = tasks.join_all().await.concat();
    claimed.sort_unstable();
    assert_eq!(claimed, (1..=20).map(name).collect::<Vec<_>>());
}

pub(super) async fn jobs_are_claimed_in_the_order_they_came_and_know_their_place(bench: Bench) {
    let jobs = bench.records.jobs();
    enqueued(&jobs, 3).await;
    assert_eq!(jobs.waiting().await.unwrap(), 3);
    assert_eq!(jobs.position(name(3)).await.unwrap(), 3);
    assert_eq!(claimed(&jobs, now()).await.job, name(1));
    assert_eq!(jobs.position(name(1)).await.unwrap(), 0);
    assert_eq!(jobs.position(name(3)).await.unwrap(), 2);
    assert_eq!(jobs.waiting().await.unwrap(), 2);
    assert_eq!(claimed(&jobs, now()).await.job, name(2));
    assert_eq!(claimed(&jobs, now()).await.job, name(3));
    assert_eq!(jobs.claim(&terms(1), now()).await.unwrap(), None);
}

pub(super) async fn a_lease_that_ran_out_is_anothers_and_the_first_may_write_nothing_more(
    bench: Bench,
) {
    let jobs = bench.records.jobs();
    enqueued(&jobs, 1).await;
    let first = claimed(&jobs, now()).await;
    let at = later(20);
    jobs.renew(&first, LEASE, at).await.unwrap();
    assert_eq!(jobs.claim(&terms(2), later(49)).await.unwrap(), None);
    let stage = (Stage::Decoding, 0.1);
    jobs.report_stage(&first, stage, LEASE, later(40))
        .await
        .unwrap();
    assert_eq!(jobs.claim(&terms(2), later(69)).await.unwrap(), None);

    let second = bench
        .another()
        .await
        .jobs()
        .claim(&terms(2), later(71))
        .await;
    let second = second.unwrap().expect("the job whose lease ran out");
    assert_eq!((second.job, second.attempt, second.tries), (name(1), 2, 2));
    expect_stale(&jobs, &first, later(72)).await;
    assert!(jobs.holds(&second).await.unwrap());
    jobs.fail(&second, &reason(), later(73)).await.unwrap();
    expect_stale(&jobs, &second, later(74)).await;
    assert_eq!(state(&jobs, 1).await, JobState::Failed);
}

pub(super) async fn a_late_worker_leaves_one_record_and_no_pictures(bench: Bench) {
    let jobs = bench.records.jobs();
    enqueued(&jobs, 1).await;
    let folder = tempfile::tempdir().unwrap();
    let policy = RetentionPolicy {
        max_age: Duration::from_secs(3600),
        max_total_bytes: u64::MAX,
    };
    let artifacts = ArtifactStore::open(folder.path(), policy).await.unwrap();
    let late = claimed(&jobs, now()).await;
    let quick = claimed(&jobs, later(31)).await;
    let pictures = || vec![(ArtifactName::frame(0), vec![7; 100])];
    let stores = (&bench.records, &artifacts);
    let (first, second) = tokio::join!(
        keep_for_job((&jobs, &late, later(32)), stores, analysis(1), pictures()),
        keep_for_job((&jobs, &quick, later(32)), stores, analysis(2), pictures()),
    );
    assert_eq!(first.unwrap_err().code(), "job-taken-over");
    assert_eq!(second.unwrap().analysis, analysis(2));
    // Once more after the end: whoever wakes up last changes nothing.
    let again = keep_for_job((&jobs, &quick, later(33)), stores, analysis(3), pictures()).await;
    assert_eq!(again.unwrap_err().code(), "job-taken-over");

    let all = HistoryFilter::all(ANYBODY);
    assert_eq!(bench.records.count(&all).await.unwrap(), 1);
    for (number, pictures) in [(1, 0), (2, 1), (3, 0)] {
        let kept = artifacts.list(analysis(number).id).await.unwrap();
        assert_eq!(kept.len(), pictures, "{number}");
    }
    let done = jobs.get(name(1), ANYBODY).await.unwrap().unwrap();
    assert_eq!((done.state, done.progress), (JobState::Done, 1.0));
    assert_eq!(done.analysis, Some(analysis(2).id));
    let events = jobs.events(name(1), 0, 10).await.unwrap();
    let last = events.last().unwrap();
    assert_eq!((last.number, last.kind), (done.events, EventKind::End));
    assert!(last.body.contains(&analysis(2).id.to_string()), "{last:?}");
}

pub(super) async fn a_record_that_is_refused_does_not_end_its_job(bench: Bench) {
    let jobs = bench.records.jobs();
    enqueued(&jobs, 1).await;
    let sent = Submission::default();
    bench.records.insert(&analysis(1), &sent).await.unwrap();
    let claim = claimed(&jobs, now()).await;
    let refused = jobs.finish(&claim, (&analysis(1), &sent), now()).await;
    assert_eq!(refused.unwrap_err().code(), "duplicate-record");
    assert!(jobs.holds(&claim).await.unwrap());
    assert_eq!(jobs.get(name(1), ANYBODY).await.unwrap().unwrap().events, 1);
}

pub(super) async fn a_job_tried_too_often_is_set_aside_and_may_be_tried_again(bench: Bench) {
    let jobs = bench.records.jobs();
    enqueued(&jobs, 1).await;
    for attempt in 1..=i64::from(MAX_TRIES) {
        let at = later(attempt * 100);
        assert_eq!(jobs.set_lapsed_aside(MAX_TRIES, at).await.unwrap(), 0);
        // Its worker dies without a word.
        claimed(&jobs, at).await;
    }
    let at = later(1_000);
    assert_eq!(jobs.claim(&terms(1), at).await.unwrap(), None);
    assert_eq!(jobs.set_lapsed_aside(MAX_TRIES, at).await.unwrap(), 1);
    assert_eq!(jobs.set_lapsed_aside(MAX_TRIES, at).await.unwrap(), 0);
    let listed = jobs.list(Some(JobState::SetAside), 10).await.unwrap();
    assert_eq!(listed.len(), 1);
    let reason = listed[0].reason.clone().unwrap();
    assert_eq!(reason.code, "worker-lost");
    assert!(
        jobs.list(Some(JobState::Queued), 10)
            .await
            .unwrap()
            .is_empty()
    );

    assert!(jobs.retry(name(1), at).await.unwrap());
    assert!(!jobs.retry(name(1), at).await.unwrap());
    assert!(!jobs.retry(name(2), at).await.unwrap());
    let claim = claimed(&jobs, at).await;
    assert_eq!(
        (claim.attempt, claim.tries),
        (4, 1),
        "the fence never goes back"
    );
    jobs.set_aside(&claim, &reason, at).await.unwrap();
    assert_eq!(state(&jobs, 1).await, JobState::SetAside);
    assert!(jobs.forget(name(1)).await.unwrap());
    assert!(!jobs.forget(name(1)).await.unwrap());
    assert_eq!(jobs.events(name(1), 0, 10).await.unwrap(), []);
}

pub(super) async fn a_try_that_failed_waits_before_the_next_and_one_given_back_does_not(
    bench: Bench,
) {
    let jobs = bench.records.jobs();
    enqueued(&jobs, 1).await;
    let claim = claimed(&jobs, now()).await;
    jobs.try_again(&claim, &reason(), later(10), now())
        .await
        .unwrap();
    assert_eq!(jobs.claim(&terms(1), later(9)).await.unwrap(), None);
    let waiting = jobs.get(name(1), ANYBODY).await.unwrap().unwrap();
    assert_eq!(
        (waiting.state, waiting.reason),
        (JobState::Queued, Some(reason()))
    );
    let claim = claimed(&jobs, later(10)).await;
    assert_eq!((claim.attempt, claim.tries), (2, 2));
    jobs.give_back(&claim, later(11)).await.unwrap();
    let claim = claimed(&jobs, later(11)).await;
    assert_eq!((claim.attempt, claim.tries), (3, 2));
}
