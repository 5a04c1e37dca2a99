//! One stored analysis to hand on: as a page, as a PDF, as a table, as a film of what was analysed, and
//! the signed statement that page and PDF carry.
//!
//! Each is made when it is asked for, from the record and its pictures. A picture that the store does
//! not have any more, or does not give now, is said to be gone in its place. Only so many reports
//! are made at a time, each with only so many bytes of pictures.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY};
use actix_web::web::{self, Data, Path};
use actix_web::{HttpResponse, HttpResponseBuilder, get};
use time::OffsetDateTime;

use super::Service;
use super::caller::Caller;
use super::error::HttpError;
use super::filename::DisplayName;
use super::openapi::RawBytes;
use super::predictions::stored;
use super::problem::Problem;
use super::public_path::PublicPath;
use super::report_links::ReportLinks;
use crate::analysis::{self, write_csv};
use crate::domain::{Analysis, AnalysisId};
use crate::integrity::{Keyring, VerdictStatement};
use crate::report::{self, Material, ReportError, SignedStatement};
use crate::store::{ArtifactName, StoreError};

/// Bytes of pictures in one report; further ones are left out as if they were gone.
const MAX_PICTURES_BYTES: usize = 24 * 1024 * 1024;
/// Bytes of the pictures of one film.
const MAX_FILM_PICTURES_BYTES: usize = 64 * 1024 * 1024;
/// What is signed anew each time is not kept by anybody on the way.
const NOT_KEPT: &str = "private, no-store";

/// An analysis as one page
///
/// A page that needs nothing but a browser: verdict, scores, frames, models with their measured error
/// rates, settings, limits, and the signed statement.
#[utoipa::path(operation_id = "get_report_html", tag = "history",
    params(("id" = String, Path, description = "Name of the analysis, a UUID")),
    responses(
        (status = 200, description = "The page", content_type = "text/html", body = String),
        (status = 404, description = "`not-found`", content_type = "application/problem+json", body = Problem),
        (status = 500, description = "A part of the service failed", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "`database-busy` or `database-away`", content_type = "application/problem+json", body = Problem),
    ))]
#[get("/api/v1/predictions/{id}/report.html")]
pub(super) async fn html(
    service: Data<Service>,
    caller: Caller,
    at: PublicPath,
    id: Path<String>,
) -> Result<HttpResponse, HttpError> {
    let analysis = stored(&service, caller, &id).await?.analysis;
    let name = analysis.filename.clone();
    let page = rendered(&service, analysis, &at, |material| {
        Ok(report::html(material).into_bytes())
    });
    let page = page.await?;
    let policy = format!("{}; frame-ancestors 'none'", report::page_policy());
    let mut response = named(&name, "inline", "report.html");
    response.insert_header((CONTENT_SECURITY_POLICY, policy));
    Ok(response.content_type("text/html; charset=utf-8").body(page))
}

/// An analysis as a PDF
///
/// What `report.html` says, for paper. The signed statement is attached as `statement.jws`.
#[utoipa::path(operation_id = "get_report_pdf", tag = "history",
    params(("id" = String, Path, description = "Name of the analysis, a UUID")),
    responses(
        (status = 200, description = "The PDF", content_type = "application/pdf", body = inline(RawBytes)),
        (status = 404, description = "`not-found`", content_type = "application/problem+json", body = Problem),
        (status = 500, description = "A part of the service failed", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "`database-busy` or `database-away`", content_type = "application/problem+json", body = Problem),
    ))]
#[get("/api/v1/predictions/{id}/report.pdf")]
pub(super) async fn pdf(
    service: Data<Service>,
    caller: Caller,
    at: PublicPath,
    id: Path<String>,
) -> Result<HttpResponse, HttpError> {
    let analysis = stored(&service, caller, &id).await?.analysis;
    let name = analysis.filename.clone();
    let pdf = rendered(&service, analysis, &at, report::pdf).await?;
    let mut response = named(&name, "inline", "report.pdf");
    Ok(response.content_type("application/pdf").body(pdf))
}

/// The scores of a stored analysis as a table
///
/// RFC 4180, as `POST /predict_csv` with `Accept: text/csv` answers it.
#[utoipa::path(operation_id = "get_report_csv", tag = "history",
    params(("id" = String, Path, description = "Name of the analysis, a UUID")),
    responses(
        (status = 200, description = "The table", content_type = "text/csv", body = String),
        (status = 404, description = "`not-found`", content_type = "application/problem+json", body = Problem),
        (status = 500, description = "The database failed", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "`database-busy` or `database-away`", content_type = "application/problem+json", body = Problem),
    ))]
#[get("/api/v1/predictions/{id}/report.csv")]
pub(super) async fn csv(
    service: Data<Service>,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, HttpError> {
    let analysis = stored(&service, caller, &id).await?.analysis;
    let mut table = Vec::new();
    write_csv(&analysis, &mut table).map_err(HttpError::Table)?;
    let mut response = named(&analysis.filename, "attachment", "report.csv");
    response.content_type("text/csv; charset=utf-8; header=present");
    Ok(response.body(table))
}

/// A stored analysis as a film
///
/// The analysed pictures of a video, each from its time until the next one's, with faces, scores, the
/// verdict and the scores over time drawn in. MP4 with H.264, at most 1280 pixels wide or high, made of
/// the kept pictures: what lies between them is not shown, and there is no sound.
#[utoipa::path(operation_id = "get_annotated_film", tag = "history",
    params(("id" = String, Path, description = "Name of the analysis, a UUID")),
    responses(
        (status = 200, description = "The film", content_type = "video/mp4", body = inline(RawBytes)),
        (status = 404, description = "`not-found`: no such analysis, one of a still image, or one whose pictures are gone",
            content_type = "application/problem+json", body = Problem),
        (status = 500, description = "A part of the service failed", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "`database-busy` or `database-away`", content_type = "application/problem+json", body = Problem),
    ))]
