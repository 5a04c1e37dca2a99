//! D3 Detection API: its history, under the names of its older release, and its record of a
//! prediction, which the answers of our own history hold beside our own fields.

use actix_web::get;
use actix_web::web::{Data, Json, Path, Query};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::Service;
use super::super::answer::{VerdictWord, rfc3339, rounded};
use super::super::caller::Caller;
use super::super::error::HttpError;
use super::super::error_shape::SuccessError;
use super::super::public_path::PublicPath;
use super::judgement::{BinaryLabel, DEFAULT_THRESHOLD, Judgement};
use super::sending::{D3_CLIP, result_url};
use crate::analysis::RESULT_PICTURE;
use crate::domain::{AnalysisId, VerdictLabel};
use crate::store::{HistoryFilter, PagePosition, Reader, Stored};

const DEFAULT_LIMIT: u32 = 10;
const MAX_LIMIT: u32 = 100;

/// A stored prediction.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct PredictionRecord {
    /// Name of the prediction.
    prediction_id: String,
    /// Number of the prediction.
    #[schema(minimum = 1)]
    id: u64,
    /// Name of the file as the client gave it, made safe to show.
    filename: String,
    /// The same.
    original_filename: String,
    /// Name of the picture with the result drawn on it.
    #[schema(example = "result.jpg")]
    result_filename: String,
    /// Where that picture is, for some days; `null` where none was made.
    result_url: Option<String>,
    /// FAKE or REAL; `null` when nothing in the file could be scored.
    prediction: Option<BinaryLabel>,
    /// The same.
    label: Option<BinaryLabel>,
    /// Probability of `prediction`; `null` with it.
    #[schema(minimum = 0, maximum = 1)]
    confidence: Option<f64>,
    /// Seconds the analysis took.
    #[schema(minimum = 0)]
    processing_time: f64,
    /// The model asked for.
    #[schema(example = "d3_clip")]
    model_type: String,
    /// When the analysis ended, RFC 3339, UTC.
    timestamp: String,
    /// The same.
    created_at: String,
    /// This service's own verdict, which may be INCONCLUSIVE.
    verdict: VerdictWord,
}

/// Stored predictions.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct RecordsAnswer {
    #[schema(example = true)]
    success: bool,
    /// How many.
    #[schema(minimum = 0, maximum = 100)]
    count: usize,
    /// Newest first.
    predictions: Vec<PredictionRecord>,
}

/// One stored prediction.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct RecordAnswer {
    #[schema(example = true)]
    success: bool,
    prediction: PredictionRecord,
}

/// What the predictions amount to.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct StatisticsAnswer {
    #[schema(example = true)]
    success: bool,
    /// Predictions in which something was scored.
    #[schema(minimum = 0)]
    total_predictions: u64,
    /// Those that were called REAL.
    #[schema(minimum = 0)]
    real_count: u64,
    /// Those that were called FAKE.
    #[schema(minimum = 0)]
    fake_count: u64,
    /// Mean probability of the stated label over our own FAKE and REAL; 0 when there are none.
    #[schema(minimum = 0, maximum = 1)]
    average_confidence: f64,
    /// Mean seconds of an analysis; 0 when there are none.
    #[schema(minimum = 0)]
    average_processing_time: f64,
    /// Those of which this service itself says neither.
    #[schema(minimum = 0)]
    inconclusive_count: u64,
}

/// How many.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct Recent {
    /// How many, 1 to 100; 10 when left out.
    #[param(minimum = 1, maximum = 100, default = 10)]
    limit: Option<u32>,
}

/// A label in a path.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
pub(in crate::http) enum PathLabel {
    /// Signs of manipulation.
    #[serde(rename = "FAKE", alias = "fake")]
    Fake,
    /// No signs of manipulation.
    #[serde(rename = "REAL", alias = "real")]
    Real,
}

/// The newest predictions (D3 Detection API)
#[utoipa::path(operation_id = "d3_detection_recent", tag = "compatibility", params(Recent), responses(
    (status = 200, description = "Predictions, newest first", body = RecordsAnswer),
    (status = 400, description = "`invalid-query`", body = SuccessError),
    (status = 500, description = "The database failed", body = SuccessError),
    (status = 503, description = "`database-busy`", body = SuccessError),
))]
#[get("/api/db/predictions/recent")]
pub(in crate::http) async fn recent(
    service: Data<Service>,
    caller: Caller,
    at: PublicPath,
    page: Query<Recent>,
) -> Result<Json<RecordsAnswer>, HttpError> {
    newest(&service, &at, HistoryFilter::all(caller.reader()), &page).await
}

/// The newest predictions of one label (D3 Detection API)
///
/// The label is this service's own verdict; of what is INCONCLUSIVE neither list has anything.
#[utoipa::path(operation_id = "d3_detection_by_label", tag = "compatibility",
    params(("label" = inline(PathLabel), Path, description = "FAKE or REAL"), Recent),
    responses(
        (status = 200, description = "Predictions, newest first", body = RecordsAnswer),
        (status = 400, description = "`invalid-query`", body = SuccessError),
        (status = 404, description = "`not-found`: no such label", body = SuccessError),
        (status = 500, description = "The database failed", body = SuccessError),
        (status = 503, description = "`database-busy`", body = SuccessError),
    ))]
#[get("/api/db/predictions/by-label/{label}")]
pub(in crate::http) async fn by_label(
    service: Data<Service>,
    caller: Caller,
    at: PublicPath,
    label: Path<String>,
    page: Query<Recent>,
) -> Result<Json<RecordsAnswer>, HttpError> {
    let label = match label.to_ascii_uppercase().as_str() {
        "FAKE" => VerdictLabel::Fake,
        "REAL" => VerdictLabel::Real,
        _ => {
            return Err(HttpError::NotFound(
                "label; FAKE and REAL are those there are",
            ));
        }
    };
    let filter = HistoryFilter {
        label: Some(label),
        ..HistoryFilter::all(caller.reader())
    };
    newest(&service, &at, filter, &page).await
}

