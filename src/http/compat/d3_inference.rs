//! D³ Inference API: images against a threshold, and their history.

use actix_web::web::{Data, Json, Path, Payload, Query};
use actix_web::{HttpRequest, get, post};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::Service;
use super::super::answer::{VerdictWord, rfc3339, rounded};
use super::super::caller::Caller;
use super::super::error::HttpError;
use super::super::error_shape::{SuccessAnalysisErrors, SuccessError, SuccessUploadErrors};
use super::super::upload::Form;
use super::judgement::DEFAULT_THRESHOLD;
use super::sending::{MAX_IMAGES, Many, One, THRESHOLD, analyse_batch, analyse_one};
use crate::store::{HistoryFilter, MAX_PAGE, PagePosition, Stored};

const DEFAULT_LIMIT: u32 = 50;
const FORM: Form = Form {
    file_fields: &["file", "image"],
    text_fields: &[THRESHOLD],
    max_files: 1,
    max_file_bytes: u64::MAX,
};
const BATCH_FORM: Form = Form {
    file_fields: &["files", "images", "file"],
    max_files: MAX_IMAGES,
    ..FORM
};

/// Multipart body with an image and a threshold.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the form; the body is read part by part"
)]
pub(in crate::http) struct InferenceForm {
    /// An image, recognised by its bytes.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
    /// P(fake) from which the image is called fake.
    #[schema(minimum = 0, maximum = 1, default = 0.5)]
    threshold: Option<f64>,
}

/// Multipart body with up to 50 images and a threshold for all of them.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "describes the form; the body is read part by part"
)]
pub(in crate::http) struct InferenceBatchForm {
    /// Images, each recognised by its bytes.
    #[schema(value_type = Vec<String>, format = Binary, min_items = 1, max_items = 50)]
    files: Vec<Vec<u8>>,
    /// P(fake) from which an image is called fake.
    #[schema(minimum = 0, maximum = 1, default = 0.5)]
    threshold: Option<f64>,
}

/// What was found in one image.
#[derive(Debug, Serialize, ToSchema)]
struct InferenceResult {
    /// P(fake).
    #[schema(minimum = 0, maximum = 1, example = 0.75)]
    prediction: f64,
    /// Whether `prediction` reaches the threshold.
    is_fake: bool,
    /// Distance of `prediction` from 0.5, scaled to 0 to 1: 0.75 gives 0.5.
    #[schema(minimum = 0, maximum = 1, example = 0.5)]
    confidence: f64,
    /// Seconds the analysis took.
    #[schema(minimum = 0, example = 0.123)]
    processing_time: f64,
    /// This service's own verdict, which may be INCONCLUSIVE.
    verdict: VerdictWord,
}

/// The answer to one image.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct InferenceAnswer {
    /// Always `true`; errors have `false` and `error`.
    #[schema(example = true)]
    success: bool,
    result: InferenceResult,
    /// Number of the record, readable at `/api/inference/result/{inference_id}`.
    #[schema(minimum = 1)]
    inference_id: u64,
}

/// The answer to one image of a batch.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum BatchItem {
    /// It was analysed.
    Done(DoneItem),
    /// It could not be; the others are not affected.
    Failed(FailedItem),
}

/// An image of a batch that was analysed.
#[derive(Debug, Serialize, ToSchema)]
struct DoneItem {
    /// Always `true`.
    #[schema(example = true)]
    success: bool,
    /// Name of the file as the client gave it, made safe to show.
    filename: String,
    #[serde(flatten)]
    result: InferenceResult,
    /// Number of the record.
    #[schema(minimum = 1)]
    inference_id: u64,
}

/// A file of a batch that could not be analysed.
#[derive(Debug, Serialize, ToSchema)]
struct FailedItem {
    /// Always `false`.
    #[schema(example = false)]
    success: bool,
    /// Name of the file as the client gave it, made safe to show.
    filename: String,
    /// What is wrong with it.
    error: String,
    /// Stable kebab-case code.
    code: String,
}

/// The answer to a batch.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct BatchAnswer {
    /// Always `true`, also when single files failed.
    #[schema(example = true)]
    success: bool,
    /// Files that were sent.
    #[schema(minimum = 1, maximum = 50)]
    count: usize,
    /// One for each file, in the order they were sent.
    results: Vec<BatchItem>,
}

