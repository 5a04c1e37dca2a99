//! An upload begins.

use std::sync::Arc;

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, options, post};
use time::OffsetDateTime;
use uuid::Uuid;

use super::append::{Appended, Piece, append};
use super::checksum::Checksum;
use super::error::TusError;
use super::headers;
use super::metadata::Metadata;
use crate::http::Service;
use crate::http::analyses::refuse_where_full;
use crate::http::caller::Sender;
use crate::http::error::HttpError;
use crate::http::filename::DisplayName;
use crate::http::problem::Problem;
use crate::http::public_path::PublicPath;
use crate::http::wish::{StreamQuery, Wish};
use crate::store::{Begun, Hold, JobId, PartialRecord};

/// What resumable uploads can do here
///
/// The protocol is tus 1.0.0 (<https://tus.io>): any of its clients sends large files here.
#[utoipa::path(operation_id = "get_upload_capabilities", tag = "analysis", responses(
    (status = 204, description = "In headers", headers(
        ("tus-version" = String, description = "`1.0.0`"),
        ("tus-extension" = String, description = "Extensions, with commas between them"),
        ("tus-max-size" = u64, description = "Largest file in bytes, the limit `max_body_bytes`"),
        ("tus-checksum-algorithm" = String, description = "Algorithms, with commas between them"))),
))]
#[options("/api/v1/uploads")]
pub(in crate::http) async fn capabilities(service: Data<Service>) -> HttpResponse {
    let mut response = HttpResponse::NoContent();
    for header in headers::capabilities(service.settings.body.max_bytes) {
        response.insert_header(header);
    }
    response.finish()
}

/// Begins a resumable upload
///
/// For files that are large or come over lines that break: the file is sent to `Location` in as many requests
/// as it takes. When it is whole, it is the analysis of the same name: `/api/v1/uploads/ID` becomes
/// `/api/v1/analyses/ID`. The first bytes may come along, as `application/offset+octet-stream`.
#[utoipa::path(operation_id = "create_upload", tag = "analysis",
    params(StreamQuery,
        ("tus-resumable" = String, Header, description = "`1.0.0`"),
        ("upload-length" = u64, Header, description = "Bytes of the whole file"),
        ("upload-metadata" = Option<String>, Header, description = "Pairs of a key and a value in base64; `filename` or `name` is the file's")),
    responses(
        (status = 201, description = "It waits for its bytes", headers(
            ("location" = String, description = "Where to send them"),
            ("upload-offset" = u64, description = "Bytes that came along"),
            ("upload-expires" = Option<String>, description = "When it is removed unless it is whole"),
            ("framewitness-analysis" = Option<String>, description = "Where the analysis is, if every byte came along"))),
        (status = 400, description = "`upload-length-missing`, `invalid-header`, `invalid-query` or `upload-interrupted`", content_type = "application/problem+json", body = Problem),
        (status = 408, description = "`upload-too-slow`", content_type = "application/problem+json", body = Problem),
        (status = 412, description = "`tus-version`", content_type = "application/problem+json", body = Problem),
        (status = 413, description = "`body-too-large` or `beyond-upload-length`", content_type = "application/problem+json", body = Problem),
        (status = 415, description = "`not-offset-stream`: a body of another kind came along", content_type = "application/problem+json", body = Problem),
        (status = 429, description = "`too-many-resumable-uploads`, `too-many-uploads` or `queue-full`", content_type = "application/problem+json", body = Problem),
        (status = 460, description = "`checksum-mismatch`", content_type = "application/problem+json", body = Problem),
        (status = 500, description = "A part of the service failed", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "`shutting-down`, or the database or the bucket is away", content_type = "application/problem+json", body = Problem),
        (status = 507, description = "`storage-full`: there is no room for a file of this length", content_type = "application/problem+json", body = Problem),
    ))]
#[post("/api/v1/uploads")]
pub(in crate::http) async fn create_route(
    request: HttpRequest,
    body: Payload,
    service: Data<Service>,
) -> Result<HttpResponse, HttpError> {
    let visit = Arc::new(service.reception.enter(Sender::of(&request))?);
    headers::expect_version(&request)?;
    let record = record_of(&request, &service)?;
    let has_bytes = brings_bytes(&request)?;
    let checksum = headers::checksum(&request)?;
    let checksum = checksum.map(Checksum::parse).transpose()?;
    refuse_where_full(&service, None).await?;
    let id = JobId::new(Uuid::now_v7());
    begin(&service, id, record.clone()).await?;
    let appended = match has_bytes {
        false => Appended::Partly(Box::new(record), 0),
        true => {
            let piece = Piece {
                body,
                checksum,
                visit,
            };
            first_piece(&service, id, piece).await?
        }
    };
    let at = PublicPath::of(&request);
    let mut response = HttpResponse::Created();
    response.insert_header((LOCATION, at.link(&format!("/api/v1/uploads/{id}"))));
    appended.add_to(&mut response, &at);
    Ok(response.finish())
}

/// What the client says of its file.
fn record_of(request: &HttpRequest, service: &Service) -> Result<PartialRecord, HttpError> {
    let limits = service.settings.body;
    let length_bytes = headers::length(request, limits.max_bytes)?;
    let metadata = headers::metadata(request)?;
    let named = Metadata::parse(metadata.unwrap_or_default())?.filename();
    let wish = Wish::of(request)?;
    Ok(PartialRecord {
        length_bytes,
        filename: DisplayName::within(&named, limits.max_filename_chars).to_string(),
        metadata: metadata.map(str::to_owned),
        stream: wish.stream,
        check_stability: wish.check_stability,
        submission: wish.submission,
        sender: Sender::of(request).to_string(),
        expires_at: OffsetDateTime::now_utc() + service.partials.limits().keep,
    })
}

/// Whether bytes of the file come along; a body of another kind is none of them.
fn brings_bytes(request: &HttpRequest) -> Result<bool, TusError> {
    match headers::is_offset_stream(request) {
        true => Ok(true),
        false if headers::content_length(request)?.unwrap_or(0) > 0 => {
            Err(TusError::NotOffsetStream)
        }
        false => Ok(false),
    }
}

async fn begin(service: &Service, id: JobId, record: PartialRecord) -> Result<(), HttpError> {
    let limits = service.partials.limits();
    let now = OffsetDateTime::now_utc();
    match service.partials.begin(id, record, now).await? {
        Begun::Yes => Ok(()),
        Begun::Full => Err(TusError::Full { max: limits.max }.into()),
        Begun::FullForSender => {
            let max = limits.max_per_sender;
            Err(TusError::FullForSender { max }.into())
        }
    }
}

/// Takes in what came along. Where that fails, the client does not know where to go on, and so there is
/// nothing to go on with.
async fn first_piece(
    service: &Data<Service>,
    id: JobId,
    piece: Piece,
) -> Result<Appended, HttpError> {
    let Hold::Held(held) = service.partials.hold(id).await? else {
        return Err(TusError::Locked.into());
    };
    let appended = append(service, held, piece).await;
    if appended.is_err()
        && let Hold::Held(held) = service.partials.take_over(id).await?
    {
        held.remove().await?;
    }
    appended
}
