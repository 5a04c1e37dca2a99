//! D3 Detection API: one image, up to fifty, and how the service is.

use std::time::Instant;

use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, get, post};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::super::Service;
use super::super::answer::{VerdictWord, rfc3339, rounded};
use super::super::error::HttpError;
use super::super::error_shape::{SuccessAnalysisErrors, SuccessUploadErrors};
use super::super::upload::Form;
use super::d3_detection::ImagePrediction;
use super::d3_records::PredictionRecord;
use super::judgement::{BinaryLabel, Judgement};
use super::sending::{
    D3_CLIP, MAX_IMAGES, MODEL_TYPE, Many, analyse_batch, analyse_one, result_url,
};
use crate::analysis::RESULT_PICTURE;

const FORM: Form = Form {
    file_fields: &["file", "image"],
    text_fields: &[MODEL_TYPE],
    max_files: 1,
    max_file_bytes: u64::MAX,
};
const BATCH_FORM: Form = Form {
    file_fields: &["files", "images", "file", "image"],
    max_files: MAX_IMAGES,
    ..FORM
};

/// The model asked for.
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(
    dead_code,
    reason = "describes the form; the body is read part by part"
)]
enum ModelType {
    /// The models that are loaded.
    D3Clip,
}

/// Multipart body with one image, as `file` or as `image`.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the form; the body is read part by part"
)]
pub(in crate::http) struct D3Form {
    /// An image, recognised by its bytes.
    #[schema(value_type = Option<String>, format = Binary)]
    file: Vec<u8>,
    /// The same under another name.
    #[schema(value_type = Option<String>, format = Binary)]
    image: Vec<u8>,
    /// The model asked for.
    #[schema(inline)]
    model_type: Option<ModelType>,
}

/// Multipart body with up to 50 images, as `files` or as `images`.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the form; the body is read part by part"
)]
pub(in crate::http) struct D3BatchForm {
    /// Images, each recognised by its bytes.
    #[schema(value_type = Option<Vec<String>>, format = Binary, max_items = 50)]
    files: Vec<Vec<u8>>,
    /// The same under another name.
    #[schema(value_type = Option<Vec<String>>, format = Binary, max_items = 50)]
    images: Vec<Vec<u8>>,
    /// The model asked for.
    #[schema(inline)]
    model_type: Option<ModelType>,
}

/// The answer to one image.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct D3Answer {
    #[schema(example = true)]
    success: bool,
    data: PredictionRecord,
}

/// The answer to one image of a batch.
#[derive(Debug, Serialize, ToSchema)]
struct D3Item {
    /// Name of the file as the client gave it, made safe to show.
    filename: String,
    /// FAKE or REAL; `null` when the file could not be analysed.
    prediction: Option<BinaryLabel>,
    /// Probability of `prediction`; `null` with it.
    #[schema(minimum = 0, maximum = 1)]
    confidence: Option<f64>,
    /// Name of the prediction; `null` with it.
    prediction_id: Option<String>,
    /// This service's own verdict; `null` with it.
    verdict: Option<VerdictWord>,
    /// What is wrong with the file; `null` when nothing is.
    error: Option<String>,
    /// A stable kebab-case code for it.
    code: Option<String>,
}

/// A batch.
#[derive(Debug, Serialize, ToSchema)]
struct D3Batch {
    /// Name of the batch.
    #[schema(example = "batch_0197a1b25b4e7c3a9f001d2e3f405162")]
    batch_id: String,
    /// Files that were sent.
    #[schema(minimum = 1, maximum = 50)]
    total_images: usize,
    /// Those that were analysed.
    #[schema(minimum = 0, maximum = 50)]
    successful: usize,
    /// Those that could not be.
    #[schema(minimum = 0, maximum = 50)]
    failed: usize,
    /// One for each file, in the order they were sent.
    results: Vec<D3Item>,
    /// Seconds from the first byte of the request to the answer.
    #[schema(minimum = 0)]
    processing_time: f64,
    /// The model asked for.
    #[schema(example = "d3_clip")]
    model_type: String,
}

