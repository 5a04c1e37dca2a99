//! Every route, in one list.

use utoipa_actix_web::service_config::ServiceConfig;

use super::compat::faces;
use super::{health, integrity, limits, openapi, predict, predict_csv, predictions, static_files};

/// Registers every route. Of two that match the first wins, so `recent` stands before `{id}`.
pub(super) fn register(routes: &mut ServiceConfig<'_>) {
    routes
        .service(predict::predict)
        .service(predict_csv::predict_csv)
        .service(faces::detect_faces)
        .service(faces::sample_faces)
        .service(integrity::sign)
        .service(integrity::verify)
        .service(integrity::public_key)
        .service(integrity::jwks)
        .service(predictions::recent)
        .service(predictions::by_id)
        .service(static_files::artifact)
        .service(limits::limits)
        .service(health::health)
        .service(health::livez)
        .service(health::readyz)
        .service(health::metrics)
        .service(openapi::openapi_json)
        .service(static_files::page)
        .service(static_files::page_asset)
        .map(explorer);
}

/// Pages for people, which the document for machines leaves out.
fn explorer(routes: &mut actix_web::web::ServiceConfig) -> &mut actix_web::web::ServiceConfig {
    routes
        .service(openapi::explorer)
        .service(openapi::explorer_asset)
        .service(openapi::explorer_at_docs)
        .service(openapi::explorer_at_v1_docs)
}
