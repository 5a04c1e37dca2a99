//! The queue of analyses, as those who send jobs and follow them see it.

use std::collections::BTreeSet;

use serde_json::json;

use super::bench::Bench;
use super::job_fixture::{
    ANYBODY, LEASE, claimed, enqueued, expect_stale, job, later, name, now, reason, state, terms,
    with_key,
};
use crate::domain::Stage;
use crate::store::{Cancelled, Enqueued, EventKind, JobId, JobState, KeyId, Reader};

pub(super) async fn a_job_reads_back_as_it_was_sent(bench: Bench) {
    let jobs = bench.records.jobs();
    enqueued(&jobs, 1).await;
    let read = jobs.get(name(1), ANYBODY).await.unwrap().unwrap();
    assert_eq!(read.payload, job(1).payload);
    assert_eq!(
        (read.state, read.stage),
        (JobState::Queued, Stage::Received)
    );
    assert_eq!((read.created_at, read.updated_at), (now(), now()));
    assert_eq!((read.attempt, read.tries, read.events), (0, 0, 1));
    assert_eq!(jobs.get(name(2), ANYBODY).await.unwrap(), None);
}

pub(super) async fn the_same_request_has_one_job_however_often_it_is_sent(bench: Bench) {
    let jobs = bench.records.jobs();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 1..=8 {
        let jobs = jobs.clone();
        tasks.spawn(async move {
            jobs.enqueue(&with_key(number, "one"), 100, now())
                .await
                .unwrap()
        });
    }
    let outcomes = tasks.join_all().await;
    let new = outcomes.iter().filter(|outcome| **outcome == Enqueued::New);
    assert_eq!(new.count(), 1, "{outcomes:?}");
    let named: BTreeSet<JobId> = (outcomes.iter())
        .filter_map(|outcome| match outcome {
            Enqueued::Known(job) => Some(job.id),
            Enqueued::New | Enqueued::OtherRequest | Enqueued::QueueFull => None,
        })
        .collect();
    assert_eq!(named.len(), 1, "{outcomes:?}");
    assert_eq!(jobs.waiting().await.unwrap(), 1);
    let other = jobs
        .enqueue(&with_key(9, "another"), 100, now())
        .await
        .unwrap();
    assert_eq!(other, Enqueued::OtherRequest);
    // A full queue is no reason to forget what was said.
    let again = jobs.enqueue(&with_key(9, "one"), 1, now()).await.unwrap();
    assert!(matches!(again, Enqueued::Known(_)), "{again:?}");
}

pub(super) async fn a_job_that_its_senders_process_works_on_is_claimed_from_its_beginning(
    bench: Bench,
) {
    let jobs = bench.records.jobs();
    enqueued(&jobs, 1).await;
    let claim = jobs
        .enqueue_claimed(job(2), &terms(1), now())
        .await
        .unwrap();
    assert_eq!((claim.job, claim.attempt, claim.tries), (name(2), 1, 1));
    assert_eq!(claim.payload, job(2).payload);
    assert_eq!(
        (
            jobs.waiting().await.unwrap(),
            jobs.position(name(2)).await.unwrap()
        ),
        (1, 0)
    );
    assert!(jobs.holds(&claim).await.unwrap());

    assert_eq!(claimed(&jobs, now()).await.job, name(1));
    assert_eq!(jobs.claim(&terms(2), later(29)).await.unwrap(), None);
    jobs.renew(&claim, LEASE, later(20)).await.unwrap();
    let first = jobs.claim(&terms(2), later(31)).await.unwrap().unwrap();
    assert_eq!((first.job, first.attempt), (name(1), 2));
    let second = jobs.claim(&terms(2), later(51)).await.unwrap().unwrap();
    assert_eq!((second.job, second.attempt, second.tries), (name(2), 2, 2));
    expect_stale(&jobs, &claim, later(52)).await;
}

pub(super) async fn a_full_queue_takes_no_more_until_one_is_claimed(bench: Bench) {
    let jobs = bench.records.jobs();
    enqueued(&jobs, 2).await;
    let refused = jobs.enqueue(&job(3), 2, now()).await.unwrap();
    assert_eq!(refused, Enqueued::QueueFull);
    let refused = jobs.enqueue(&with_key(3, "one"), 2, now()).await.unwrap();
    assert_eq!(refused, Enqueued::QueueFull);
    claimed(&jobs, now()).await;
    let taken = jobs.enqueue(&job(3), 2, now()).await.unwrap();
    assert_eq!(taken, Enqueued::New);
}

