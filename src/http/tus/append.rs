//! Bytes for an upload, and what happens when the last one is there.

use std::fs::File;
use std::io::Seek;
use std::sync::Arc;
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, patch};
use futures_util::stream::StreamExt;
use time::OffsetDateTime;

use super::checksum::Checksum;
use super::error::TusError;
use super::headers;
use super::standing::{Manner, Standing, standing};
use crate::http::Service;
use crate::http::analyses::{new_job, place_and_enqueue};
use crate::http::body::{BodyCut, BodyLimits, guarded};
use crate::http::caller::{Caller, Sender};
use crate::http::error::HttpError;
use crate::http::openapi::RawBytes;
use crate::http::problem::Problem;
use crate::http::public_path::PublicPath;
use crate::http::reception::Visit;
use crate::http::upload_error::UploadError;
use crate::http::wish::Wish;
use crate::integrity::{FileDigest, IntegrityError, hash_reader};
use crate::store::{HeldPartial, Job, PartialRecord, Reader, WholeFile};

/// Bytes on their way into an upload.
pub(super) struct Piece {
    pub(super) body: Payload,
    pub(super) checksum: Option<Checksum>,
    pub(super) visit: Arc<Visit>,
}

/// How far an upload is after a piece.
pub(super) enum Appended {
    /// Others are to follow.
    Partly(Box<PartialRecord>, u64),
    /// It is whole, and this is its job.
    Whole(Box<Job>),
}

impl Appended {
    /// Says so in an answer.
    pub(super) fn add_to(&self, response: &mut HttpResponseBuilder, at: &PublicPath) {
        let headers = match self {
            Self::Partly(record, offset) => headers::progress(record, *offset),
            Self::Whole(job) => headers::finished((job.id, job.payload.size_bytes), at).into(),
        };
        for header in headers {
            response.insert_header(header);
        }
    }
}

/// Goes on with a resumable upload
///
/// The body is appended at `Upload-Offset`, which must be where the upload ends. However the request ends,
/// the bytes that came are kept (unless a checksum came with them and does not hold). With the last byte
/// the upload becomes an analysis, which the answer names in `Framewitness-Analysis`.
#[utoipa::path(operation_id = "append_to_upload", tag = "analysis",
    params(("id" = String, Path, description = "Name of the upload, a UUID"),
        ("tus-resumable" = String, Header, description = "`1.0.0`"),
        ("upload-offset" = u64, Header, description = "Where in the file the body begins"),
        ("upload-checksum" = Option<String>, Header, description = "`sha1` or `sha256`, a space, and the digest of the body in base64")),
    request_body(content = RawBytes, content_type = "application/offset+octet-stream"),
    responses(
        (status = 204, description = "They are safe", headers(
            ("upload-offset" = u64, description = "Where the upload ends now"),
            ("upload-expires" = Option<String>, description = "When it is removed unless it is whole"),
            ("framewitness-analysis" = Option<String>, description = "Where the analysis is, once the upload is whole"))),
        (status = 400, description = "`invalid-header` or `upload-interrupted`", content_type = "application/problem+json", body = Problem),
        (status = 404, description = "`not-found`: there is none of this name, or it is another key's", content_type = "application/problem+json", body = Problem),
        (status = 408, description = "`upload-too-slow`", content_type = "application/problem+json", body = Problem),
        (status = 409, description = "`upload-offset-conflict`: the upload ends elsewhere; HEAD tells where", content_type = "application/problem+json", body = Problem),
        (status = 410, description = "`upload-expired`", content_type = "application/problem+json", body = Problem),
        (status = 412, description = "`tus-version`", content_type = "application/problem+json", body = Problem),
        (status = 413, description = "`beyond-upload-length`", content_type = "application/problem+json", body = Problem),
        (status = 415, description = "`not-offset-stream`", content_type = "application/problem+json", body = Problem),
        (status = 423, description = "`upload-locked`: another request is at it", content_type = "application/problem+json", body = Problem),
        (status = 429, description = "`too-many-uploads` or `queue-full`", content_type = "application/problem+json", body = Problem),
        (status = 460, description = "`checksum-mismatch`", content_type = "application/problem+json", body = Problem),
        (status = 500, description = "A part of the service failed", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "`shutting-down`, or the database or the bucket is away", content_type = "application/problem+json", body = Problem),
        (status = 507, description = "`storage-full`", content_type = "application/problem+json", body = Problem),
    ))]
#[patch("/api/v1/uploads/{id}")]
pub(in crate::http) async fn append_route(
    request: HttpRequest,
    body: Payload,
    service: Data<Service>,
    id: Path<String>,
) -> Result<HttpResponse, HttpError> {
    let visit = Arc::new(service.reception.enter(Sender::of(&request))?);
    headers::expect_version(&request)?;
    if !headers::is_offset_stream(&request) {
        return Err(TusError::NotOffsetStream.into());
    }
    let sent = headers::offset(&request)?;
    let body_bytes = headers::content_length(&request)?;
    let checksum = headers::checksum(&request)?;
    let checksum = checksum.map(Checksum::parse).transpose()?;
    let caller = Caller::of(&request);
    let appended = match standing(&service, caller, &id, Manner::Wait).await? {
        Standing::Finished(job) => again_the_end(job, (sent, body_bytes))?,
        Standing::Unfinished(held) => {
            expect_place(&held, (sent, body_bytes))?;
            let piece = Piece {
                body,
                checksum,
                visit,
            };
            append(&service, held, piece).await?
        }
    };
    let mut response = HttpResponse::NoContent();
    appended.add_to(&mut response, &PublicPath::of(&request));
    Ok(response.finish())
}