/// A stored result.
#[derive(Debug, Serialize, ToSchema)]
struct InferenceRecord {
    /// Its number.
    #[schema(minimum = 1)]
    id: u64,
    /// Name of the file as the client gave it, made safe to show.
    image_name: String,
    /// P(fake); `null` when nothing in the file could be scored.
    #[schema(minimum = 0, maximum = 1)]
    prediction: Option<f64>,
    /// Whether `prediction` reaches `threshold`; `null` with it.
    is_fake: Option<bool>,
    /// Distance of `prediction` from 0.5, scaled to 0 to 1; `null` with it.
    #[schema(minimum = 0, maximum = 1)]
    confidence: Option<f64>,
    /// P(fake) from which the client called it fake.
    #[schema(minimum = 0, maximum = 1)]
    threshold: f64,
    /// Seconds the analysis took.
    #[schema(minimum = 0)]
    processing_time: f64,
    /// When the analysis ended, RFC 3339, UTC.
    created_at: String,
    /// Number of the key it was sent with; `null` where none was needed.
    user_id: Option<i64>,
    /// This service's own verdict, which may be INCONCLUSIVE.
    verdict: VerdictWord,
    /// Its name at `/api/v1/predictions/{id}`.
    analysis_id: String,
}

/// A part of the history.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct HistoryAnswer {
    #[schema(example = true)]
    success: bool,
    /// Results in this part.
    #[schema(minimum = 0, maximum = 500)]
    count: usize,
    /// Results in the whole history.
    #[schema(minimum = 0)]
    total: u64,
    /// Newest first.
    results: Vec<InferenceRecord>,
}

/// One stored result.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ResultAnswer {
    #[schema(example = true)]
    success: bool,
    result: InferenceRecord,
}

/// What the history amounts to.
#[derive(Debug, Serialize, ToSchema)]
struct InferenceStats {
    /// Results with a prediction.
    #[schema(minimum = 0)]
    total_inferences: u64,
    /// Those whose prediction reaches their threshold.
    #[schema(minimum = 0)]
    total_fake: u64,
    /// The others.
    #[schema(minimum = 0)]
    total_real: u64,
    /// Part of `total_fake` in percent; 0 when there are none.
    #[schema(minimum = 0, maximum = 100)]
    fake_percentage: f64,
    /// Mean seconds of an analysis; 0 when there are none.
    #[schema(minimum = 0)]
    avg_processing_time: f64,
}

/// What the history amounts to.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct StatsAnswer {
    #[schema(example = true)]
    success: bool,
    stats: InferenceStats,
}

/// Which part of the history.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct HistoryPage {
    /// How many, 1 to 500; 50 when left out.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// How many of the newest to pass over; 0 when left out.
    #[param(minimum = 0, default = 0)]
    offset: Option<u64>,
}

/// P(fake) of an image, against a threshold (D³ Inference API)
#[utoipa::path(tag = "compatibility",
    request_body(content = InferenceForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "The prediction and the number of its record", body = InferenceAnswer),
        SuccessUploadErrors, SuccessAnalysisErrors,
    ))]
#[post("/api/inference/predict")]
pub(in crate::http) async fn predict(
    request: HttpRequest,
    body: Payload,
    service: Data<Service>,
) -> Result<Json<InferenceAnswer>, HttpError> {
    let One {
        analysed,
        threshold,
    } = analyse_one(&request, body, &service, FORM).await?;
    let stored = &analysed.stored;
    Ok(Json(InferenceAnswer {
        success: true,
        result: InferenceResult::of(stored, threshold)?,
        inference_id: stored.number,
    }))
}

/// P(fake) of up to 50 images, against a threshold (D³ Inference API)
///
/// A file that cannot be analysed fails alone; the answer says so in its place.
#[utoipa::path(tag = "compatibility",
    request_body(content = InferenceBatchForm, content_type = "multipart/form-data"),
    responses(
        (status = 200, description = "One result for each file", body = BatchAnswer),
        SuccessUploadErrors,
    ))]
