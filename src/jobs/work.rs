//! One job, from its claim to its end.

use std::future::{Future, poll_fn};
use std::pin::pin;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::sync::watch;

use super::attendant::{Attendant, Parting};
use super::error::JobError;
use super::pace::backoff;
use super::workshop::Workshop;
use crate::analysis::{Admission, MediaFile, Outcome, ProgressWatch};
use crate::domain::Stage;
use crate::integrity::hash_reader;
use crate::store::{self, ArtifactName, Claim, StoreError, Upload};

/// Works on a job in the place it has, and ends it. What cannot be written is left to the lease: when
/// it has run out, somebody else does better.
pub(super) async fn work(
    shop: &Workshop,
    claim: Claim,
    admission: Admission,
    stop: watch::Receiver<bool>,
) {
    let job = claim.job;
    tracing::info!(%job, attempt = claim.attempt, "a job is worked on");
    let (outcome, written) = match attempt(shop, &claim, admission, stop).await {
        Ok(outcome) => end(shop, &claim, outcome).await,
        Err(Parting::Stopping) => {
            let given_back = shop.jobs.give_back(&claim, shop.now()).await;
            ("given-back", given_back)
        }
        Err(Parting::Lost | Parting::WorkEnded) => ("lost", Ok(())),
    };
    metrics::counter!("framewitness_jobs_total", "outcome" => outcome).increment(1);
    match written {
        Ok(()) => tracing::info!(%job, outcome, "a job was left"),
        Err(error) => {
            tracing::warn!(%error, %job, outcome, "the end of a job could not be written")
        }
    }
}

/// Analyses the file while an attendant stands by; the parting, where the work was broken off.
async fn attempt(
    shop: &Workshop,
    claim: &Claim,
    admission: Admission,
    stop: watch::Receiver<bool>,
) -> Result<Result<Outcome, JobError>, Parting> {
    let (watch, progress) = ProgressWatch::new();
    // The watch goes with the work, and its end tells the attendant.
    let mut working = pin!(analyse(shop, claim, admission, watch));
    let mut standing_by = pin!(Attendant::new(shop, claim).stand_by(progress, stop));
    let mut outcome = None;
    let parting = poll_fn(|context| {
        if outcome.is_none()
            && let std::task::Poll::Ready(ended) = working.as_mut().poll(context)
        {
            outcome = Some(ended);
        }
        standing_by.as_mut().poll(context)
    })
    .await;
    match (parting, outcome) {
        (Parting::WorkEnded, Some(outcome)) => Ok(outcome),
        (parting, _) => Err(parting),
    }
}

async fn analyse(
    shop: &Workshop,
    claim: &Claim,
    admission: Admission,
    watch: ProgressWatch,
) -> Result<Outcome, JobError> {
    let Workshop { jobs, settings, .. } = shop;
    let waiting = (Stage::Waiting, 0.0);
    jobs.report_stage(claim, waiting, settings.lease, shop.now())
        .await?;
    let copy = fetch(shop, claim).await?;
    let payload = &claim.payload;
    let file = copy.file().try_clone();
    let media = MediaFile {
        file: file.map_err(JobError::UploadUnreadable)?,
        filename: payload.filename.clone(),
        sha256: payload.sha256.clone(),
        steps: None,
        stream: payload.stream,
        check_stability: payload.check_stability,
    };
    let analyzing = shop.analyzer.analyze_watched(media, admission, &watch);
    Ok(shop.analyzer.draw(analyzing.await?).await?)
}

/// A private copy of the file, proven to be what was sent.
async fn fetch(shop: &Workshop, claim: &Claim) -> Result<Upload, JobError> {
    let name = &claim.payload.upload;
    let copy = shop.uploads.fetch(claim.job, name, &shop.copies).await?;
    let copy = copy.ok_or(JobError::UploadMissing)?;
    let file = copy.file().try_clone();
    let file = file.map_err(JobError::UploadUnreadable)?;
    let hashing = tokio::task::spawn_blocking(move || {
        use std::io::{Seek, SeekFrom};
        let digest = hash_reader(&file).map_err(|_| JobError::UploadChanged)?;
        (&file)
            .seek(SeekFrom::Start(0))
            .map_err(JobError::UploadUnreadable)?;
        Ok::<_, JobError>(digest)
    });
    let digest = hashing.await.map_err(|_| StoreError::ShuttingDown)??;
    match digest.sha256.to_hex() == claim.payload.sha256 {
        true => Ok(copy),
        false => Err(JobError::UploadChanged),
    }
}

/// Ends the job as its analysis went; answers with what, and whether that could be written.
async fn end(
    shop: &Workshop,
    claim: &Claim,
    outcome: Result<Outcome, JobError>,
) -> (&'static str, Result<(), StoreError>) {
    let error = match outcome {
        Ok(outcome) => match keep(shop, claim, outcome).await {
            Ok(()) => {
                shop.remove_upload(claim).await;
                return ("done", Ok(()));
            }
            Err(error) => error,
        },
        Err(error) => error,
    };
    if let JobError::Store(StoreError::Stale { .. }) = error {
        return ("lost", Ok(()));
    }
    after_failure(shop, claim, &error).await
}

async fn after_failure(
    shop: &Workshop,
    claim: &Claim,
    error: &JobError,
) -> (&'static str, Result<(), StoreError>) {
    let (jobs, reason, now) = (&shop.jobs, error.reason(), shop.now());
    if error.is_final() {
        let written = jobs.fail(claim, &reason, now).await;
        if written.is_ok() {
            shop.remove_upload(claim).await;
        }
        return ("failed", written);
    }
    tracing::warn!(%error, job = %claim.job, tries = claim.tries, "a try at a job failed");
    if claim.tries >= shop.settings.max_tries {
        return ("set-aside", jobs.set_aside(claim, &reason, now).await);
    }
    let wait = backoff(claim.tries, &mut StdRng::from_entropy());
    let written = jobs.try_again(claim, &reason, now + wait, now).await;
    ("tried-again", written)
}

/// Stores the result and ends the job in one. It is kept to its end: pictures would stay without a
/// record otherwise.
async fn keep(shop: &Workshop, claim: &Claim, outcome: Outcome) -> Result<(), JobError> {
    let pictures = (outcome.artifacts.into_iter())
        .map(|picture| Ok((ArtifactName::parse(&picture.name)?, picture.bytes)))
        .collect::<Result<Vec<_>, JobError>>()?;
    let keeping = store::keep_for_job(
        (&shop.jobs, claim, shop.now()),
        (&shop.records, &shop.artifacts),
        outcome.analysis,
        pictures,
    );
    // A bucket that is away may take longer than a lease.
    let mut keeping = pin!(keeping);
    let lease = shop.settings.lease;
    let kept = tokio::select! {
        kept = &mut keeping => kept,
        _lost = shop.jobs.keep_until_lost(claim, lease, shop.clock) => keeping.await,
    };
    Ok(kept.map(drop)?)
}