/// The answer to a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct D3BatchAnswer {
    /// Always `true`, also when single files failed.
    #[schema(example = true)]
    success: bool,
    data: D3Batch,
}

/// An image of a batch that was analysed, in the older form.
#[derive(Debug, Serialize, ToSchema)]
struct OldItem {
    /// Place among the files that were sent, from 0.
    #[schema(minimum = 0, maximum = 49)]
    index: usize,
    /// Name of the file as the client gave it, made safe to show.
    filename: String,
    prediction: ImagePrediction,
    /// The image with the result drawn on it.
    result_image_url: String,
    /// Name of that picture.
    result_filename: String,
    /// This service's own verdict, which may be INCONCLUSIVE.
    verdict: VerdictWord,
}

/// A file of a batch that could not be analysed.
#[derive(Debug, Serialize, ToSchema)]
struct OldError {
    /// Place among the files that were sent, from 0.
    #[schema(minimum = 0, maximum = 49)]
    index: usize,
    /// Name of the file as the client gave it, made safe to show.
    filename: String,
    /// What is wrong with it.
    error: String,
    /// Stable kebab-case code.
    code: String,
}

/// The answer to a batch, in the older form.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct OldBatchAnswer {
    /// Always `true`, also when single files failed.
    #[schema(example = true)]
    success: bool,
    /// Files that were sent.
    #[schema(minimum = 1, maximum = 50)]
    total_images: usize,
    /// Those that were analysed.
    #[schema(minimum = 0, maximum = 50)]
    successful: usize,
    /// Those that could not be.
    #[schema(minimum = 0, maximum = 50)]
    failed: usize,
    /// Those that were analysed.
    results: Vec<OldItem>,
    /// Those that could not be; `null` when all could.
    errors: Option<Vec<OldError>>,
    /// Name of the batch.
    batch_id: String,
}

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct D3Status {
    #[schema(example = true)]
    success: bool,
    /// `running`, or `degraded` while a part does not work.
    status: StatusWord,
    /// Version of the program.
    version: &'static str,
    /// Seconds since the start.
    uptime: u64,
    /// Whether a model is loaded.
    model_loaded: bool,
    /// The model asked for.
    #[schema(example = "d3_clip")]
    model_type: &'static str,
    /// Name and version of the models behind it.
    model_name: String,
    /// Where it runs.
    #[schema(example = "cpu")]
    device: String,
    /// Whether the record database answers.
    database: bool,
    /// When, RFC 3339, UTC.
    timestamp: String,
}

/// One word.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum StatusWord {
    /// Everything works.
    Running,
    /// A part does not.
    Degraded,
}

/// Whether an image is fake (D3 Detection API)
#[utoipa::path(tag = "compatibility",
    request_body(content = D3Form, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The prediction", body = D3Answer),
        SuccessUploadErrors, SuccessAnalysisErrors,
    ))]
#[post("/api/v1/predict")]
pub(in crate::http) async fn predict(
    request: HttpRequest,
    body: Payload,
    service: Data<Service>,
) -> Result<Json<D3Answer>, HttpError> {
    let one = analyse_one(&request, body, &service, FORM).await?;
    Ok(Json(D3Answer {
        success: true,
        data: PredictionRecord::of(&service, &one.analysed.stored).await,
    }))
}

/// Whether up to 50 images are fake (D3 Detection API)
///
/// A file that cannot be analysed fails alone; the answer says so in its place.
#[utoipa::path(tag = "compatibility",
    request_body(content = D3BatchForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "One result for each file", body = D3BatchAnswer),
        SuccessUploadErrors,
    ))]
#[post("/api/v1/predict/batch")]
pub(in crate::http) async fn predict_batch(
    request: HttpRequest,
    body: Payload,
    service: Data<Service>,
) -> Result<Json<D3BatchAnswer>, HttpError> {
    let started = Instant::now();
    let many = analyse_batch(&request, body, &service, BATCH_FORM).await?;
    let results: Vec<D3Item> = judged(&many)
        .map(|(filename, judged)| D3Item::new(filename, judged))
        .collect();
    let successful = results.iter().filter(|item| item.error.is_none()).count();
    Ok(Json(D3BatchAnswer {
        success: true,
        data: D3Batch {
            batch_id: many.batch.to_string(),
            total_images: results.len(),
            successful,
            failed: results.len() - successful,
            results,
            processing_time: rounded(started.elapsed().as_secs_f64(), 4),
            model_type: D3_CLIP.to_owned(),
        },
    }))
}

