//! Jobs for the tests of the queue.

use std::time::Duration;

use serde_json::json;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::domain::Stage;
use crate::store::{
    ArtifactName, Claim, ClaimTerms, Enqueued, Idempotency, JobId, JobPayload, JobReason, JobState,
    JobStore, NewJob, Reader, StoreError, Submission,
};

pub(super) const LEASE: Duration = Duration::from_secs(30);
pub(super) const MAX_TRIES: u32 = 3;
pub(super) const ANYBODY: Reader = Reader::Unrestricted;

pub(super) fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_763_712_000).unwrap()
}

pub(super) fn later(seconds: i64) -> OffsetDateTime {
    now() + time::Duration::seconds(seconds)
}

pub(super) fn name(number: u128) -> JobId {
    JobId::new(Uuid::from_u128(number))
}

pub(super) fn job(number: u128) -> NewJob {
    NewJob {
        id: name(number),
        payload: JobPayload {
            upload: ArtifactName::kept_video(None),
            sha256: "ab".repeat(32),
            size_bytes: 1_234,
            filename: "holiday – \"clip\".mp4".into(),
            check_stability: false,
            stream: Some(1),
            submission: Submission::default(),
        },
        idempotency: None,
    }
}

pub(super) fn with_key(number: u128, fingerprint: &str) -> NewJob {
    NewJob {
        idempotency: Some(Idempotency {
            key: "7:the same key".into(),
            fingerprint: fingerprint.into(),
        }),
        ..job(number)
    }
}

pub(super) fn terms(worker: u128) -> ClaimTerms {
    ClaimTerms {
        worker: Uuid::from_u128(worker),
        lease: LEASE,
        max_tries: MAX_TRIES,
    }
}

pub(super) fn reason() -> JobReason {
    JobReason {
        code: "model-failed".into(),
        message: "the networks failed".into(),
    }
}

pub(super) async fn enqueued(jobs: &JobStore, count: u128) {
    for number in 1..=count {
        let outcome = jobs.enqueue(&job(number), 100, now()).await.unwrap();
        assert_eq!(outcome, Enqueued::New);
    }
}

pub(super) async fn claimed(jobs: &JobStore, at: OffsetDateTime) -> Claim {
    let claim = jobs.claim(&terms(1), at).await.unwrap();
    claim.expect("a job to claim")
}

pub(super) async fn state(jobs: &JobStore, number: u128) -> JobState {
    let job = jobs.get(name(number), ANYBODY).await.unwrap();
    job.expect("the job").state
}

/// Asserts that nothing of what a worker may write is taken.
pub(super) async fn expect_stale(jobs: &JobStore, claim: &Claim, at: OffsetDateTime) {
    assert!(!jobs.holds(claim).await.unwrap());
    let stage = (Stage::Scoring, 0.5);
    for refused in [
        jobs.renew(claim, LEASE, at).await,
        jobs.report_stage(claim, stage, LEASE, at).await,
        jobs.report_scores(claim, &json!({}), at).await,
        jobs.fail(claim, &reason(), at).await,
        jobs.set_aside(claim, &reason(), at).await,
        jobs.try_again(claim, &reason(), at, at).await,
        jobs.give_back(claim, at).await,
    ] {
        assert!(matches!(refused, Err(StoreError::Stale { job }) if job == claim.job));
    }
}
