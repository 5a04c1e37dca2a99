//! `POST /predict`: a file in, a verdict out.
//!
//! Three earlier services had a route of this name, so what is answered follows what was sent, by
//! its bytes and never by its name:
//!
//! | sent | answer |
//! |---|---|
//! | a video, in `file`, `video` or `image` | [`AnalysisAnswer`], which holds the Deep-Fake API's fields |
//! | an image in `file` or `video` | [`LabelScores`], as dfdetect-service gave it |
//! | an image in `image` | [`ImageAnswer`], as the D3 Detection API gave it |
//! | anything, with `?format=framewitness` | [`AnalysisAnswer`] |

use std::time::Instant;

use actix_web::web::{Data, Payload, Query};
use actix_web::{HttpRequest, HttpResponse, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::Service;
use super::analyse_upload::{Analysed, Entry, analyse_and_keep};
use super::analyses::{JobAnswer, prefers_async, submit};
use super::answer::AnalysisAnswer;
use super::compat::d3_detection::ImageAnswer;
use super::compat::dfdetect::LabelScores;
use super::compat::judgement::{DEFAULT_THRESHOLD, Judgement};
use super::compat::sending::result_url;
use super::error::HttpError;
use super::error_shape::{DetailError, ErrorShape, SuccessError};
use super::problem::Problem;
use super::public_path::PublicPath;
use super::upload::{Form, ReceivedFile, receive};
use super::wish::{StreamQuery, Wish};
use crate::analysis::AnalysisError;
use crate::domain::MediaKind;
use crate::media;

const IMAGE_FIELD: &str = "image";
const FORM: Form = Form::of_one_file(&["file", "video", IMAGE_FIELD]);

/// Multipart body with one file, in one of these fields.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the form; the body is read part by part"
)]
pub(super) struct PredictForm {
    /// A video (MP4, MOV, MKV, WebM, AVI, FLV, WMV, MPEG) or an image (JPEG, PNG, WebP, HEIC, AVIF, BMP, GIF),
    /// recognised by its bytes.
    #[schema(value_type = Option<String>, format = Binary)]
    file: Vec<u8>,
    /// The same under another name.
    #[schema(value_type = Option<String>, format = Binary)]
    video: Vec<u8>,
    /// The same; an image is then answered as by the D3 Detection API.
    #[schema(value_type = Option<String>, format = Binary)]
    image: Vec<u8>,
}

/// Forms of the answer that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum AnswerFormat {
    /// The full answer, of images too.
    Framewitness,
}

/// The query of `POST /predict`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PredictQuery {
    /// `framewitness`: an image is answered in full, like a video, instead of as the service whose
    /// field it came in.
    #[param(inline)]
    format: Option<AnswerFormat>,
}

/// What `POST /predict` answers.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
enum PredictAnswer {
    /// Of a video, and of everything with `?format=framewitness`.
    Full(Box<AnalysisAnswer>),
    /// Of an image in `file` or `video`.
    LabelScores(LabelScores),
    /// Of an image in `image`.
    Image(ImageAnswer),
}

/// What an image that cannot be answered as an older service would have is answered.
#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes answers; they are made by HttpError")]
enum ImageError {
    /// Of an image in `file` or `video`.
    Detail(DetailError),
    /// Of an image in `image`.
    Success(SuccessError),
}

/// For whom an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Client {
    Framewitness,
    Dfdetect,
    D3Detection,
}

