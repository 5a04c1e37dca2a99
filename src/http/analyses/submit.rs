//! Takes a file and promises an answer.

use std::sync::Arc;

use actix_web::http::header::CONTENT_LOCATION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse};
use uuid::Uuid;

use super::answer::JobAnswer;
use super::idempotency;
use super::patience::Patience;
use super::preference::{PREFERENCE_APPLIED, applied};
use super::queue::{new_job, place_and_enqueue, refuse_where_full};
use crate::http::Service;
use crate::http::answer::AnalysisAnswer;
use crate::http::caller::Sender;
use crate::http::error::HttpError;
use crate::http::public_path::PublicPath;
use crate::http::reception::Visit;
use crate::http::upload::{Form, ReceivedFile, receive};
use crate::http::wish::Wish;
use crate::store::{Idempotency, Job, JobId, NewJob, Reader, WholeFile};

/// What comes with a file.
pub(super) struct Terms {
    pub(super) key: Option<String>,
    pub(super) visit: Arc<Visit>,
    pub(super) patience: Option<Patience>,
}

impl Terms {
    /// Of a request that may be let in.
    ///
    /// # Errors
    /// [`HttpError`]: there is no room for it, or what it says of itself makes no sense.
    pub(super) async fn of(request: &HttpRequest, service: &Service) -> Result<Self, HttpError> {
        let visit = Arc::new(service.reception.enter(Sender::of(request))?);
        let key = idempotency::of(request)?;
        refuse_where_full(service, key.as_deref()).await?;
        Ok(Self {
            key,
            visit,
            patience: Patience::of(request, service)?,
        })
    }
}

/// Receives the file in `body`, keeps a job of it and answers 202, or with the analysis where the client
/// waits for that and it ends in time.
///
/// # Errors
/// [`HttpError`]; nothing of the upload is left then.
pub(in crate::http) async fn submit(
    request: &HttpRequest,
    body: Payload,
    form: Form,
    service: &Data<Service>,
) -> Result<HttpResponse, HttpError> {
    let terms = Terms::of(request, service).await?;
    let limits = service.settings.body;
    let upload = receive(request, body, form, &service.uploads, limits).await?;
    promise(request, upload.file, terms, service).await
}

/// Keeps a job of a file that is there, and answers as [`submit`] does.
///
/// # Errors
/// [`HttpError`]; nothing of the upload is left then.
pub(super) async fn promise(
    request: &HttpRequest,
    file: ReceivedFile,
    terms: Terms,
    service: &Data<Service>,
) -> Result<HttpResponse, HttpError> {
    let wished = (Wish::of(request)?, terms.key);
    let job = keep(service, file, wished, terms.visit).await?;
    let at = PublicPath::of(request);
    let mut response = match terms.patience {
        Some(patience) => answer(service, patience.exercise(service, job).await, &at).await?,
        None => promised(service, &job, &at).await?,
    };
    if let Some(applied) = applied(request) {
        response.headers_mut().insert(PREFERENCE_APPLIED, applied);
    }
    Ok(response)
}

/// The analysis where the job is done, else the job as it stands.
async fn answer(service: &Service, job: Job, at: &PublicPath) -> Result<HttpResponse, HttpError> {
    let stored = match job.analysis {
        Some(id) => service.records.get(id, Reader::Unrestricted).await?,
        None => None,
    };
    let Some(stored) = stored else {
        return promised(service, &job, at).await;
    };
    let place = at.link(&format!("/api/v1/predictions/{}", stored.analysis.id));
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_LOCATION, place))
        .json(AnalysisAnswer::new(&stored, at)))
}

async fn promised(
    service: &Service,
    job: &Job,
    at: &PublicPath,
) -> Result<HttpResponse, HttpError> {
    let position = service.jobs.position(job.id).await?;
    Ok(JobAnswer::new(job, position, at).accepted(at))
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
        let sent = WholeFile::sealed(file.upload.file(), file.upload.path());
        place_and_enqueue(&service, sent, &new).await
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
