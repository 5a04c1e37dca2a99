//! Takes a file and promises an answer.

use std::sync::Arc;

use actix_web::http::header::HeaderName;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use uuid::Uuid;

use super::answer::JobAnswer;
use super::idempotency;
use super::queue::{new_job, place_and_enqueue, refuse_where_full};
use crate::http::Service;
use crate::http::caller::Sender;
use crate::http::error::HttpError;
use crate::http::public_path::PublicPath;
use crate::http::reception::Visit;
use crate::http::upload::{Form, ReceivedFile, receive};
use crate::http::wish::Wish;
use crate::store::{Idempotency, Job, JobId, NewJob};

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
    promise(request, upload.file, (key, visit), service).await
}

/// Keeps a job of a file that is there, and answers 202.
///
/// # Errors
/// [`HttpError`]; nothing of the upload is left then.
pub(super) async fn promise(
    request: &HttpRequest,
    file: ReceivedFile,
    (key, visit): (Option<String>, Arc<Visit>),
    service: &Data<Service>,
) -> Result<HttpResponse, HttpError> {
    let job = keep(service, file, (Wish::of(request)?, key), visit).await?;
    let position = service.jobs.position(job.id).await?;
    let at = PublicPath::of(request);
    let mut response = JobAnswer::new(&job, position, &at).accepted(&at);
    if prefers_async(request) {
        let applied = actix_web::http::header::HeaderValue::from_static(RESPOND_ASYNC);
        response.headers_mut().insert(PREFERENCE_APPLIED, applied);
    }
    Ok(response)
}

/// Runs on its own to its end even when the client leaves, so that no upload stays without its job;
/// the visit goes along, so that a shutdown waits for it.
async fn keep(
    service: &Data<Service>,
    file: ReceivedFile,
    (wish, key): (Wish, Option<String>),
    visit: Arc<Visit>,
) -> Result<Job, HttpError> {
    let service = Data::clone(service);
    let sent = (file.digest, file.filename.to_string());
    let new = new_job(JobId::new(Uuid::now_v7()), sent, &wish, key);
    let keeping = actix_web::rt::spawn(async move {
        let _visit = visit;
        if let Some(known) = known(&service, &new).await? {
            return Ok(known);
        }
        let upload = &file.upload;
        place_and_enqueue(&service, (upload.file(), upload.path()), &new).await
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
