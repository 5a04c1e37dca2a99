//! The history: stored analyses, newest first, all or some of them, and one by its name.

use actix_web::get;
use actix_web::web::{Data, Json, Path, Query};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use utoipa::{IntoParams, ToSchema};

use super::Service;
use super::answer::{AnalysisAnswer, VerdictWord};
use super::caller::Caller;
use super::compat::d3_records::PredictionRecord;
use super::error::HttpError;
use super::problem::Problem;
use super::public_path::PublicPath;
use crate::domain::{AnalysisId, MediaKind};
use crate::store::{HistoryFilter, KeyId, PagePosition, Reader, Stored};

const DEFAULT_LIMIT: u32 = 20;
const MAX_LIMIT: u32 = 100;

/// Which part of the history.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Page {
    /// How many, 1 to 100; 20 when left out.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// Only analyses older than this one; the `next_before` of the page before.
    before: Option<String>,
    /// Only those with this verdict.
    #[param(inline)]
    label: Option<VerdictWord>,
    /// Only videos or only images.
    #[param(inline)]
    kind: Option<KindWord>,
    /// Only those analysed at this time or later, RFC 3339.
    #[param(example = "2026-11-25T00:00:00Z")]
    since: Option<String>,
    /// Only those analysed before this time, RFC 3339.
    #[param(example = "2026-11-26T00:00:00Z")]
    until: Option<String>,
    /// Only those sent with this key, by its number in `framewitness keys list`; for keys with the
    /// scope `admin`.
    key: Option<i64>,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum KindWord {
    /// A moving picture.
    Video,
    /// A still one.
    Image,
}

/// A part of the history.
#[derive(Serialize, ToSchema)]
pub(super) struct RecentAnswer {
    /// Analyses, newest first.
    predictions: Vec<AnalysisAnswer>,
    /// Pass it as `before` for the next part; `null` when this is the last.
    next_before: Option<String>,
    /// Always `true`; for clients of the D3 Detection API.
    #[schema(example = true)]
    success: bool,
    /// The same analyses in the words of that API.
    data: Vec<PredictionRecord>,
}

/// A stored analysis.
#[derive(Serialize, ToSchema)]
pub(super) struct StoredAnswer {
    #[serde(flatten)]
    analysis: AnalysisAnswer,
    /// Always `true`; for clients of the D3 Detection API.
    #[schema(example = true)]
    success: bool,
    /// The same analysis in the words of that API.
    data: PredictionRecord,
}

/// The newest analyses, all or some of them
#[utoipa::path(operation_id = "list_predictions", tag = "history", params(Page), responses(
    (status = 200, description = "A part of the history", body = RecentAnswer),
    (status = 400, description = "`invalid-query`", content_type = "application/problem+json", body = Problem),
    (status = 500, description = "The database failed", content_type = "application/problem+json", body = Problem),
    (status = 503, description = "`database-busy` or `database-away`", content_type = "application/problem+json", body = Problem),
))]
#[get("/api/v1/predictions/recent")]
pub(super) async fn recent(
    service: Data<Service>,
    caller: Caller,
    at: PublicPath,
    page: Query<Page>,
) -> Result<Json<RecentAnswer>, HttpError> {
    let limit = page.limit()?;
    // One more than asked for tells whether there is a next part.
    let filter = page.filter(caller)?;
    let records = &service.records;
    let mut page = records.page(&filter, page.position()?, limit + 1).await?;
    let more = page.len() > limit as usize;
    page.truncate(limit as usize);
    let next_before = page.last().filter(|_| more).map(|a| a.id().to_string());
    let answers = page.iter().map(|stored| AnalysisAnswer::new(stored, &at));
    Ok(Json(RecentAnswer {
        predictions: answers.collect(),
        next_before,
        success: true,
        data: PredictionRecord::of_all(&service, &at, &page).await,
    }))
}

impl Page {
    fn limit(&self) -> Result<u32, HttpError> {
        let limit = self.limit.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            let problem = format!("limit must be 1 to {MAX_LIMIT}, got {limit}");
            return Err(HttpError::Query(problem));
        }
        Ok(limit)
    }

    fn filter(&self, caller: Caller) -> Result<HistoryFilter, HttpError> {
        let reader = match self.key {
            None => caller.reader(),
            Some(key) if caller.reader() == Reader::Unrestricted => Reader::Key(KeyId::new(key)),
            Some(_) => {
                let problem = "key is for keys with the scope admin: yours sees its own alone";
                return Err(HttpError::Query(problem.into()));
            }
        };
        Ok(HistoryFilter {
            reader,
            label: self.label.map(Into::into),
            kind: self.kind.map(|kind| match kind {
                KindWord::Video => MediaKind::Video,
                KindWord::Image => MediaKind::Image,
            }),
            since: moment("since", self.since.as_deref())?,
            until: moment("until", self.until.as_deref())?,
        })
    }

    fn position(&self) -> Result<PagePosition, HttpError> {
        let Some(text) = &self.before else {
            return Ok(PagePosition::Newest);
        };
        let id = AnalysisId::parse(text);
        let problem = || HttpError::Query("before must be the id of an analysis".into());
        id.map(PagePosition::Before).ok_or_else(problem)
    }
}

fn moment(name: &str, text: Option<&str>) -> Result<Option<OffsetDateTime>, HttpError> {
    let Some(text) = text else {
        return Ok(None);
    };
    let moment = OffsetDateTime::parse(text, &Rfc3339);
    let problem = || format!("{name} must be a time such as 2026-11-25T00:00:00Z, got {text:?}");
    moment.map(Some).map_err(|_| HttpError::Query(problem()))
}

/// One analysis
#[utoipa::path(operation_id = "get_prediction", tag = "history",
    params(("id" = String, Path, description = "Name of the analysis, a UUID")),
    responses(
        (status = 200, description = "What `POST /predict?format=framewitness` answered, and the same in the words of the D3 Detection API", body = StoredAnswer),
        (status = 404, description = "`not-found`", content_type = "application/problem+json", body = Problem),
        (status = 500, description = "The database failed", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "`database-busy` or `database-away`", content_type = "application/problem+json", body = Problem),
    ))]
#[get("/api/v1/predictions/{id}")]
pub(super) async fn by_id(
    service: Data<Service>,
    caller: Caller,
    at: PublicPath,
    id: Path<String>,
) -> Result<Json<StoredAnswer>, HttpError> {
    let stored = stored(&service, caller, &id).await?;
    Ok(Json(StoredAnswer {
        analysis: AnalysisAnswer::new(&stored, &at),
        success: true,
        data: PredictionRecord::of(&service, &at, &stored).await,
    }))
}

/// The analysis of this name, where there is one and the caller may read it.
///
/// # Errors
/// [`HttpError::NotFound`]; [`HttpError::Store`].
pub(super) async fn stored(
    service: &Service,
    caller: Caller,
    id: &str,
) -> Result<Stored, HttpError> {
    const NOT_FOUND: HttpError = HttpError::NotFound("analysis");
    let id = AnalysisId::parse(id).ok_or(NOT_FOUND)?;
    let stored = service.records.get(id, caller.reader()).await?;
    stored.ok_or(NOT_FOUND)
}