/// Whether up to 50 images are fake, under its older name (D3 Detection API)
///
/// A file that cannot be analysed fails alone, under `errors`.
#[utoipa::path(tag = "compatibility",
    request_body(content = D3BatchForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The results, and what could not be analysed", body = OldBatchAnswer),
        SuccessUploadErrors,
    ))]
#[post("/batch_predict")]
pub(in crate::http) async fn batch_predict(
    request: HttpRequest,
    body: Payload,
    service: Data<Service>,
) -> Result<Json<OldBatchAnswer>, HttpError> {
    let many = analyse_batch(&request, body, &service, BATCH_FORM).await?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for (index, (filename, judged)) in judged(&many).enumerate() {
        match judged {
            Ok((stored, judgement)) => results.push(OldItem {
                index,
                filename,
                prediction: (&judgement).into(),
                result_image_url: result_url(&service, stored.id()).await,
                result_filename: RESULT_PICTURE.to_owned(),
                verdict: judgement.verdict,
            }),
            Err((error, code)) => errors.push(OldError {
                index,
                filename,
                error,
                code,
            }),
        }
    }
    Ok(Json(OldBatchAnswer {
        success: true,
        total_images: results.len() + errors.len(),
        successful: results.len(),
        failed: errors.len(),
        results,
        errors: Some(errors).filter(|errors| !errors.is_empty()),
        batch_id: many.batch.to_string(),
    }))
}

/// How the service is (D3 Detection API)
#[utoipa::path(tag = "compatibility", responses(
    (status = 200, description = "How it is", body = D3Status),
))]
#[get("/api/v1/status")]
pub(in crate::http) async fn status(service: Data<Service>) -> Json<D3Status> {
    let models = service.analyzer.models();
    let facts = models.facts();
    let database = service.records.health().await.is_ok();
    let is_closing = service.reception.is_closing();
    let works = models.is_ready() && database && !is_closing;
    Json(D3Status {
        success: true,
        status: match works {
            true => StatusWord::Running,
            false => StatusWord::Degraded,
        },
        version: env!("CARGO_PKG_VERSION"),
        uptime: service.started.elapsed().as_secs(),
        model_loaded: models.lease().is_ok(),
        model_type: D3_CLIP,
        model_name: facts.bundle.clone(),
        device: facts.device.clone(),
        database,
        timestamp: rfc3339(OffsetDateTime::now_utc()),
    })
}

type Judged<'a> = Result<(&'a crate::store::Stored, Judgement), (String, String)>;

/// Each file with its judgement, or with what is wrong with it and the code of that.
fn judged(many: &Many) -> impl Iterator<Item = (String, Judged<'_>)> {
    many.items.iter().map(|(filename, result)| {
        let told = |error: &HttpError| (error.detail(), error.code().to_owned());
        let judged = match result {
            Ok(analysed) => {
                let stored = &analysed.stored;
                let judgement = Judgement::of(&stored.analysis, many.threshold);
                judgement
                    .map(|judgement| (stored, judgement))
                    .map_err(|error| told(&error))
            }
            Err(error) => Err(told(error)),
        };
        (filename.to_string(), judged)
    })
}

impl D3Item {
    fn new(filename: String, judged: Judged<'_>) -> Self {
        match judged {
            Ok((stored, judgement)) => Self {
                filename,
                prediction: Some(judgement.label),
                confidence: Some(judgement.confidence()),
                prediction_id: Some(stored.id().to_string()),
                verdict: Some(judgement.verdict),
                error: None,
                code: None,
            },
            Err((error, code)) => Self {
                filename,
                prediction: None,
                confidence: None,
                prediction_id: None,
                verdict: None,
                error: Some(error),
                code: Some(code),
            },
        }
    }
}