pub(super) async fn a_cancelled_job_is_nobodys(bench: Bench) {
    let jobs = bench.records.jobs();
    enqueued(&jobs, 3).await;
    let claim = claimed(&jobs, now()).await;
    for number in [1, 2, 1] {
        let outcome = jobs.cancel(name(number), ANYBODY, now()).await.unwrap();
        assert_eq!(outcome, Cancelled::Yes, "{number}");
        assert_eq!(state(&jobs, number).await, JobState::Cancelled);
    }
    expect_stale(&jobs, &claim, now()).await;
    let next = claimed(&jobs, later(1_000)).await;
    assert_eq!(next.job, name(3));
    jobs.fail(&next, &reason(), now()).await.unwrap();
    let late = jobs.cancel(name(3), ANYBODY, now()).await.unwrap();
    assert_eq!(late, Cancelled::TooLate(JobState::Failed));
    let absent = jobs.cancel(name(4), ANYBODY, now()).await.unwrap();
    assert_eq!(absent, Cancelled::NoSuchJob);
}

pub(super) async fn another_keys_job_is_not_there(bench: Bench) {
    let jobs = bench.records.jobs();
    let mut mine = job(1);
    mine.payload.submission.owner = Some(KeyId::new(7));
    jobs.enqueue(&mine, 10, now()).await.unwrap();
    let (owner, other) = (Reader::Key(KeyId::new(7)), Reader::Key(KeyId::new(8)));
    let read = jobs.get(name(1), owner).await.unwrap().unwrap();
    assert_eq!(read.owner, Some(KeyId::new(7)));
    assert_eq!(jobs.get(name(1), other).await.unwrap(), None);
    let outcome = jobs.cancel(name(1), other, now()).await.unwrap();
    assert_eq!(outcome, Cancelled::NoSuchJob);
    assert_eq!(state(&jobs, 1).await, JobState::Queued);
    let outcome = jobs.cancel(name(1), owner, now()).await.unwrap();
    assert_eq!(outcome, Cancelled::Yes);
}

pub(super) async fn events_are_numbered_without_gap_and_the_latest_are_kept(bench: Bench) {
    let jobs = bench.records.jobs();
    enqueued(&jobs, 2).await;
    let claim = claimed(&jobs, now()).await;
    let stage = (Stage::Faces, 0.25);
    jobs.report_stage(&claim, stage, LEASE, now())
        .await
        .unwrap();
    let scores = json!({ "track_id": 0, "frames": [{ "frame_index": 2 }] });
    jobs.report_scores(&claim, &scores, now()).await.unwrap();
    jobs.fail(&claim, &reason(), now()).await.unwrap();
    let events = jobs.events(name(1), 0, 10).await.unwrap();
    let seen: Vec<(u64, EventKind)> = events.iter().map(|e| (e.number, e.kind)).collect();
    let (stage, scores, end) = (EventKind::Stage, EventKind::Scores, EventKind::End);
    assert_eq!(seen, [(1, stage), (2, stage), (3, scores), (4, end)]);
    let told: serde_json::Value = serde_json::from_str(&events[1].body).unwrap();
    assert_eq!(
        told,
        json!({ "stage": "faces", "progress": 0.25, "attempt": 1 })
    );
    assert_eq!(jobs.events(name(1), 2, 1).await.unwrap(), events[2..3]);
    assert_eq!(jobs.events(name(1), 4, 10).await.unwrap(), []);

    bench
        .tamper("UPDATE jobs SET events = 1500 WHERE state = 'queued'")
        .await;
    let claim = claimed(&jobs, now()).await;
    jobs.report_scores(&claim, &json!({}), now()).await.unwrap();
    let events = jobs.events(name(2), 0, 10).await.unwrap();
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].number, 1_501);
}

pub(super) async fn ended_jobs_are_forgotten_after_a_time_and_others_never(bench: Bench) {
    let jobs = bench.records.jobs();
    enqueued(&jobs, 4).await;
    for (number, at) in [(1, later(10)), (2, later(20))] {
        jobs.cancel(name(number), ANYBODY, at).await.unwrap();
    }
    claimed(&jobs, now()).await;
    let expired = jobs.expire(later(20)).await.unwrap();
    assert_eq!(expired, [name(1)]);
    assert_eq!(jobs.expire(later(1_000_000)).await.unwrap(), [name(2)]);
    assert_eq!(state(&jobs, 3).await, JobState::Running);
    assert_eq!(state(&jobs, 4).await, JobState::Queued);
    assert_eq!(jobs.list(None, 10).await.unwrap().len(), 2);
}