/// One prediction (D3 Detection API)
#[utoipa::path(operation_id = "d3_detection_by_id", tag = "compatibility",
    params(("id" = String, Path, description = "Name or number of the prediction")),
    responses(
        (status = 200, description = "The prediction", body = RecordAnswer),
        (status = 404, description = "`not-found`", body = SuccessError),
        (status = 500, description = "The database failed", body = SuccessError),
        (status = 503, description = "`database-busy`", body = SuccessError),
    ))]
#[get("/api/db/predictions/{id}")]
pub(in crate::http) async fn by_id(
    service: Data<Service>,
    caller: Caller,
    at: PublicPath,
    id: Path<String>,
) -> Result<Json<RecordAnswer>, HttpError> {
    let stored = find(&service, &id, caller.reader()).await?;
    let stored = stored.ok_or(HttpError::NotFound("prediction"))?;
    Ok(Json(RecordAnswer {
        success: true,
        prediction: PredictionRecord::of(&service, &at, &stored).await,
    }))
}

/// What the predictions amount to (D3 Detection API)
#[utoipa::path(operation_id = "d3_detection_statistics", tag = "compatibility", responses(
    (status = 200, description = "Counts and means", body = StatisticsAnswer),
    (status = 500, description = "The database failed", body = SuccessError),
    (status = 503, description = "`database-busy`", body = SuccessError),
))]
#[get("/api/v1/statistics")]
pub(in crate::http) async fn statistics(
    service: Data<Service>,
    caller: Caller,
) -> Result<Json<StatisticsAnswer>, HttpError> {
    sums(&service, caller).await
}

/// What the predictions amount to, under its older name (D3 Detection API)
#[utoipa::path(operation_id = "d3_detection_db_statistics", tag = "compatibility", responses(
    (status = 200, description = "Counts and means", body = StatisticsAnswer),
    (status = 500, description = "The database failed", body = SuccessError),
    (status = 503, description = "`database-busy`", body = SuccessError),
))]
#[get("/api/db/statistics")]
pub(in crate::http) async fn db_statistics(
    service: Data<Service>,
    caller: Caller,
) -> Result<Json<StatisticsAnswer>, HttpError> {
    sums(&service, caller).await
}

async fn newest(
    service: &Service,
    at: &PublicPath,
    filter: HistoryFilter,
    page: &Recent,
) -> Result<Json<RecordsAnswer>, HttpError> {
    let limit = page.limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        let problem = format!("limit must be 1 to {MAX_LIMIT}, got {limit}");
        return Err(HttpError::Query(problem));
    }
    let page = service
        .records
        .page(&filter, PagePosition::Newest, limit)
        .await?;
    let predictions = PredictionRecord::of_all(service, at, &page).await;
    Ok(Json(RecordsAnswer {
        success: true,
        count: predictions.len(),
        predictions,
    }))
}

async fn find(service: &Service, name: &str, reader: Reader) -> Result<Option<Stored>, HttpError> {
    if let Ok(number) = name.parse() {
        return Ok(service.records.get_by_number(number, reader).await?);
    }
    match AnalysisId::parse(name) {
        Some(id) => Ok(service.records.get(id, reader).await?),
        None => Ok(None),
    }
}

async fn sums(service: &Service, caller: Caller) -> Result<Json<StatisticsAnswer>, HttpError> {
    let filter = HistoryFilter::all(caller.reader());
    let sums = service.records.statistics(&filter).await?;
    Ok(Json(StatisticsAnswer {
        success: true,
        total_predictions: sums.scored,
        real_count: sums.scored - sums.over_threshold,
        fake_count: sums.over_threshold,
        average_confidence: rounded(sums.mean_confidence.unwrap_or(0.0), 4),
        average_processing_time: rounded(sums.mean_processing_time_s.unwrap_or(0.0), 4),
        inconclusive_count: sums.inconclusive,
    }))
}

impl PredictionRecord {
    /// The record of a stored analysis.
    pub(in crate::http) async fn of(service: &Service, at: &PublicPath, stored: &Stored) -> Self {
        let (analysis, submission) = (&stored.analysis, &stored.submission);
        let threshold = submission.threshold.map(|p| f64::from(p.get()));
        let judgement = Judgement::of(analysis, threshold.unwrap_or(DEFAULT_THRESHOLD)).ok();
        let label = judgement.as_ref().map(|judgement| judgement.label);
        let result_url = match submission.result_image {
            Some(_) => Some(result_url(service, at, analysis.id).await),
            None => None,
        };
        let timestamp = rfc3339(analysis.analyzed_at);
        Self {
            prediction_id: analysis.id.to_string(),
            id: stored.number,
            filename: analysis.filename.clone(),
            original_filename: analysis.filename.clone(),
            result_filename: RESULT_PICTURE.to_owned(),
            result_url,
            prediction: label,
            label,
            confidence: judgement.map(|judgement| judgement.confidence()),
            processing_time: rounded(analysis.processing_time_s, 4),
            model_type: (submission.model_type.clone()).unwrap_or_else(|| D3_CLIP.to_owned()),
            created_at: timestamp.clone(),
            timestamp,
            verdict: analysis.verdict.label.into(),
        }
    }

    /// The records of a page.
    pub(in crate::http) async fn of_all(
        service: &Service,
        at: &PublicPath,
        page: &[Stored],
    ) -> Vec<Self> {
        let mut records = Vec::with_capacity(page.len());
        for stored in page {
            records.push(Self::of(service, at, stored).await);
        }
        records
    }
}
