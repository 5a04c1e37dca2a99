//! D³ Inference API: what it answers.

use serde::Serialize;
use utoipa::ToSchema;

use super::super::answer::{VerdictWord, rfc3339, rounded};
use super::super::error::HttpError;
use super::judgement::{DEFAULT_THRESHOLD, Judgement};
use crate::store::Stored;

/// What was found in one image.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InferenceResult {
    /// P(fake).
    #[schema(minimum = 0, maximum = 1, example = 0.75)]
    pub(super) prediction: f64,
    /// Whether `prediction` reaches the threshold.
    pub(super) is_fake: bool,
    /// Distance of `prediction` from 0.5, scaled to 0 to 1: 0.75 gives 0.5.
    #[schema(minimum = 0, maximum = 1, example = 0.5)]
    pub(super) confidence: f64,
    /// Seconds the analysis took.
    #[schema(minimum = 0, example = 0.123)]
    pub(super) processing_time: f64,
    /// This service's own verdict, which may be INCONCLUSIVE.
    pub(super) verdict: VerdictWord,
}

/// The answer to one image.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct InferenceAnswer {
    /// Always `true`; errors have `false` and `error`.
    #[schema(example = true)]
    pub(super) success: bool,
    pub(super) result: InferenceResult,
    /// Number of the record, readable at `/api/inference/result/{inference_id}`.
    #[schema(minimum = 1)]
    pub(super) inference_id: u64,
}

/// The answer to one image of a batch.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(super) enum BatchItem {
    /// It was analysed.
    Done(DoneItem),
    /// It could not be; the others are not affected.
    Failed(FailedItem),
}

/// An image of a batch that was analysed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DoneItem {
    /// Always `true`.
    #[schema(example = true)]
    pub(super) success: bool,
    /// Name of the file as the client gave it, made safe to show.
    pub(super) filename: String,
    #[serde(flatten)]
    pub(super) result: InferenceResult,
    /// Number of the record.
    #[schema(minimum = 1)]
    pub(super) inference_id: u64,
}

/// A file of a batch that could not be analysed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FailedItem {
    /// Always `false`.
    #[schema(example = false)]
    pub(super) success: bool,
    /// Name of the file as the client gave it, made safe to show.
    pub(super) filename: String,
    /// What is wrong with it.
    pub(super) error: String,
    /// Stable kebab-case code.
    pub(super) code: String,
}

/// The answer to a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct BatchAnswer {
    /// Always `true`, also when single files failed.
    #[schema(example = true)]
    pub(super) success: bool,
    /// Files that were sent.
    #[schema(minimum = 1, maximum = 50)]
    pub(super) count: usize,
    /// One for each file, in the order they were sent.
    pub(super) results: Vec<BatchItem>,
}

/// A stored result.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InferenceRecord {
    /// Its number.
    #[schema(minimum = 1)]
    pub(super) id: u64,
    /// Name of the file as the client gave it, made safe to show.
    pub(super) image_name: String,
    /// P(fake); `null` when nothing in the file could be scored.
    #[schema(minimum = 0, maximum = 1)]
    pub(super) prediction: Option<f64>,
    /// Whether `prediction` reaches `threshold`; `null` with it.
    pub(super) is_fake: Option<bool>,
    /// Distance of `prediction` from 0.5, scaled to 0 to 1; `null` with it.
    #[schema(minimum = 0, maximum = 1)]
    pub(super) confidence: Option<f64>,
    /// P(fake) from which the client called it fake.
    #[schema(minimum = 0, maximum = 1)]
    pub(super) threshold: f64,
    /// Seconds the analysis took.
    #[schema(minimum = 0)]
    pub(super) processing_time: f64,
    /// When the analysis ended, RFC 3339, UTC.
    pub(super) created_at: String,
    /// Number of the key it was sent with; `null` where none was needed.
    pub(super) user_id: Option<i64>,
    /// This service's own verdict, which may be INCONCLUSIVE.
    pub(super) verdict: VerdictWord,
    /// Its name at `/api/v1/predictions/{id}`.
    pub(super) analysis_id: String,
}

/// A part of the history.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct HistoryAnswer {
    #[schema(example = true)]
    pub(super) success: bool,
    /// Results in this part.
    #[schema(minimum = 0, maximum = 500)]
    pub(super) count: usize,
    /// Results in the whole history.
    #[schema(minimum = 0)]
    pub(super) total: u64,
    /// Newest first.
    pub(super) results: Vec<InferenceRecord>,
}

/// One stored result.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ResultAnswer {
    #[schema(example = true)]
    pub(super) success: bool,
    pub(super) result: InferenceRecord,
}

/// What the history amounts to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InferenceStats {
    /// Results with a prediction.
    #[schema(minimum = 0)]
    pub(super) total_inferences: u64,
    /// Those whose prediction reaches their threshold.
    #[schema(minimum = 0)]
    pub(super) total_fake: u64,
    /// The others.
    #[schema(minimum = 0)]
    pub(super) total_real: u64,
    /// Part of `total_fake` in percent; 0 when there are none.
    #[schema(minimum = 0, maximum = 100)]
    pub(super) fake_percentage: f64,
    /// Mean seconds of an analysis; 0 when there are none.
    #[schema(minimum = 0)]
    pub(super) avg_processing_time: f64,
}

/// What the history amounts to.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct StatsAnswer {
    #[schema(example = true)]
    pub(super) success: bool,
    pub(super) stats: InferenceStats,
}

impl InferenceResult {
    pub(super) fn of(stored: &Stored, threshold: f64) -> Result<Self, HttpError> {
        let judgement = Judgement::of(&stored.analysis, threshold)?;
        Ok(Self {
            prediction: judgement.probability_fake,
            is_fake: judgement.is_fake(),
            confidence: from_the_middle(judgement.probability_fake),
            processing_time: rounded(stored.analysis.processing_time_s, 4),
            verdict: judgement.verdict,
        })
    }
}

/// 0 at one half, 1 at either end.
fn from_the_middle(probability: f64) -> f64 {
    rounded((probability - 0.5).abs() * 2.0, 6)
}

impl From<&Stored> for InferenceRecord {
    fn from(stored: &Stored) -> Self {
        let (analysis, submission) = (&stored.analysis, &stored.submission);
        let threshold = submission.threshold.map(|p| f64::from(p.get()));
        let threshold = rounded(threshold.unwrap_or(DEFAULT_THRESHOLD), 6);
        let prediction = analysis.verdict.probability_fake;
        let prediction = prediction.map(|p| rounded(f64::from(p.get()), 6));
        Self {
            id: stored.number,
            image_name: analysis.filename.clone(),
            prediction,
            is_fake: prediction.map(|p| p >= threshold),
            confidence: prediction.map(from_the_middle),
            threshold,
            processing_time: rounded(analysis.processing_time_s, 4),
            created_at: rfc3339(analysis.analyzed_at),
            user_id: submission.owner.map(|key| key.get()),
            verdict: analysis.verdict.label.into(),
            analysis_id: analysis.id.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_is_the_distance_from_the_middle() {
        for (prediction, confidence) in [(0.75, 0.5), (0.5, 0.0), (0.0, 1.0), (0.1, 0.8)] {
            assert_eq!(from_the_middle(prediction), confidence);
        }
    }
}