/// Tells whether a video or an image of a face was manipulated
///
/// A video is answered in full. An image is answered as the service whose field it came in gave it,
/// or in full with `?format=framewitness`; the answer to an image in `file` or `video` has labels
/// with scores, that to one in `image` a label with both scores.
///
/// The analysis is stored and can be read again under its `id`. In full, no face is never an error
/// and never a verdict of REAL or FAKE: the verdict is INCONCLUSIVE and `reasons` says why. The
/// older answers to an image have no word for that, so there it is 422. Errors of an image in
/// `image` are `{"success": false, "error": …}` as JSON; the others have `detail`.
///
/// With `Prefer: respond-async` the file is taken as by `POST /api/v1/analyses` and answered 202; the
/// result is then the full answer, of an image too. With `Prefer: respond-async, wait=N` it goes through the
/// queue as well and is answered 200 where it is done within N seconds.
#[utoipa::path(tag = "analysis",
    params(PredictQuery, StreamQuery,
        ("prefer" = Option<String>, Header, description = "`respond-async`: the answer is a promise; `respond-async, wait=N`: unless the analysis is done within N seconds"),
        ("idempotency-key" = Option<String>, Header, description = "With `respond-async`, as for `POST /api/v1/analyses`")),
    request_body(content = PredictForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The verdict and everything behind it, or what an older service would have said", body = PredictAnswer,
            headers(("server-timing" = String, description = "Milliseconds of upload, wait, decode, faces, queue, inference and store"),
                ("x-cache" = String, description = "`hit`: these bytes were analysed before with the same models, and this is that analysis; `miss`: analysed now. `Cache-Control: no-cache` in the request asks for the latter"))),
        (status = 202, description = "With `Prefer: respond-async`: the job", body = JobAnswer,
            headers(("location" = String, description = "Where to ask for it"),
                ("preference-applied" = String, description = "`respond-async`"))),
        (status = 400, description = "`malformed-multipart`, `missing-file`, `repeated-field`, `too-many-parts`, `empty-file`, `upload-interrupted` or `invalid-query`", content_type = "application/problem+json", body = Problem),
        (status = 408, description = "`upload-too-slow`: the sender was silent for too long, or the whole took too long", content_type = "application/problem+json", body = Problem),
        (status = 413, description = "`body-too-large`: see `GET /api/v1/limits`", content_type = "application/problem+json", body = Problem),
        (status = 415, description = "`not-multipart`, `encoded-body`, `encoded-part`, or `unsupported-media`: the file is no supported medium",
            content((Problem = "application/problem+json"), (ImageError = "application/json"))),
        (status = 422, description = "The file is a medium but cannot be used: damaged, or over a limit of `GET /api/v1/limits`; of an image whose answer needs a score, also `no-face`, `face-too-small`, `face-too-blurred` and the other reasons why there is none",
            content((Problem = "application/problem+json"), (ImageError = "application/json"))),
        (status = 429, description = "`busy`, `too-many-uploads` or `queue-full`: every place is taken. `Retry-After` says when to try again",
            content((Problem = "application/problem+json"), (ImageError = "application/json"))),
        (status = 500, description = "A part of the service failed; its log has the request's number",
            content((Problem = "application/problem+json"), (ImageError = "application/json"))),
        (status = 503, description = "`shutting-down`, `model-not-loaded`, or a part of the service does not answer. `Retry-After` says when to try again",
            content((Problem = "application/problem+json"), (ImageError = "application/json"))),
        (status = 504, description = "`deadline-exceeded`: the analysis took too long",
            content((Problem = "application/problem+json"), (ImageError = "application/json"))),
        (status = 507, description = "`storage-full`",
            content((Problem = "application/problem+json"), (ImageError = "application/json"))),
    ))]
#[post("/predict")]
pub(super) async fn predict(
    request: HttpRequest,
    body: Payload,
    service: Data<Service>,
    query: Query<PredictQuery>,
) -> Result<HttpResponse, HttpError> {
    if prefers_async(&request) {
        return submit(&request, body, FORM, &service).await;
    }
    let started = Instant::now();
    let entry = Entry::make(&request, &service)?;
    let limits = service.settings.body;
    let upload = receive(&request, body, FORM, &service.uploads, limits).await?;
    let place = entry.into_place(&service)?;
    let client = Client::of(&upload.file, query.format)?;
    client.error_shape().choose(&request);
    let wish = match client {
        Client::Framewitness => Wish::of(&request)?,
        Client::Dfdetect | Client::D3Detection => Wish::of(&request)?.scored(),
    };
    let analysed = analyse_and_keep(&service, &upload.file, place, wish).await?;
    let analysed = analysed.after_upload(upload.took);
    let mut response = HttpResponse::Ok();
    analysed.add_headers(&mut response);
    let at = PublicPath::of(&request);
    let answer = client.answer(&service, &at, &analysed, started);
    Ok(response.json(answer.await?))
}

impl Client {
    fn of(file: &ReceivedFile, format: Option<AnswerFormat>) -> Result<Self, HttpError> {
        if format == Some(AnswerFormat::Framewitness) {
            return Ok(Self::Framewitness);
        }
        let in_image_field = file.field == IMAGE_FIELD;
        let kind = media::kind(file.upload.file()).map_err(AnalysisError::from)?;
        Ok(match kind {
            Some(MediaKind::Video) => Self::Framewitness,
            // What is no medium at all is refused in the words of whose field it came in.
            Some(MediaKind::Image) | None if in_image_field => Self::D3Detection,
            Some(MediaKind::Image) => Self::Dfdetect,
            None => Self::Framewitness,
        })
    }

    fn error_shape(self) -> ErrorShape {
        match self {
            Self::Framewitness => ErrorShape::Problem,
            Self::Dfdetect => ErrorShape::Detail,
            Self::D3Detection => ErrorShape::Success,
        }
    }

    async fn answer(
        self,
        service: &Service,
        at: &PublicPath,
        analysed: &Analysed,
        started: Instant,
    ) -> Result<PredictAnswer, HttpError> {
        let stored = &analysed.stored;
        let analysis = &stored.analysis;
        let judgement = || Judgement::of(analysis, DEFAULT_THRESHOLD);
        Ok(match self {
            Self::Framewitness => PredictAnswer::Full(Box::new(AnalysisAnswer::new(stored, at))),
            Self::Dfdetect => {
                let id = analysis.id.to_string();
                PredictAnswer::LabelScores(LabelScores::new(&judgement()?, id, started.elapsed()))
            }
            Self::D3Detection => {
                let url = result_url(service, at, analysis.id).await;
                PredictAnswer::Image(ImageAnswer::new(analysis, &judgement()?, url))
            }
        })
    }
}
