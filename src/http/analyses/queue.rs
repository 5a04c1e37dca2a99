//! From a file that is there to a job in the queue.

use time::OffsetDateTime;

use crate::http::Service;
use crate::http::error::HttpError;
use crate::http::wish::Wish;
use crate::integrity::FileDigest;
use crate::store::{
    ArtifactName, Enqueued, Idempotency, Job, JobId, JobPayload, NewJob, Reader, StoreError,
    WholeFile,
};

/// Says before a body is read that the queue is full, unless the request may be one that is in it.
///
/// # Errors
/// [`HttpError::QueueFull`]; [`HttpError::Store`].
pub(in crate::http) async fn refuse_where_full(
    service: &Service,
    key: Option<&str>,
) -> Result<(), HttpError> {
    let max_queued = service.settings.jobs.max_queued;
    if service.jobs.waiting().await? < u64::from(max_queued) {
        return Ok(());
    }
    let known = match key {
        Some(key) => service.jobs.find_by_key(key).await?,
        None => None,
    };
    match known {
        Some(_) => Ok(()),
        None => Err(HttpError::QueueFull { max_queued }),
    }
}

/// The job of a file that came whole, with the sender's own key where he sent one.
pub(in crate::http) fn new_job(
    id: JobId,
    (digest, filename): (FileDigest, String),
    wish: &Wish,
    key: Option<String>,
) -> NewJob {
    let sha256 = digest.sha256.to_hex();
    // What the answer depends on. The name of the file is no part of it.
    let mut fingerprint = sha256.clone();
    if let Some(stream) = wish.stream {
        fingerprint += &format!(" stream={stream}");
    }
    if wish.check_stability {
        fingerprint += " stability";
    }
    NewJob {
        id,
        payload: JobPayload {
            upload: ArtifactName::kept_video(None),
            sha256,
            size_bytes: digest.size_bytes,
            filename,
            stream: wish.stream,
            check_stability: wish.check_stability,
            submission: wish.submission.clone(),
        },
        idempotency: key.map(|key| Idempotency { key, fingerprint }),
    }
}

/// The file first, then the row that makes it findable; without the row the file goes again.
///
/// # Errors
/// [`HttpError`]; nothing of the copy is left then.
pub(in crate::http) async fn place_and_enqueue(
    service: &Service,
    file: WholeFile<'_>,
    new: &NewJob,
) -> Result<Job, HttpError> {
    let (jobs, uploads) = (&service.jobs, &service.job_uploads);
    let max_queued = service.settings.jobs.max_queued;
    let placed = uploads.put(new.id, &new.payload.upload, file).await?;
    let enqueued = jobs
        .enqueue(new, max_queued, OffsetDateTime::now_utc())
        .await;
    match enqueued {
        Ok(Enqueued::New) => {
            placed.is_enqueued().await;
            let job = jobs.get(new.id, Reader::Unrestricted).await?;
            job.ok_or(HttpError::NotFound("analysis"))
        }
        Ok(Enqueued::Known(job)) => {
            placed.take_back(uploads).await;
            Ok(*job)
        }
        Ok(Enqueued::OtherRequest) => {
            placed.take_back(uploads).await;
            Err(HttpError::KeyReused)
        }
        Ok(Enqueued::QueueFull) => {
            placed.take_back(uploads).await;
            Err(HttpError::QueueFull { max_queued })
        }
        // The row may be there all the same.
        Err(error @ StoreError::DatabaseAway) => {
            placed.leave().await;
            Err(error.into())
        }
        Err(error) => {
            placed.take_back(uploads).await;
            Err(error.into())
        }
    }
}
