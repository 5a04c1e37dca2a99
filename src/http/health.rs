//! Three questions, three answers: is the process alive (`/livez`), may it be sent work
//! (`/readyz`), and what is it made of (`/health`). And `/metrics` for machines that ask over time.
//!
//! None of them waits for the queue, so a busy service is not mistaken for a dead one.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, Json};
use actix_web::{HttpResponse, get};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::Service;
use super::answer::{Foundation, Isolation, rfc3339, role_word};
use super::error::HttpError;
use super::problem::Problem;
use crate::analysis::{AnalysisError, Analyzer};
use crate::domain::ModelIdentity;

/// One word.
#[derive(Serialize, ToSchema)]
pub(super) struct StatusAnswer {
    /// `ok` or `ready`.
    #[schema(example = "ok")]
    status: &'static str,
}

/// What the service is made of and how it is.
#[derive(Serialize, ToSchema)]
pub(super) struct HealthAnswer {
    /// Overall: the worst of the parts.
    status: Health,
    /// When this was, RFC 3339, UTC.
    timestamp: String,
    /// Whether the models are loaded and answer.
    model_loaded: bool,
    /// Whether the bundle that they were loaded from is still there to start again with.
    model_exists: bool,
    /// Version of the program.
    version: &'static str,
    /// Seconds since the start.
    uptime_sec: u64,
    /// Where the networks run.
    #[schema(example = "cpu")]
    device: String,
    /// The processes that decode.
    decoding: Health,
    /// The thread that runs the networks.
    inference: Health,
    /// The record database.
    database: Health,
    /// What holds the processes that decode.
    isolation: Isolation,
    /// Models in use, each with the digest of its weights.
    models: Vec<LoadedModel>,
    /// Uploads under way.
    uploads_in_progress: usize,
    /// Analyses at work or waiting.
    analyses_in_progress: usize,
}

/// How a part is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Health {
    /// Works.
    Ok,
    /// Ends after the requests in flight.
    Closing,
    /// Does not answer.
    Failing,
}

/// A model in use.
#[derive(Serialize, ToSchema)]
struct LoadedModel {
    /// Name from its manifest.
    name: String,
    /// Version from its manifest.
    version: String,
    /// `detector`, `sequence` or `frame`.
    role: &'static str,
    /// SHA-256 of its weights file, lower-case hex.
    sha256: String,
    /// The pre-trained weights it rests on; left out where its own file holds all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    foundation: Option<Foundation>,
}

/// What the service is made of and how it is
#[utoipa::path(operation_id = "get_health", tag = "service", responses(
    (status = 200, description = "Everything works", body = HealthAnswer),
    (status = 503, description = "A part does not work, or the service is ending", body = HealthAnswer),
))]
#[get("/health")]
pub(super) async fn health(service: Data<Service>) -> HttpResponse {
    let (decoding, inference) = (decoding(&service), inference(&service));
    let database = database(&service).await;
    let closing = if service.reception.is_closing() {
        Health::Closing
    } else {
        Health::Ok
    };
    let status = decoding.max(inference).max(database).max(closing);
    let mut response = match status {
        Health::Ok => HttpResponse::Ok(),
        Health::Closing | Health::Failing => HttpResponse::ServiceUnavailable(),
    };
    response.json(HealthAnswer {
        status,
        timestamp: rfc3339(OffsetDateTime::now_utc()),
        model_loaded: inference == Health::Ok,
        model_exists: bundle_exists(&service.analyzer),
        version: env!("CARGO_PKG_VERSION"),
        uptime_sec: service.started.elapsed().as_secs(),
        device: service.analyzer.models().facts().device.clone(),
        decoding,
        inference,
        database,
        isolation: service.analyzer.isolation().into(),
        models: loaded_models(&service.analyzer),
        uploads_in_progress: service.reception.inside(),
        analyses_in_progress: service.analyzer.in_progress(),
    })
}

fn bundle_exists(analyzer: &Analyzer) -> bool {
    analyzer.models().models_dir().join("bundle.toml").is_file()
}

fn decoding(service: &Service) -> Health {
    if service.analyzer.can_decode() {
        Health::Ok
    } else {
        Health::Failing
    }
}

fn inference(service: &Service) -> Health {
    if service.analyzer.models().is_ready() {
        Health::Ok
    } else {
        Health::Failing
    }
}

async fn database(service: &Service) -> Health {
    match service.records.health().await {
        Ok(()) => Health::Ok,
        Err(error) => {
            tracing::error!(%error, "the record database does not answer");
            Health::Failing
        }
    }
}

fn loaded_models(analyzer: &Analyzer) -> Vec<LoadedModel> {
    let lease = analyzer.models().lease();
    let scorers = lease.iter().flat_map(|models| models.models());
    let models = std::iter::once(analyzer.detector()).chain(scorers);
    models.map(LoadedModel::from).collect()
}

impl From<&ModelIdentity> for LoadedModel {
    fn from(model: &ModelIdentity) -> Self {
        Self {
            name: model.name.clone(),
            version: model.version.clone(),
            role: role_word(model.role),
            sha256: model.sha256.clone(),
            foundation: model.foundation.as_ref().map(Foundation::from),
        }
    }
}

/// Whether the process is alive
#[utoipa::path(tag = "service", responses(
    (status = 200, description = "Alive", body = StatusAnswer),
))]
#[get("/livez")]
pub(super) async fn livez() -> Json<StatusAnswer> {
    Json(StatusAnswer { status: "ok" })
}

/// Whether the service may be sent work
#[utoipa::path(tag = "service", responses(
    (status = 200, description = "Ready", body = StatusAnswer),
    (status = 503, description = "`not-ready`: ending, or a part does not work; `model-not-loaded`", content_type = "application/problem+json", body = Problem),
))]
#[get("/readyz")]
pub(super) async fn readyz(service: Data<Service>) -> Result<Json<StatusAnswer>, HttpError> {
    if service.reception.is_closing() {
        return Err(HttpError::NotReady("it is shutting down"));
    }
    drop((service.analyzer.models().lease()).map_err(AnalysisError::from)?);
    if decoding(&service) != Health::Ok {
        return Err(HttpError::NotReady("no decode worker can be started"));
    }
    if inference(&service) != Health::Ok {
        return Err(HttpError::NotReady("the networks do not answer"));
    }
    if database(&service).await != Health::Ok {
        return Err(HttpError::NotReady("the record database does not answer"));
    }
    Ok(Json(StatusAnswer { status: "ready" }))
}

/// What happened so far, for Prometheus
#[utoipa::path(operation_id = "get_metrics", tag = "service", responses(
    (status = 200, description = "Prometheus text format", content_type = "text/plain", body = String),
))]
#[get("/metrics")]
pub(super) async fn metrics(service: Data<Service>) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-store"))
        .body(service.metrics.render())
}
