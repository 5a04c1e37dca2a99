//! How far an upload is, and its end before it is whole.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, delete, get};
use time::OffsetDateTime;

use super::error::TusError;
use super::headers;
use crate::http::Service;
use crate::http::caller::Caller;
use crate::http::error::HttpError;
use crate::http::problem::Problem;
use crate::http::public_path::PublicPath;
use crate::store::{HeldPartial, Hold, Job, JobId, Reader};

const NOT_FOUND: HttpError = HttpError::NotFound("upload");

/// An upload as it stands.
pub(super) enum Standing {
    /// Bytes are missing, the last one at least.
    Unfinished(Box<HeldPartial>),
    /// It is an analysis.
    Finished(Box<Job>),
}

/// What happens where another request is at the upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// This one is refused.
    Wait,
    /// The other ends: a client that comes back does not wait for the end of its broken connection.
    TakeOver,
}

/// Takes hold of an upload of the caller's.
///
/// # Errors
/// [`HttpError::NotFound`]; [`TusError::Expired`]; [`TusError::Locked`]; [`HttpError::Store`].
pub(super) async fn standing(
    service: &Service,
    caller: Caller,
    id: &str,
    manner: Manner,
) -> Result<Standing, HttpError> {
    let id = JobId::parse(id).ok_or(NOT_FOUND)?;
    let Some(record) = service.partials.find(id).await? else {
        return finished(service, caller, id).await;
    };
    if !caller.reader().may_read(record.submission.owner) {
        return Err(NOT_FOUND);
    }
    if record.is_expired(OffsetDateTime::now_utc()) {
        return Err(TusError::Expired.into());
    }
    let hold = match manner {
        Manner::Wait => service.partials.hold(id).await?,
        Manner::TakeOver => service.partials.take_over(id).await?,
    };
    match hold {
        Hold::Busy => Err(TusError::Locked.into()),
        Hold::Gone => finished(service, caller, id).await,
        Hold::Held(held) if held.was_whole() => known_job_or(service, held).await,
        Hold::Held(held) => Ok(Standing::Unfinished(held)),
    }
}

/// Whoever put it into the queue may have been interrupted before it was gone from here.
async fn known_job_or(service: &Service, held: Box<HeldPartial>) -> Result<Standing, HttpError> {
    let id = held.id();
    let Some(job) = service.jobs.get(id, Reader::Unrestricted).await? else {
        return Ok(Standing::Unfinished(held));
    };
    held.remove().await?;
    Ok(Standing::Finished(Box::new(job)))
}

async fn finished(service: &Service, caller: Caller, id: JobId) -> Result<Standing, HttpError> {
    let job = service.jobs.get(id, caller.reader()).await?;
    let job = job.ok_or(NOT_FOUND)?;
    Ok(Standing::Finished(Box::new(job)))
}

/// How far a resumable upload is
///
/// Asked with HEAD; answers have headers alone. Whoever is sending bytes of it is cut off, and what came
/// counts: who asks wants to go on. Of an upload that is whole, `Framewitness-Analysis` names the analysis.
#[utoipa::path(operation_id = "get_upload", tag = "analysis",
    params(("id" = String, Path, description = "Name of the upload, a UUID"),
        ("tus-resumable" = String, Header, description = "`1.0.0`")),
    responses(
        (status = 200, description = "How far it is", headers(
            ("upload-offset" = u64, description = "Bytes that are safe; the last one counts when the analysis is in the queue"),
            ("upload-length" = u64, description = "Bytes of the whole file"),
            ("upload-metadata" = Option<String>, description = "As it was sent"),
            ("upload-expires" = Option<String>, description = "When it is removed unless it is whole"),
            ("framewitness-analysis" = Option<String>, description = "Where the analysis is, once the upload is whole"))),
        (status = 404, description = "`not-found`: there is none of this name, or it is another key's", content_type = "application/problem+json", body = Problem),
        (status = 410, description = "`upload-expired`", content_type = "application/problem+json", body = Problem),
        (status = 412, description = "`tus-version`", content_type = "application/problem+json", body = Problem),
        (status = 423, description = "`upload-locked`: the analysis is being put into the queue", content_type = "application/problem+json", body = Problem),
        (status = 500, description = "The disk or the database failed", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "`database-busy` or `database-away`", content_type = "application/problem+json", body = Problem),
    ))]
#[get("/api/v1/uploads/{id}")]
pub(in crate::http) async fn progress(
    request: HttpRequest,
    service: Data<Service>,
    caller: Caller,
    at: PublicPath,
    id: Path<String>,
) -> Result<HttpResponse, HttpError> {
    headers::expect_version(&request)?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-store"));
    match standing(&service, caller, &id, Manner::TakeOver).await? {
        Standing::Finished(job) => {
            let length_bytes = job.payload.size_bytes;
            response.insert_header(headers::whole(length_bytes));
            for header in headers::finished((job.id, length_bytes), &at) {
                response.insert_header(header);
            }
        }
        Standing::Unfinished(held) => {
            response.insert_header(headers::whole(held.record().length_bytes));
            for header in headers::progress(held.record(), held.offset()) {
                response.insert_header(header);
            }
        }
    }
    Ok(response.finish())
}

/// Gives a resumable upload up
///
/// What came of it is removed.
#[utoipa::path(operation_id = "delete_upload", tag = "analysis",
    params(("id" = String, Path, description = "Name of the upload, a UUID"),
        ("tus-resumable" = String, Header, description = "`1.0.0`")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 404, description = "`not-found`", content_type = "application/problem+json", body = Problem),
        (status = 409, description = "`upload-finished`: it is an analysis by now", content_type = "application/problem+json", body = Problem),
        (status = 410, description = "`upload-expired`", content_type = "application/problem+json", body = Problem),
        (status = 412, description = "`tus-version`", content_type = "application/problem+json", body = Problem),
        (status = 423, description = "`upload-locked`: the analysis is being put into the queue", content_type = "application/problem+json", body = Problem),
        (status = 500, description = "The disk or the database failed", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "`database-busy` or `database-away`", content_type = "application/problem+json", body = Problem),
    ))]
#[delete("/api/v1/uploads/{id}")]
pub(in crate::http) async fn terminate(
    request: HttpRequest,
    service: Data<Service>,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, HttpError> {
    headers::expect_version(&request)?;
    match standing(&service, caller, &id, Manner::TakeOver).await? {
        Standing::Finished(_) => Err(TusError::Finished.into()),
        Standing::Unfinished(held) => {
            held.remove().await?;
            Ok(HttpResponse::NoContent().finish())
        }
    }
}
