//! Takes a file and promises an answer.

use std::sync::Arc;

use actix_web::http::header::HeaderName;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use time::OffsetDateTime;
use uuid::Uuid;

use super::answer::JobAnswer;
use super::idempotency;
use crate::http::Service;
use crate::http::caller::Sender;
use crate::http::error::HttpError;
use crate::http::public_path::PublicPath;
use crate::http::reception::Visit;
use crate::http::upload::{Form, ReceivedFile, receive};
use crate::http::wish::Wish;
use crate::store::{
    ArtifactName, Enqueued, Idempotency, Job, JobId, JobPayload, NewJob, Reader, StoreError,
};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const RESPOND_ASYNC: &str = "respond-async";

/// Whether the client prefers a promise now to an answer later (RFC 7240, section 4.1).
pub(in crate::http) fn prefers_async(request: &HttpRequest) -> bool {
    let mut values = request.headers().get_all(PREFER);
    values.any(|value| {
        let preferences = value.to_str().unwrap_or_default().split(',');
        let mut names = preferences.map(|preference| {
            let name = preference.split([';', '=']).next().unwrap_or_default();
            name.trim()
        });
        names.any(|name| name.eq_ignore_ascii_case(RESPOND_ASYNC))
    })
}

/// Receives the file in `body`, keeps a job of it and answers 202.
///
/// # Errors
/// [`HttpError`]; nothing of the upload is left then.
pub(in crate::http) async fn submit(
    request: &HttpRequest,
    body: Payload,
    form: Form,
    service: &Data<Service>,
) -> Result<HttpResponse, HttpError> {
    let visit = Arc::new(service.reception.enter(Sender::of(request))?);
    let key = idempotency::of(request)?;
    refuse_where_full(service, key.as_deref()).await?;
    let limits = service.settings.body;
    let upload = receive(request, body, form, &service.uploads, limits).await?;
    let new = new_job(&upload.file, &Wish::of(request)?, key);
    let job = keep(service, upload.file, new, visit).await?;
    let position = service.jobs.position(job.id).await?;
    let at = PublicPath::of(request);
    let mut response = JobAnswer::new(&job, position, &at).accepted(&at);
    if prefers_async(request) {
        let applied = actix_web::http::header::HeaderValue::from_static(RESPOND_ASYNC);
        response.headers_mut().insert(PREFERENCE_APPLIED, applied);
    }
    Ok(response)
}

/// Says before the body is read that the queue is full, unless the request may be one that is in it.
async fn refuse_where_full(service: &Service, key: Option<&str>) -> Result<(), HttpError> {
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

fn new_job(file: &ReceivedFile, wish: &Wish, key: Option<String>) -> NewJob {
    let sha256 = file.digest.sha256.to_hex();
    // What the answer depends on. The name of the file is no part of it.
    let mut fingerprint = sha256.clone();
    if let Some(stream) = wish.stream {
        fingerprint += &format!(" stream={stream}");
    }
    if wish.check_stability {
        fingerprint += " stability";
    }
    NewJob {
        id: JobId::new(Uuid::now_v7()),
        payload: JobPayload {
            upload: ArtifactName::kept_video(None),
            sha256,
            size_bytes: file.digest.size_bytes,
            filename: file.filename.to_string(),
            stream: wish.stream,
            check_stability: wish.check_stability,
            submission: wish.submission.clone(),
        },
        idempotency: key.map(|key| Idempotency { key, fingerprint }),
    }
}

/// Runs on its own to its end even when the client leaves, so that no upload stays without its job;
/// the visit goes along, so that a shutdown waits for it.
async fn keep(
    service: &Data<Service>,
    file: ReceivedFile,
    new: NewJob,
    visit: Arc<Visit>,
) -> Result<Job, HttpError> {
    let service = Data::clone(service);
    let keeping = actix_web::rt::spawn(async move {
        let _visit = visit;
        if let Some(known) = known(&service, &new).await? {
            return Ok(known);
        }
        place_and_enqueue(&service, &file, &new).await
    });
    keeping.await.map_err(|_| HttpError::Interrupted)?
}

/// The job of the same request, where it came before.
async fn known(service: &Service, new: &NewJob) -> Result<Option<Job>, HttpError> {
    let Some(Idempotency { key, fingerprint }) = &new.idempotency else {
        return Ok(None);
    };
    match service.jobs.find_by_key(key).await? {
        Some(job) if job.fingerprint.as_ref() == Some(fingerprint) => Ok(Some(job)),
        Some(_) => Err(HttpError::KeyReused),
        None => Ok(None),
    }
}

/// The file first, then the row that makes it findable; without the row the file goes again.
async fn place_and_enqueue(
    service: &Service,
    file: &ReceivedFile,
    new: &NewJob,
) -> Result<Job, HttpError> {
    let (jobs, uploads) = (&service.jobs, &service.job_uploads);
    let max_queued = service.settings.jobs.max_queued;
    let placed = uploads
        .put(new.id, &new.payload.upload, &file.upload)
        .await?;
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

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn the_preference_is_found_among_others_however_it_is_written() {
        let prefers = |value: &str| {
            let request = TestRequest::post().insert_header((PREFER, value));
            prefers_async(&request.to_http_request())
        };
        for value in [
            "respond-async",
            "Respond-Async",
            "return=minimal, respond-async; x=1",
            "wait=10,respond-async",
        ] {
            assert!(prefers(value), "{value}");
        }
        for value in [
            "",
            "return=minimal",
            "respond-asynchronously",
            "x=respond-async",
        ] {
            assert!(!prefers(value), "{value}");
        }
    }
}