#[post("/api/inference/predict-batch")]
pub(in crate::http) async fn predict_batch(
    request: HttpRequest,
    body: Payload,
    service: Data<Service>,
) -> Result<Json<BatchAnswer>, HttpError> {
    let Many {
        items, threshold, ..
    } = analyse_batch(&request, body, &service, BATCH_FORM).await?;
    let results = items.into_iter().map(|(filename, result)| {
        let filename = filename.to_string();
        let done = result.and_then(|analysed| {
            let stored = &analysed.stored;
            Ok((InferenceResult::of(stored, threshold)?, stored.number))
        });
        match done {
            Ok((result, inference_id)) => BatchItem::Done(DoneItem {
                success: true,
                filename,
                result,
                inference_id,
            }),
            Err(error) => BatchItem::Failed(FailedItem {
                success: false,
                filename,
                error: error.detail(),
                code: error.code().to_owned(),
            }),
        }
    });
    let results: Vec<_> = results.collect();
    Ok(Json(BatchAnswer {
        success: true,
        count: results.len(),
        results,
    }))
}

/// Stored results, newest first (D³ Inference API)
#[utoipa::path(tag = "compatibility", params(HistoryPage), responses(
    (status = 200, description = "A part of the history", body = HistoryAnswer),
    (status = 400, description = "`invalid-query`", body = SuccessError),
    (status = 500, description = "The database failed", body = SuccessError),
    (status = 503, description = "`database-busy`", body = SuccessError),
))]
#[get("/api/inference/history")]
pub(in crate::http) async fn history(
    service: Data<Service>,
    caller: Caller,
    page: Query<HistoryPage>,
) -> Result<Json<HistoryAnswer>, HttpError> {
    let limit = page.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_PAGE).contains(&limit) {
        let problem = format!("limit must be 1 to {MAX_PAGE}, got {limit}");
        return Err(HttpError::Query(problem));
    }
    let filter = HistoryFilter::all(caller.reader());
    let position = PagePosition::Offset(page.offset.unwrap_or(0));
    let total = service.records.count(&filter).await?;
    let page = service.records.page(&filter, position, limit).await?;
    let results: Vec<_> = page.iter().map(InferenceRecord::from).collect();
    Ok(Json(HistoryAnswer {
        success: true,
        count: results.len(),
        total,
        results,
    }))
}

/// One stored result (D³ Inference API)
#[utoipa::path(tag = "compatibility",
    params(("inference_id" = String, Path, description = "Number of the record", example = "1", pattern = "^[0-9]{1,19}$")),
    responses(
        (status = 200, description = "The result", body = ResultAnswer),
        (status = 404, description = "`not-found`", body = SuccessError),
        (status = 500, description = "The database failed", body = SuccessError),
        (status = 503, description = "`database-busy`", body = SuccessError),
    ))]
#[get("/api/inference/result/{inference_id}")]
pub(in crate::http) async fn by_number(
    service: Data<Service>,
    caller: Caller,
    number: Path<String>,
) -> Result<Json<ResultAnswer>, HttpError> {
    const NOT_FOUND: HttpError = HttpError::NotFound("inference");
    let number = number.parse().map_err(|_| NOT_FOUND)?;
    let stored = service
        .records
        .get_by_number(number, caller.reader())
        .await?;
    Ok(Json(ResultAnswer {
        success: true,
        result: InferenceRecord::from(&stored.ok_or(NOT_FOUND)?),
    }))
}

/// What the history amounts to (D³ Inference API)
#[utoipa::path(tag = "compatibility", responses(
    (status = 200, description = "Counts and means", body = StatsAnswer),
    (status = 500, description = "The database failed", body = SuccessError),
    (status = 503, description = "`database-busy`", body = SuccessError),
))]
#[get("/api/inference/stats")]
pub(in crate::http) async fn stats(
    service: Data<Service>,
    caller: Caller,
) -> Result<Json<StatsAnswer>, HttpError> {
    let filter = HistoryFilter::all(caller.reader());
    let sums = service.records.statistics(&filter).await?;
    let percentage = match sums.scored {
        0 => 0.0,
        scored => 100.0 * sums.over_threshold as f64 / scored as f64,
    };
    Ok(Json(StatsAnswer {
        success: true,
        stats: InferenceStats {
            total_inferences: sums.scored,
            total_fake: sums.over_threshold,
            total_real: sums.scored - sums.over_threshold,
            fake_percentage: rounded(percentage, 2),
            avg_processing_time: rounded(sums.mean_processing_time_s.unwrap_or(0.0), 4),
        },
    }))
}

impl InferenceResult {
    fn of(stored: &Stored, threshold: f64) -> Result<Self, HttpError> {
        let judgement = super::judgement::Judgement::of(&stored.analysis, threshold)?;
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
