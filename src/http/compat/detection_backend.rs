//! Detection backend: an image, alone or with six variations of it.
//!
//! That service's document and its code disagreed about `confidence`; here it is that of the
//! stated label, as documented.

use std::time::Instant;

use actix_web::web::{Data, Json, Payload};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::super::Service;
use super::super::analyse_upload::{Entry, analyse_and_keep, analyse_varied_and_keep};
use super::super::answer::{VerdictWord, rfc3339, rounded};
use super::super::error::HttpError;
use super::super::error_shape::{CodedAnalysisErrors, CodedUploadErrors};
use super::super::upload::{Form, receive};
use super::super::wish::Wish;
use super::judgement::{DEFAULT_THRESHOLD, Judgement};
use crate::analysis::Varied;
use crate::domain::CROP_CANVAS_PX;
use crate::media::Variation;

const FORM: Form = Form::of_one_file(&["file"]);

/// Multipart body with an image.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the form; the body is read part by part"
)]
pub(in crate::http) struct ImageForm {
    /// An image, recognised by its bytes.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// The answer in small letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum SmallLabel {
    /// P(fake) of at least one half.
    Fake,
    /// P(fake) under one half.
    Real,
}

/// The answer in capitals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Consensus {
    /// At least four of seven are fake.
    Fake,
    /// Fewer are.
    Real,
}

/// How an image was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum AugmentationType {
    /// Without colour.
    Grayscale,
    /// Turned clockwise by 20 degrees.
    RotateRight,
    /// Turned counter-clockwise by 20 degrees.
    RotateLeft,
    /// With stretched contrast.
    BrightnessUp,
    /// With four fifths of its brightness.
    BrightnessDown,
    /// Mirrored.
    FlipHorizontal,
}

/// What the model was given and what it gave.
#[derive(Debug, Serialize, ToSchema)]
struct DebugInfo {
    /// Pictures, height, width and channels of the aligned face.
    #[schema(min_items = 4, max_items = 4, example = json!([1, 256, 256, 3]))]
    input_shape: [u32; 4],
    /// P(fake).
    #[schema(minimum = 0, maximum = 1)]
    raw_prediction: f64,
}

/// The answer to an image.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct DetectAnswer {
    prediction: SmallLabel,
    /// Probability of `prediction`.
    #[schema(minimum = 0.5, maximum = 1)]
    confidence: f64,
    /// Seconds from the first byte of the request to the answer.
    #[schema(minimum = 0)]
    processing_time: f64,
    debug_info: DebugInfo,
    /// This service's own verdict, which may be INCONCLUSIVE.
    verdict: VerdictWord,
    /// Name of the stored analysis, readable at `/api/v1/predictions/{id}`.
    id: String,
}

/// What was found in the image as it came.
#[derive(Debug, Serialize, ToSchema)]
struct OriginalPrediction {
    prediction: SmallLabel,
    /// Probability of `prediction`.
    #[schema(minimum = 0.5, maximum = 1)]
    confidence: f64,
}

/// What was found in a variation.
#[derive(Debug, Serialize, ToSchema)]
struct AugmentedPrediction {
    augmentation_type: AugmentationType,
    prediction: SmallLabel,
    /// Probability of `prediction`.
    #[schema(minimum = 0.5, maximum = 1)]
    confidence: f64,
}

/// How the consensus came about.
#[derive(Debug, Serialize, ToSchema)]
struct ConsensusInfo {
    /// Predictions whose P(real) is under the threshold: those that are fake.
    #[schema(minimum = 0, maximum = 7)]
    predictions_below_threshold: usize,
    /// The original and its variations.
    #[schema(minimum = 7, maximum = 7)]
    total_predictions: usize,
    /// Always 0.5.
    #[schema(minimum = 0.5, maximum = 0.5)]
    threshold: f64,
    /// Width and height of the aligned face.
    #[schema(min_items = 2, max_items = 2, example = json!([256, 256]))]
    input_size: [u32; 2],
}

