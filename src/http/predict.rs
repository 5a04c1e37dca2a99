//! `POST /predict`: a file in, a verdict out.

use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, post};

use super::Service;
use super::analyse_upload::{VideoForm, analyse_upload};
use super::answer::AnalysisAnswer;
use super::error::HttpError;
use super::problem::{AnalysisProblems, UploadProblems};

/// Tells whether a video of a face was manipulated
///
/// The analysis is stored and can be read again under its `id`. No face is never an error and
/// never a verdict of REAL or FAKE: the verdict is INCONCLUSIVE and `reasons` says why.
#[utoipa::path(tag = "analysis",
    request_body(content = VideoForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The verdict and everything behind it", body = AnalysisAnswer,
            headers(("server-timing" = String, description = "Milliseconds of upload, wait, decode, faces, queue, inference and store"))),
        UploadProblems, AnalysisProblems,
    ))]
#[post("/predict")]
pub(super) async fn predict(
    request: HttpRequest,
    body: Payload,
    service: Data<Service>,
) -> Result<HttpResponse, HttpError> {
    let analysed = analyse_upload(&request, body, &service).await?;
    Ok(HttpResponse::Ok()
        .insert_header(("server-timing", analysed.server_timing()))
        .json(AnalysisAnswer::from(&analysed.stored)))
}