/// A client that did not hear that its last byte came may say again that there are no more.
fn again_the_end(
    job: Box<Job>,
    (sent, body_bytes): (u64, Option<u64>),
) -> Result<Appended, TusError> {
    let offset = job.payload.size_bytes;
    match sent == offset && body_bytes == Some(0) {
        true => Ok(Appended::Whole(job)),
        false => Err(TusError::Offset { offset, sent }),
    }
}

/// What the head of the request alone tells.
fn expect_place(
    held: &HeldPartial,
    (sent, body_bytes): (u64, Option<u64>),
) -> Result<(), TusError> {
    let (offset, length_bytes) = (held.offset(), held.record().length_bytes);
    if sent != offset {
        return Err(TusError::Offset { offset, sent });
    }
    match body_bytes {
        Some(bytes) if bytes > length_bytes - offset => {
            Err(TusError::BeyondLength { length_bytes })
        }
        Some(_) | None => Ok(()),
    }
}

/// Takes a piece in, and makes the job when it is the last.
///
/// # Errors
/// [`HttpError`]; what came is kept all the same, unless its checksum does not hold.
pub(super) async fn append(
    service: &Data<Service>,
    mut held: Box<HeldPartial>,
    piece: Piece,
) -> Result<Appended, HttpError> {
    let limits = limits_of(&held, service.settings.body);
    match piece.checksum {
        None => take_in(&mut held, piece.body, limits, |_| {}).await?,
        Some(mut checksum) => {
            held.doubt_what_follows().await?;
            let counted = |chunk: &[u8]| checksum.update(chunk);
            take_in(&mut held, piece.body, limits, counted).await?;
            if !checksum.holds() {
                return Err(TusError::Checksum.into());
            }
            held.believe().await?;
        }
    }
    if held.is_whole() {
        let job = finish(service, held, piece.visit).await?;
        return Ok(Appended::Whole(Box::new(job)));
    }
    Ok(Appended::Partly(
        Box::new(held.record().clone()),
        held.offset(),
    ))
}

/// A body may be as long as what is missing, and take as long as the upload may: a large file on a slow
/// line is what this is for. Silence and trickling are cut as everywhere.
fn limits_of(held: &HeldPartial, limits: BodyLimits) -> BodyLimits {
    let record = held.record();
    let left = record.expires_at - OffsetDateTime::now_utc();
    BodyLimits {
        max_bytes: record.length_bytes - held.offset(),
        whole_timeout: Duration::try_from(left).unwrap_or_default(),
        ..limits
    }
}

/// Writes what comes until it ends, however it does.
async fn take_in(
    held: &mut HeldPartial,
    body: Payload,
    limits: BodyLimits,
    mut count: impl FnMut(&[u8]),
) -> Result<(), HttpError> {
    let mut body = Box::pin(guarded(body, limits));
    let taken = loop {
        let chunk = tokio::select! {
            chunk = body.next() => chunk,
            () = held.asked_to_leave() => break Err(TusError::Locked.into()),
        };
        match chunk {
            Some(Ok(chunk)) => {
                count(&chunk);
                held.write(&chunk).await?;
            }
            Some(Err(error)) => break Err(refusal(error, held.record().length_bytes)),
            None => break Ok(()),
        }
    };
    held.sync().await?;
    taken
}

fn refusal(error: PayloadError, length_bytes: u64) -> HttpError {
    match BodyCut::of(&error) {
        Some(BodyCut::TooLarge { .. }) => TusError::BeyondLength { length_bytes }.into(),
        Some(BodyCut::Silent { .. } | BodyCut::TooSlow { .. } | BodyCut::Trickle { .. }) | None => {
            UploadError::from(error).into()
        }
    }
}

/// Runs on its own to its end even when the client leaves, so that no job stays without its file; the
/// visit goes along, so that a shutdown waits for it.
async fn finish(
    service: &Data<Service>,
    held: Box<HeldPartial>,
    visit: Arc<Visit>,
) -> Result<Job, HttpError> {
    let service = Data::clone(service);
    let finishing = actix_web::rt::spawn(async move {
        let _visit = visit;
        let job = become_job(&service, &held).await?;
        metrics::counter!("framewitness_upload_bytes_total").increment(job.payload.size_bytes);
        if let Err(error) = held.remove().await {
            tracing::warn!(%error, job = %job.id, "an upload that is in the queue stays for now");
        }
        Ok(job)
    });
    finishing.await.map_err(|_| HttpError::Interrupted)?
}

async fn become_job(service: &Service, held: &HeldPartial) -> Result<Job, HttpError> {
    let (id, record) = (held.id(), held.record());
    // Whoever tried it before may have been interrupted after this.
    if let Some(job) = service.jobs.get(id, Reader::Unrestricted).await? {
        return Ok(job);
    }
    // Or before it, with the copy already there.
    service.job_uploads.remove(id).await?;
    let file = held.file().await?;
    let digest = digest(file.try_clone().map_err(HttpError::Descriptor)?).await?;
    let new = new_job(
        id,
        (digest, record.filename.clone()),
        &wish_of(record),
        None,
    );
    let sent = WholeFile {
        file: &file,
        path: &held.path(),
        // A start after a crash cuts off what did not reach the disk in time.
        is_sealed: false,
    };
    place_and_enqueue(service, sent, &new).await
}

async fn digest(mut file: File) -> Result<FileDigest, HttpError> {
    let hashing = tokio::task::spawn_blocking(move || {
        file.rewind().map_err(IntegrityError::Read)?;
        hash_reader(&file)
    });
    let hashed = hashing.await.map_err(|_| HttpError::Interrupted)?;
    Ok(hashed?)
}

fn wish_of(record: &PartialRecord) -> Wish {
    Wish {
        submission: record.submission.clone(),
        stream: record.stream,
        check_stability: record.check_stability,
        ..Wish::default()
    }
}