/// The answer to an image and its variations.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct AugmentedAnswer {
    original_prediction: OriginalPrediction,
    /// Six, in the order grayscale, rotate right and left, brightness up and down, flip.
    #[schema(min_items = 6, max_items = 6)]
    augmented_predictions: Vec<AugmentedPrediction>,
    consensus_prediction: Consensus,
    /// Mean probability of `consensus_prediction` over all seven.
    #[schema(minimum = 0, maximum = 1)]
    average_confidence: f64,
    /// Seconds from the first byte of the request to the answer.
    #[schema(minimum = 0)]
    processing_time: f64,
    debug_info: ConsensusInfo,
    /// This service's own verdict on the original, which may be INCONCLUSIVE.
    verdict: VerdictWord,
    /// Name of the stored analysis, readable at `/api/v1/predictions/{id}`.
    id: String,
}

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct DetectHealth {
    /// `healthy` or `unhealthy`.
    status: DetectStatus,
    /// Whether a model is loaded.
    model_loaded: bool,
    /// When, RFC 3339, UTC.
    timestamp: String,
}

/// One word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum DetectStatus {
    /// Images are answered.
    Healthy,
    /// They are not.
    Unhealthy,
}

/// The model.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct BackendModelInfo {
    /// Height, width and channels of the aligned face.
    #[schema(min_items = 3, max_items = 3)]
    input_shape: [u32; 3],
    /// Width and height of the aligned face.
    #[schema(min_items = 2, max_items = 2)]
    image_size: [u32; 2],
    /// Name and version of the models.
    model_path: String,
    /// Their networks.
    layers: Vec<String>,
    /// Whether they are loaded.
    model_loaded: bool,
}

/// Whether an image of a face is fake (detection backend)
#[utoipa::path(operation_id = "detection_backend_detect", tag = "compatibility",
    request_body(content = ImageForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The answer and how sure it is", body = DetectAnswer),
        CodedUploadErrors, CodedAnalysisErrors,
    ))]
#[post("/api/v1/detect")]
pub(in crate::http) async fn detect(
    request: HttpRequest,
    body: Payload,
    service: Data<Service>,
) -> Result<Json<DetectAnswer>, HttpError> {
    let started = Instant::now();
    let entry = Entry::make(&request, &service)?;
    let limits = service.settings.body;
    let upload = receive(&request, body, FORM, &service.uploads, limits).await?;
    let place = entry.into_place(&service)?;
    let wish = Wish::of(&request)?.scored();
    let analysed = analyse_and_keep(&service, &upload.file, place, wish).await?;
    let analysis = &analysed.stored.analysis;
    let judgement = Judgement::of(analysis, DEFAULT_THRESHOLD)?;
    let (prediction, confidence) = label(judgement.probability_fake);
    Ok(Json(DetectAnswer {
        prediction,
        confidence,
        processing_time: rounded(started.elapsed().as_secs_f64(), 4),
        debug_info: DebugInfo {
            input_shape: [1, CROP_CANVAS_PX, CROP_CANVAS_PX, 3],
            raw_prediction: judgement.probability_fake,
        },
        verdict: judgement.verdict,
        id: analysis.id.to_string(),
    }))
}

/// The same with six variations of the face and what all seven agree on (detection backend)
///
/// The face is found and aligned once, then varied, so that the variations differ in nothing else;
/// all seven go through the model together.
#[utoipa::path(operation_id = "detection_backend_augmented", tag = "compatibility",
    request_body(content = ImageForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "Seven answers and their consensus", body = AugmentedAnswer),
        CodedUploadErrors, CodedAnalysisErrors,
    ))]
#[post("/api/v1/detect/augmented")]
pub(in crate::http) async fn augmented(
    request: HttpRequest,
    body: Payload,
    service: Data<Service>,
) -> Result<Json<AugmentedAnswer>, HttpError> {
    let started = Instant::now();
    let entry = Entry::make(&request, &service)?;
    let limits = service.settings.body;
    let upload = receive(&request, body, FORM, &service.uploads, limits).await?;
    let place = entry.into_place(&service)?;
    let wish = Wish::of(&request)?.scored();
    let (analysed, varied) = analyse_varied_and_keep(&service, &upload.file, place, wish).await?;
    let analysis = &analysed.stored.analysis;
    let judgement = Judgement::of(analysis, DEFAULT_THRESHOLD)?;
    let original = judgement.probability_fake;
    let variations = varied.iter().map(|v| f64::from(v.probability_fake.get()));
    let all: Vec<f64> = std::iter::once(original).chain(variations).collect();
    let (consensus_prediction, average_confidence, fakes) = consensus(&all);
    let (prediction, confidence) = label(original);
    Ok(Json(AugmentedAnswer {
        original_prediction: OriginalPrediction {
            prediction,
            confidence,
        },
        augmented_predictions: varied.iter().map(AugmentedPrediction::from).collect(),
        consensus_prediction,
        average_confidence,
        processing_time: rounded(started.elapsed().as_secs_f64(), 4),
        debug_info: ConsensusInfo {
            predictions_below_threshold: fakes,
            total_predictions: all.len(),
            threshold: DEFAULT_THRESHOLD,
            input_size: [CROP_CANVAS_PX; 2],
        },
        verdict: judgement.verdict,
        id: analysis.id.to_string(),
    }))
}

