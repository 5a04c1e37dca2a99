//! D3 Detection API: one image, up to fifty, and how the service is.

use std::time::Instant;

use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, get, post};
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::super::Service;
use super::super::answer::{rfc3339, rounded};
use super::super::error::HttpError;
use super::super::error_shape::{SuccessAnalysisErrors, SuccessUploadErrors};
use super::super::public_path::PublicPath;
use super::super::upload::Form;
use super::d3_predict_answers::{
    D3Answer, D3Batch, D3BatchAnswer, D3Item, D3Status, Judged, OldBatchAnswer, OldError, OldItem,
    StatusWord,
};
use super::d3_records::PredictionRecord;
use super::judgement::Judgement;
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

/// Whether an image is fake (D3 Detection API)
#[utoipa::path(operation_id = "d3_detection_predict", tag = "compatibility",
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
    let at = PublicPath::of(&request);
    Ok(Json(D3Answer {
        success: true,
        data: PredictionRecord::of(&service, &at, &one.analysed.stored).await,
    }))
}

/// Whether up to 50 images are fake (D3 Detection API)
///
/// A file that cannot be analysed fails alone; the answer says so in its place.
#[utoipa::path(operation_id = "d3_detection_predict_batch", tag = "compatibility",
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
#[utoipa::path(operation_id = "d3_detection_batch_predict", tag = "compatibility",
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
    let at = PublicPath::of(&request);
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for (index, (filename, judged)) in judged(&many).enumerate() {
        match judged {
            Ok((stored, judgement)) => results.push(OldItem {
                index,
                filename,
                prediction: (&judgement).into(),
                result_image_url: result_url(&service, &at, stored.id()).await,
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
#[utoipa::path(operation_id = "d3_detection_status", tag = "compatibility", responses(
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
