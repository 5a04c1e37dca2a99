//! D3 Detection API: what it answers to images, and how it says that it is.

use serde::Serialize;
use utoipa::ToSchema;

use super::super::answer::VerdictWord;
use super::d3_detection::ImagePrediction;
use super::d3_records::PredictionRecord;
use super::judgement::{BinaryLabel, Judgement};
use crate::store::Stored;

/// A stored analysis and what it says, or what was wrong with the file and the code of that.
pub(super) type Judged<'a> = Result<(&'a Stored, Judgement), (String, String)>;

/// The answer to one image.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct D3Answer {
    #[schema(example = true)]
    pub(super) success: bool,
    pub(super) data: PredictionRecord,
}

/// The answer to one image of a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct D3Item {
    /// Name of the file as the client gave it, made safe to show.
    pub(super) filename: String,
    /// FAKE or REAL; `null` when the file could not be analysed.
    pub(super) prediction: Option<BinaryLabel>,
    /// Probability of `prediction`; `null` with it.
    #[schema(minimum = 0, maximum = 1)]
    pub(super) confidence: Option<f64>,
    /// Name of the prediction; `null` with it.
    pub(super) prediction_id: Option<String>,
    /// This service's own verdict; `null` with it.
    pub(super) verdict: Option<VerdictWord>,
    /// What is wrong with the file; `null` when nothing is.
    pub(super) error: Option<String>,
    /// A stable kebab-case code for it.
    pub(super) code: Option<String>,
}

/// A batch.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct D3Batch {
    /// Name of the batch.
    #[schema(example = "batch_0197a1b25b4e7c3a9f001d2e3f405162")]
    pub(super) batch_id: String,
    /// Files that were sent.
    #[schema(minimum = 1, maximum = 50)]
    pub(super) total_images: usize,
    /// Those that were analysed.
    #[schema(minimum = 0, maximum = 50)]
    pub(super) successful: usize,
    /// Those that could not be.
    #[schema(minimum = 0, maximum = 50)]
    pub(super) failed: usize,
    /// One for each file, in the order they were sent.
    pub(super) results: Vec<D3Item>,
    /// Seconds from the first byte of the request to the answer.
    #[schema(minimum = 0)]
    pub(super) processing_time: f64,
    /// The model asked for.
    #[schema(example = "d3_clip")]
    pub(super) model_type: String,
}

/// The answer to a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct D3BatchAnswer {
    /// Always `true`, also when single files failed.
    #[schema(example = true)]
    pub(super) success: bool,
    pub(super) data: D3Batch,
}

/// An image of a batch that was analysed, in the older form.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OldItem {
    /// Place among the files that were sent, from 0.
    #[schema(minimum = 0, maximum = 49)]
    pub(super) index: usize,
    /// Name of the file as the client gave it, made safe to show.
    pub(super) filename: String,
    pub(super) prediction: ImagePrediction,
    /// The image with the result drawn on it.
    pub(super) result_image_url: String,
    /// Name of that picture.
    pub(super) result_filename: String,
    /// This service's own verdict, which may be INCONCLUSIVE.
    pub(super) verdict: VerdictWord,
}

/// A file of a batch that could not be analysed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OldError {
    /// Place among the files that were sent, from 0.
    #[schema(minimum = 0, maximum = 49)]
    pub(super) index: usize,
    /// Name of the file as the client gave it, made safe to show.
    pub(super) filename: String,
    /// What is wrong with it.
    pub(super) error: String,
    /// Stable kebab-case code.
    pub(super) code: String,
}

/// The answer to a batch, in the older form.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct OldBatchAnswer {
    /// Always `true`, also when single files failed.
    #[schema(example = true)]
    pub(super) success: bool,
    /// Files that were sent.
    #[schema(minimum = 1, maximum = 50)]
    pub(super) total_images: usize,
    /// Those that were analysed.
    #[schema(minimum = 0, maximum = 50)]
    pub(super) successful: usize,
    /// Those that could not be.
    #[schema(minimum = 0, maximum = 50)]
    pub(super) failed: usize,
    /// Those that were analysed.
    pub(super) results: Vec<OldItem>,
    /// Those that could not be; `null` when all could.
    pub(super) errors: Option<Vec<OldError>>,
    /// Name of the batch.
    pub(super) batch_id: String,
}

/// How the service is.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct D3Status {
    #[schema(example = true)]
    pub(super) success: bool,
    /// `running`, or `degraded` while a part does not work.
    pub(super) status: StatusWord,
    /// Version of the program.
    pub(super) version: &'static str,
    /// Seconds since the start.
    pub(super) uptime: u64,
    /// Whether a model is loaded.
    pub(super) model_loaded: bool,
    /// The model asked for.
    #[schema(example = "d3_clip")]
    pub(super) model_type: &'static str,
    /// Name and version of the models behind it.
    pub(super) model_name: String,
    /// Where it runs.
    #[schema(example = "cpu")]
    pub(super) device: String,
    /// Whether the record database answers.
    pub(super) database: bool,
    /// When, RFC 3339, UTC.
    pub(super) timestamp: String,
}

/// One word.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum StatusWord {
    /// Everything works.
    Running,
    /// A part does not.
    Degraded,
}

impl D3Item {
    pub(super) fn new(filename: String, judged: Judged<'_>) -> Self {
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
