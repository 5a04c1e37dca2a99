//! Sending a file to be analysed, asking how it gets on, and having it cancelled.

use actix_web::web::{Data, Json, Path, Payload};
use actix_web::{HttpRequest, HttpResponse, delete, get, post};
use time::OffsetDateTime;

use super::answer::JobAnswer;
use super::from_url::{UrlForm, names_a_url, submit_url};
use super::submit::submit;
use crate::http::Service;
use crate::http::analyse_upload::{FORM, VideoForm};
use crate::http::answer::AnalysisAnswer;
use crate::http::caller::Caller;
use crate::http::error::HttpError;
use crate::http::problem::{Problem, UploadProblems};
use crate::http::public_path::PublicPath;
use crate::http::wish::StreamQuery;
use crate::store::{Cancelled, Job, JobId};

/// What a name is told that belongs to nothing of the caller's.
pub(super) const NOT_FOUND: HttpError = HttpError::NotFound("analysis");

/// Has a file analysed later
///
/// The file is kept and analysed as soon as a worker is free, here or on another machine that shares
/// the database. The answer is a promise: `Location` says where to ask for it, `events_url` where to
/// follow it. The result is the full answer, as `POST /predict?format=framewitness` gives it. The file is
/// removed when its analysis ends. With `Prefer: wait=N` the answer is the result itself where it is there within N seconds. Where the setting `fetch_urls` allows it, JSON may name a URL instead, from
/// which the file is fetched before the answer.
#[utoipa::path(operation_id = "create_analysis", tag = "analysis",
    params(StreamQuery,
        ("prefer" = Option<String>, Header, description = "`wait=N`: where the analysis is done within so many seconds (600 at most), it is the answer"),
        ("idempotency-key" = Option<String>, Header, description = "1 to 255 visible ASCII characters of the client's own: the same file sent again with the same key is the same job, for as long as the job is remembered")),
    request_body(content((VideoForm = "multipart/form-data"), (UrlForm = "application/json"))),
    responses(
        (status = 200, description = "With `Prefer: wait=N`, and done within that time: the full answer", body = AnalysisAnswer,
            headers(("content-location" = String, description = "Where it can be read again"),
                ("preference-applied" = String, description = "`wait=N`"))),
        (status = 202, description = "The job; after a wait as it stands, also where it failed", body = JobAnswer,
            headers(("location" = String, description = "Where to ask for it"))),
        (status = 400, description = "`malformed-multipart`, `missing-file`, `repeated-field`, `too-many-parts`, `empty-file`, `upload-interrupted`, `invalid-query` or `invalid-idempotency-key`; of a URL `invalid-json` or `invalid-url`", content_type = "application/problem+json", body = Problem),
        (status = 403, description = "`url-fetch-off`: the setting `fetch_urls` does not allow it", content_type = "application/problem+json", body = Problem),
        (status = 422, description = "`idempotency-key-reused`: another file came with this key; of a URL `url-not-public` or `url-not-fetched`", content_type = "application/problem+json", body = Problem),
        (status = 429, description = "`queue-full`, `too-many-uploads` or, of one that waits, `too-many-streams`. `Retry-After` says when to try again", content_type = "application/problem+json", body = Problem),
        (status = 504, description = "`url-too-slow`", content_type = "application/problem+json", body = Problem),
        UploadProblems,
    ))]
#[post("/api/v1/analyses")]
pub(in crate::http) async fn submit_route(
    request: HttpRequest,
    body: Payload,
    service: Data<Service>,
) -> Result<HttpResponse, HttpError> {
    match names_a_url(&request) {
        true => submit_url(&request, body, &service).await,
        false => submit(&request, body, FORM, &service).await,
    }
}

/// How an analysis gets on
///
/// It can be asked for until `keep_jobs_h` after its end; the stored analysis stays.
#[utoipa::path(operation_id = "get_analysis", tag = "analysis",
    params(("id" = String, Path, description = "Name of the job, a UUID")),
    responses(
        (status = 200, description = "The job as it stands", body = JobAnswer),
        (status = 404, description = "`not-found`: there is none of this name, it is another key's, or it ended long ago", content_type = "application/problem+json", body = Problem),
        (status = 500, description = "The database failed", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "`database-busy` or `database-away`", content_type = "application/problem+json", body = Problem),
    ))]
#[get("/api/v1/analyses/{id}")]
pub(in crate::http) async fn by_id(
    service: Data<Service>,
    caller: Caller,
    at: PublicPath,
    id: Path<String>,
) -> Result<Json<JobAnswer>, HttpError> {
    let job = find(&service, caller, &id).await?;
    let position = service.jobs.position(job.id).await?;
    Ok(Json(JobAnswer::new(&job, position, &at)))
}

/// Cancels an analysis
///
/// Whoever works on it stops within about a second, and the file is removed. Nothing is stored.
#[utoipa::path(operation_id = "cancel_analysis", tag = "analysis",
    params(("id" = String, Path, description = "Name of the job, a UUID")),
    responses(
        (status = 200, description = "It is cancelled, or was before", body = JobAnswer),
        (status = 404, description = "`not-found`", content_type = "application/problem+json", body = Problem),
        (status = 409, description = "`job-ended`: it is done, failed or was set aside", content_type = "application/problem+json", body = Problem),
        (status = 500, description = "The database failed", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "`database-busy` or `database-away`", content_type = "application/problem+json", body = Problem),
    ))]
#[delete("/api/v1/analyses/{id}")]
pub(in crate::http) async fn cancel(
    service: Data<Service>,
    caller: Caller,
    at: PublicPath,
    id: Path<String>,
) -> Result<Json<JobAnswer>, HttpError> {
    let name = JobId::parse(&id).ok_or(NOT_FOUND)?;
    let now = OffsetDateTime::now_utc();
    match service.jobs.cancel(name, caller.reader(), now).await? {
        Cancelled::NoSuchJob => return Err(NOT_FOUND),
        Cancelled::TooLate(state) => return Err(HttpError::JobEnded(state)),
        Cancelled::Yes => {}
    }
    if let Err(error) = service.job_uploads.remove(name).await {
        tracing::warn!(%error, job = %name, "the upload of a cancelled job stays for now");
    }
    let job = find(&service, caller, &id).await?;
    Ok(Json(JobAnswer::new(&job, 0, &at)))
}

/// The caller's job of this name.
///
/// # Errors
/// [`HttpError::NotFound`]; [`HttpError::Store`].
pub(super) async fn find(service: &Service, caller: Caller, id: &str) -> Result<Job, HttpError> {
    let name = JobId::parse(id).ok_or(NOT_FOUND)?;
    let job = service.jobs.get(name, caller.reader()).await?;
    job.ok_or(NOT_FOUND)
}
