//! dfdetect-service: labels with scores, the highest first.

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::super::answer::{VerdictWord, rounded};
use super::judgement::Judgement;

/// What an image in the field `file` is answered.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct LabelScores {
    /// Always `true`; errors have `detail` instead.
    #[schema(example = true)]
    success: bool,
    /// Both labels, the one with the higher score first.
    #[schema(min_items = 2, max_items = 2)]
    predictions: Vec<LabelScore>,
    /// Seconds from the first byte of the request to the answer.
    #[schema(example = 0.0095)]
    processing_time: f64,
    /// This service's own verdict, which may be INCONCLUSIVE.
    verdict: VerdictWord,
    /// Name of the stored analysis, readable at `/api/v1/predictions/{id}`.
    id: String,
}

/// A label and its probability.
#[derive(Debug, Serialize, ToSchema)]
struct LabelScore {
    label: ImageLabel,
    /// Its probability; the two add up to 1.
    #[schema(minimum = 0, maximum = 1, example = 0.9013)]
    score: f64,
}

/// What a picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ImageLabel {
    /// Manipulated.
    Deepfake,
    /// Genuine.
    Real,
}

impl LabelScores {
    pub(in crate::http) fn new(judgement: &Judgement, id: String, took: Duration) -> Self {
        let deepfake = LabelScore {
            label: ImageLabel::Deepfake,
            score: judgement.probability_fake,
        };
        let real = LabelScore {
            label: ImageLabel::Real,
            score: judgement.probability_real(),
        };
        let predictions = if deepfake.score >= real.score {
            vec![deepfake, real]
        } else {
            vec![real, deepfake]
        };
        Self {
            success: true,
            predictions,
            processing_time: rounded(took.as_secs_f64(), 4),
            verdict: judgement.verdict,
            id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::judgement::BinaryLabel;
    use super::*;

    fn labels(probability_fake: f64) -> Vec<(ImageLabel, f64)> {
        let judgement = Judgement {
            probability_fake,
            label: BinaryLabel::Real,
            verdict: VerdictWord::Inconclusive,
        };
        let answer = LabelScores::new(&judgement, String::new(), Duration::ZERO);
        let pairs = answer.predictions.iter().map(|p| (p.label, p.score));
        pairs.collect()
    }

    #[test]
    fn the_label_with_the_higher_score_comes_first() {
        let expected = [(ImageLabel::Deepfake, 0.9013), (ImageLabel::Real, 0.0987)];
        assert_eq!(labels(0.9013), expected);
        let expected = [(ImageLabel::Real, 0.8), (ImageLabel::Deepfake, 0.2)];
        assert_eq!(labels(0.2), expected);
    }
}
