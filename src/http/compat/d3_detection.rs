//! D3 Detection API: an image is FAKE or REAL, with both scores.

use serde::Serialize;
use utoipa::ToSchema;

use super::super::answer::{VerdictWord, rfc3339};
use super::judgement::{BinaryLabel, Judgement};
use crate::analysis::RESULT_PICTURE;
use crate::domain::Analysis;

const NOTE: &str =
    "scores are those of the faces found in the image; the result image has them drawn on it";

/// What an image in the field `image` is answered by the older name of the route.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ImageAnswer {
    /// Always `true`; errors have `false` and `error`.
    #[schema(example = true)]
    success: bool,
    /// Name of the file as the client gave it, made safe to show.
    filename: String,
    /// When the analysis ended, RFC 3339, UTC.
    timestamp: String,
    prediction: ImagePrediction,
    image_info: ImageInfo,
    /// The image with faces, scores and verdict drawn on it.
    result_image_url: String,
    /// Name of that picture.
    #[schema(example = "result.jpg")]
    result_filename: String,
    /// What a reader should know.
    note: String,
    /// This service's own verdict, which may be INCONCLUSIVE.
    verdict: VerdictWord,
    /// Name of the stored analysis.
    id: String,
}

/// A label and both scores.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ImagePrediction {
    label: BinaryLabel,
    /// Whether `label` is FAKE.
    is_fake: bool,
    /// Probability of `label`.
    #[schema(minimum = 0, maximum = 1)]
    confidence: f64,
    scores: BothScores,
}

/// Both probabilities; they add up to 1.
#[derive(Debug, Serialize, ToSchema)]
struct BothScores {
    /// P(genuine).
    #[schema(minimum = 0, maximum = 1)]
    real: f64,
    /// P(manipulated).
    #[schema(minimum = 0, maximum = 1)]
    fake: f64,
}

/// What the file says about itself.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ImageInfo {
    /// Width in pixels as displayed.
    width: u32,
    /// Height in pixels as displayed.
    height: u32,
    /// Size of the file in bytes.
    size_bytes: u64,
}

impl ImageAnswer {
    pub(in crate::http) fn new(
        analysis: &Analysis,
        judgement: &Judgement,
        result_image_url: String,
    ) -> Self {
        Self {
            success: true,
            filename: analysis.filename.clone(),
            timestamp: rfc3339(analysis.analyzed_at),
            prediction: judgement.into(),
            image_info: ImageInfo::from(analysis),
            result_image_url,
            result_filename: RESULT_PICTURE.to_owned(),
            note: NOTE.to_owned(),
            verdict: judgement.verdict,
            id: analysis.id.to_string(),
        }
    }
}

impl From<&Judgement> for ImagePrediction {
    fn from(judgement: &Judgement) -> Self {
        Self {
            label: judgement.label,
            is_fake: judgement.is_fake(),
            confidence: judgement.confidence(),
            scores: BothScores {
                real: judgement.probability_real(),
                fake: judgement.probability_fake,
            },
        }
    }
}

impl From<&Analysis> for ImageInfo {
    fn from(analysis: &Analysis) -> Self {
        Self {
            width: analysis.media.picture.width_px,
            height: analysis.media.picture.height_px,
            size_bytes: analysis.media.size_bytes,
        }
    }
}