/// Whether images are answered (detection backend)
#[utoipa::path(operation_id = "detection_backend_health", tag = "compatibility", responses(
    (status = 200, description = "They are", body = DetectHealth),
    (status = 503, description = "They are not", body = DetectHealth),
))]
#[get("/api/v1/detect/health")]
pub(in crate::http) async fn health(service: Data<Service>) -> HttpResponse {
    let is_healthy = service.analyzer.is_ready() && !service.reception.is_closing();
    let (mut response, status) = if is_healthy {
        (HttpResponse::Ok(), DetectStatus::Healthy)
    } else {
        (HttpResponse::ServiceUnavailable(), DetectStatus::Unhealthy)
    };
    response.json(DetectHealth {
        status,
        model_loaded: service.analyzer.models().lease().is_ok(),
        timestamp: rfc3339(OffsetDateTime::now_utc()),
    })
}

/// The model that answers (detection backend)
#[utoipa::path(operation_id = "detection_backend_model_info", tag = "compatibility", responses(
    (status = 200, description = "The model", body = BackendModelInfo),
))]
#[get("/api/v1/model/info")]
pub(in crate::http) async fn model_info(service: Data<Service>) -> Json<BackendModelInfo> {
    let models = service.analyzer.models();
    let facts = models.facts();
    Json(BackendModelInfo {
        input_shape: [CROP_CANVAS_PX, CROP_CANVAS_PX, 3],
        image_size: [CROP_CANVAS_PX; 2],
        model_path: facts.bundle.clone(),
        layers: facts.architectures.iter().map(|&a| a.to_owned()).collect(),
        model_loaded: models.lease().is_ok(),
    })
}

/// The label of a P(fake) and the probability of that label.
fn label(probability_fake: f64) -> (SmallLabel, f64) {
    if probability_fake >= DEFAULT_THRESHOLD {
        (SmallLabel::Fake, rounded(probability_fake, 6))
    } else {
        (SmallLabel::Real, rounded(1.0 - probability_fake, 6))
    }
}

/// What the most of them say, how sure they are of it in the mean, and how many say fake.
fn consensus(probabilities: &[f64]) -> (Consensus, f64, usize) {
    let fakes = probabilities.iter().filter(|p| **p >= DEFAULT_THRESHOLD);
    let (fakes, all) = (fakes.count(), probabilities.len());
    let mean = probabilities.iter().sum::<f64>() / all as f64;
    if fakes * 2 >= all {
        (Consensus::Fake, rounded(mean, 6), fakes)
    } else {
        (Consensus::Real, rounded(1.0 - mean, 6), fakes)
    }
}

impl From<&Varied> for AugmentedPrediction {
    fn from(varied: &Varied) -> Self {
        let (prediction, confidence) = label(f64::from(varied.probability_fake.get()));
        Self {
            augmentation_type: match varied.variation {
                Variation::Grayscale => AugmentationType::Grayscale,
                Variation::RotateRight => AugmentationType::RotateRight,
                Variation::RotateLeft => AugmentationType::RotateLeft,
                Variation::BrightnessUp => AugmentationType::BrightnessUp,
                Variation::BrightnessDown => AugmentationType::BrightnessDown,
                Variation::FlipHorizontal => AugmentationType::FlipHorizontal,
            },
            prediction,
            confidence,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_is_that_of_the_stated_label() {
        assert_eq!(label(0.95), (SmallLabel::Fake, 0.95));
        assert_eq!(label(0.05), (SmallLabel::Real, 0.95));
        assert_eq!(label(0.5), (SmallLabel::Fake, 0.5));
    }

    #[test]
    fn four_of_seven_make_a_consensus() {
        let four = [0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1];
        assert_eq!(consensus(&four), (Consensus::Fake, 0.557143, 4));
        let three = [0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1];
        assert_eq!(consensus(&three), (Consensus::Real, 0.557143, 3));
    }
}
