//! D3 Detection API: a video kept for later, without an analysis.
//!
//! It is kept beside the pictures and goes by the same retention rule, before them. Its name is random and
//! holds the key of its sender, so that a link helps nobody with another key. It is only ever
//! handed out as a download.

use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use actix_web::web::{Bytes, Data, Json, Path, Payload};
use actix_web::{HttpRequest, HttpResponse, get, post};
use futures_util::TryStreamExt;
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use super::super::Service;
use super::super::answer::rfc3339;
use super::super::caller::{Caller, Sender};
use super::super::error::HttpError;
use super::super::error_shape::{SuccessError, SuccessUploadErrors};
use super::super::openapi::RawBytes;
use super::super::public_path::PublicPath;
use super::super::upload::{Form, receive};
use super::sending::stored_url;
use crate::analysis::AnalysisError;
use crate::domain::{AnalysisId, MediaKind};
use crate::media::{self, MediaError};
use crate::store::ArtifactName;

const FORM: Form = Form::of_one_file(&["video", "file"]);

/// Multipart body with one video.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the form; the body is read part by part"
)]
pub(in crate::http) struct VideoUploadForm {
    /// A video, recognised by its bytes.
    #[schema(value_type = String, format = Binary)]
    video: Vec<u8>,
}

/// Where a video that was sent is kept.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct KeptVideo {
    #[schema(example = true)]
    success: bool,
    /// Name of the file as the client gave it, made safe to show.
    filename: String,
    /// Where it can be had until the retention rule removes it.
    #[schema(example = "/video/uploads/0197a1b2-5b4e-7c3a-9f00-1d2e3f405162")]
    video_url: String,
    /// When it was kept, RFC 3339, UTC.
    timestamp: String,
}

/// Keeps a video (D3 Detection API)
///
/// Nothing is analysed: `POST /video/predict` does that, of the same file.
#[utoipa::path(operation_id = "d3_video_upload", tag = "compatibility",
    request_body(content = VideoUploadForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "Where it is", body = KeptVideo),
        SuccessUploadErrors,
        (status = 415, description = "`unsupported-media`: the file is no video", body = SuccessError),
    ))]
#[post("/video/upload")]
pub(in crate::http) async fn upload(
    request: HttpRequest,
    body: Payload,
    service: Data<Service>,
    caller: Caller,
    at: PublicPath,
) -> Result<Json<KeptVideo>, HttpError> {
    let visit = Arc::new(service.reception.enter(Sender::of(&request))?);
    let limits = service.settings.body;
    let received = receive(&request, body, FORM, &service.uploads, limits).await?;
    let file = received.file;
    if media::kind(file.upload.file()).map_err(AnalysisError::from)? != Some(MediaKind::Video) {
        return Err(AnalysisError::from(MediaError::UnsupportedMedia).into());
    }
    let (id, name) = (
        AnalysisId::new(Uuid::now_v7()),
        ArtifactName::kept_video(caller.key()),
    );
    let filename = file.filename.to_string();
    let keeper = Data::clone(&service);
    // On its own to its end even when the client leaves, like the pictures of an analysis.
    let storing = actix_web::rt::spawn(async move {
        let _visit = visit;
        keeper.artifacts.put_video(id, &name, &file.upload).await?;
        Ok::<_, HttpError>(stored_url(&keeper, id, &name).await)
    });
    let link = storing.await.map_err(|_| HttpError::Interrupted)??;
    Ok(Json(KeptVideo {
        success: true,
        filename,
        video_url: link.unwrap_or_else(|| at.link(&format!("/video/uploads/{id}"))),
        timestamp: rfc3339(OffsetDateTime::now_utc()),
    }))
}

/// A video that was kept (D3 Detection API)
#[utoipa::path(operation_id = "d3_video_download", tag = "compatibility",
    params(("id" = String, Path, description = "Name of the video", example = "0197a1b2-5b4e-7c3a-9f00-1d2e3f405162")),
    responses(
        (status = 200, description = "The bytes that were sent", content_type = "application/octet-stream", body = inline(RawBytes)),
        (status = 404, description = "`not-found`: no such video of this sender, or the retention rule removed it", body = SuccessError),
        (status = 500, description = "`storage-failed`", body = SuccessError),
        (status = 503, description = "`artifacts-away`: the store does not answer", body = SuccessError),
    ))]
#[get("/video/uploads/{id}")]
pub(in crate::http) async fn download(
    service: Data<Service>,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, HttpError> {
    const NOT_FOUND: HttpError = HttpError::NotFound("video");
    let id = AnalysisId::parse(&id).ok_or(NOT_FOUND)?;
    let name = ArtifactName::kept_video(caller.key());
    let video = service.artifacts.video(id, &name).await?.ok_or(NOT_FOUND)?;
    Ok(HttpResponse::Ok()
        .content_type("application/octet-stream")
        .insert_header((CONTENT_DISPOSITION, "attachment"))
        .insert_header((CACHE_CONTROL, "private, no-store"))
        .streaming(video.map_ok(Bytes::from)))
}
