//! D³ Inference API: images against a threshold, and their history.

use actix_web::web::{Data, Json, Path, Payload, Query};
use actix_web::{HttpRequest, get, post};
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};

use super::super::Service;
use super::super::answer::rounded;
use super::super::caller::Caller;
use super::super::error::HttpError;
use super::super::error_shape::{SuccessAnalysisErrors, SuccessError, SuccessUploadErrors};
use super::super::upload::Form;
use super::d3_inference_answers::{
    BatchAnswer, BatchItem, DoneItem, FailedItem, HistoryAnswer, InferenceAnswer, InferenceRecord,
    InferenceResult, InferenceStats, ResultAnswer, StatsAnswer,
};
use super::sending::{MAX_IMAGES, Many, One, THRESHOLD, analyse_batch, analyse_one};
use crate::store::{HistoryFilter, MAX_PAGE, PagePosition};

const DEFAULT_LIMIT: u32 = 50;
const MAX_OFFSET: u64 = 1_000_000_000;
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

/// Which part of the history.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct HistoryPage {
    /// How many, 1 to 500; 50 when left out.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<u32>,
    /// How many of the newest to pass over; 0 when left out.
    #[param(minimum = 0, maximum = 1000000000, default = 0)]
    offset: Option<u64>,
}

/// P(fake) of an image, against a threshold (D³ Inference API)
#[utoipa::path(operation_id = "d3_inference_predict", tag = "compatibility",
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
#[utoipa::path(operation_id = "d3_inference_predict_batch", tag = "compatibility",
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
#[utoipa::path(operation_id = "d3_inference_history", tag = "compatibility", params(HistoryPage), responses(
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
    let offset = page.offset.unwrap_or(0);
    if offset > MAX_OFFSET {
        let problem = format!("offset must be at most {MAX_OFFSET}, got {offset}");
        return Err(HttpError::Query(problem));
    }
    let filter = HistoryFilter::all(caller.reader());
    let position = PagePosition::Offset(offset);
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
#[utoipa::path(operation_id = "d3_inference_by_number", tag = "compatibility",
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
#[utoipa::path(operation_id = "d3_inference_stats", tag = "compatibility", responses(
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