#[get("/api/v1/predictions/{id}/annotated.mp4")]
pub(super) async fn film(
    service: Data<Service>,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, HttpError> {
    let analysis = stored(&service, caller, &id).await?.analysis;
    let name = analysis.filename.clone();
    let place = Arc::clone(&service.report_places).acquire_owned();
    let place = place.await.map_err(|_| HttpError::Interrupted)?;
    let wanted = analysis::film_pictures(&analysis);
    let pictures = pictures(&service, analysis.id, wanted, MAX_FILM_PICTURES_BYTES).await?;
    let drawing = web::block(move || {
        // Held to the end of the work, also when the client has left.
        let _place = place;
        analysis::annotated_film(&analysis, &pictures)
    });
    let film = drawing.await.map_err(|_| HttpError::Interrupted)??;
    let film = film.ok_or(HttpError::NotFound("annotated film"))?;
    let mut response = named(&name, "attachment", "annotated.mp4");
    Ok(response.content_type("video/mp4").body(film))
}

/// The signed statement about an analysis
///
/// A compact JWS (PS256, type `verdict-statement+jws`) over file, models, frames, settings, verdict
/// and probability; check it with `/.well-known/jwks.json`, and make the analysis again with
/// `framewitness replay`.
#[utoipa::path(operation_id = "get_statement", tag = "history",
    params(("id" = String, Path, description = "Name of the analysis, a UUID")),
    responses(
        (status = 200, description = "The statement", content_type = "application/jose", body = String),
        (status = 404, description = "`not-found`", content_type = "application/problem+json", body = Problem),
        (status = 500, description = "A part of the service failed", content_type = "application/problem+json", body = Problem),
        (status = 503, description = "`database-busy` or `database-away`", content_type = "application/problem+json", body = Problem),
    ))]
#[get("/api/v1/predictions/{id}/statement")]
pub(super) async fn signed_statement(
    service: Data<Service>,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, HttpError> {
    let analysis = stored(&service, caller, &id).await?.analysis;
    let keyring = service.keyring.clone();
    let signing = web::block(move || signed(&keyring, &analysis));
    let statement = signing.await.map_err(|_| HttpError::Interrupted)??;
    let mut response = named("statement", "attachment", "jws");
    Ok(response
        .content_type("application/jose")
        .body(statement.token))
}

/// Renders on a blocking thread, when there is a place.
async fn rendered(
    service: &Service,
    analysis: Analysis,
    at: &PublicPath,
    render: fn(&Material<'_>) -> Result<Vec<u8>, ReportError>,
) -> Result<Vec<u8>, HttpError> {
    let place = Arc::clone(&service.report_places).acquire_owned();
    let place = place.await.map_err(|_| HttpError::Interrupted)?;
    let wanted = report::wanted_pictures(&analysis);
    let pictures = pictures(service, analysis.id, wanted, MAX_PICTURES_BYTES).await?;
    let models = service.analyzer.models().facts();
    let links = ReportLinks::new(at, analysis.id).in_report();
    let keyring = service.keyring.clone();
    let rendering = web::block(move || {
        // Held to the end of the work, also when the client has left.
        let _place = place;
        let statement = signed(&keyring, &analysis)?;
        let material = Material {
            analysis: &analysis,
            pictures: &pictures,
            measured: models.measured_for(&analysis),
            statement: &statement,
            links: &links,
        };
        render(&material).map_err(HttpError::from)
    });
    rendering.await.map_err(|_| HttpError::Interrupted)?
}

/// Those of the `wanted` pictures that are there and fit into `room` bytes.
async fn pictures(
    service: &Service,
    id: AnalysisId,
    wanted: BTreeSet<String>,
    mut room: usize,
) -> Result<BTreeMap<String, Vec<u8>>, HttpError> {
    let mut pictures = BTreeMap::new();
    for name in wanted {
        let parsed = ArtifactName::parse(&name)?;
        let jpeg = match service.artifacts.read(id, &parsed).await {
            Err(StoreError::ArtifactsAway(error)) => {
                tracing::warn!(%error, %name, "a report goes without a picture");
                None
            }
            read => read?,
        };
        if let Some(jpeg) = jpeg.filter(|jpeg| jpeg.len() <= room) {
            room -= jpeg.len();
            pictures.insert(name, jpeg);
        }
    }
    Ok(pictures)
}

fn signed(keyring: &Keyring, analysis: &Analysis) -> Result<SignedStatement, HttpError> {
    let statement = VerdictStatement::of(analysis, OffsetDateTime::now_utc())?;
    Ok(SignedStatement {
        token: keyring.sign_verdict(&statement)?,
        key_id: keyring.key_id().to_owned(),
    })
}

/// An answer that a browser shows or saves under a name made of the file's.
fn named(filename: &str, disposition: &str, ending: &str) -> HttpResponseBuilder {
    let name = DisplayName::from_client(filename).derived(ending);
    let mut response = HttpResponse::Ok();
    response.insert_header((
        CONTENT_DISPOSITION,
        format!("{disposition}; filename=\"{name}\""),
    ));
    response.insert_header((CACHE_CONTROL, NOT_KEPT));
    response
}
