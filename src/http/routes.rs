//! Every route, in one list.

use utoipa_actix_web::service_config::ServiceConfig;

use super::compat::{
    d3_inference, d3_models, d3_predict, d3_records, d3_video, d3_video_upload, detection_backend,
    faces,
};
use super::{
    analyses, health, integrity, limits, openapi, predict, predict_csv, predictions, reports,
    static_files, tus,
};

/// Registers every route. Of two that match the first wins, so `recent` stands before `{id}`.
pub(super) fn register(routes: &mut ServiceConfig<'_>) {
    compatibility(routes);
    routes
        .service(predict::predict)
        .service(predict_csv::predict_csv)
        .service(analyses::submit_route)
        .service(analyses::follow)
        .service(analyses::by_id)
        .service(analyses::cancel)
        .service(tus::capabilities)
        .service(tus::create_route)
        .service(tus::progress)
        .service(tus::append_route)
        .service(tus::terminate)
        .service(faces::detect_faces)
        .service(faces::sample_faces)
        .service(integrity::sign)
        .service(integrity::verify)
        .service(integrity::public_key)
        .service(integrity::jwks)
        .service(predictions::recent)
        .service(predictions::by_id)
        .service(reports::html)
        .service(reports::pdf)
        .service(reports::csv)
        .service(reports::film)
        .service(reports::signed_statement)
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

/// Routes of earlier services that are not also ours.
fn compatibility(routes: &mut ServiceConfig<'_>) {
    routes
        .service(d3_predict::predict)
        .service(d3_predict::predict_batch)
        .service(d3_predict::batch_predict)
        .service(d3_predict::status)
        .service(d3_video::predict)
        .service(d3_video_upload::upload)
        .service(d3_video_upload::download)
        .service(d3_records::statistics)
        .service(d3_records::db_statistics)
        .service(d3_records::recent)
        .service(d3_records::by_label)
        .service(d3_records::by_id)
        .service(d3_inference::predict)
        .service(d3_inference::predict_batch)
        .service(d3_inference::history)
        .service(d3_inference::by_number)
        .service(d3_inference::stats)
        .service(d3_models::info)
        .service(d3_models::load)
        .service(d3_models::unload)
        .service(d3_models::list)
        .service(d3_models::upload)
        .service(detection_backend::detect)
        .service(detection_backend::augmented)
        .service(detection_backend::health)
        .service(detection_backend::model_info);
}

/// Pages for people, which the document for machines leaves out.
fn explorer(routes: &mut actix_web::web::ServiceConfig) -> &mut actix_web::web::ServiceConfig {
    routes
        .service(openapi::explorer)
        .service(openapi::explorer_asset)
        .service(openapi::explorer_at_docs)
        .service(openapi::explorer_at_v1_docs)
}
