//! The table: error → status. Every match names every variant.

use actix_web::http::StatusCode;

use super::error::HttpError;
use super::reception::Refusal;
use super::upload::UploadError;
use crate::analysis::AnalysisError;
use crate::integrity::IntegrityError;
use crate::store::StoreError;

/// The status of an error.
pub(super) fn of(error: &HttpError) -> StatusCode {
    match error {
        HttpError::Query(_) => StatusCode::BAD_REQUEST,
        HttpError::NoRoute | HttpError::NotFound(_) => StatusCode::NOT_FOUND,
        HttpError::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
        HttpError::Refused(error) => of_refusal(*error),
        HttpError::Upload(error) => of_upload(error),
        HttpError::Analysis(error) => of_analysis(error),
        HttpError::Integrity(error) => of_integrity(error),
        HttpError::Store(error) => of_store(error),
        HttpError::PictureName(_) | HttpError::Descriptor(_) | HttpError::Table(_) => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        HttpError::Interrupted | HttpError::NotReady(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn of_refusal(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::Closing => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::Full { .. } => StatusCode::TOO_MANY_REQUESTS,
    }
}

fn of_upload(error: &UploadError) -> StatusCode {
    match error {
        UploadError::Malformed(_)
        | UploadError::MissingFile { .. }
        | UploadError::MissingText { .. }
        | UploadError::Repeated { .. }
        | UploadError::EmptyFile
        | UploadError::TextTooLong { .. }
        | UploadError::NotText { .. }
        | UploadError::Interrupted => StatusCode::BAD_REQUEST,
        UploadError::Slow(_) => StatusCode::REQUEST_TIMEOUT,
        UploadError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        UploadError::NotMultipart => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        UploadError::Store(error) => of_store(error),
    }
}

fn of_analysis(error: &AnalysisError) -> StatusCode {
    match error {
        AnalysisError::Busy => StatusCode::TOO_MANY_REQUESTS,
        AnalysisError::Closed => StatusCode::SERVICE_UNAVAILABLE,
        AnalysisError::Deadline { .. } => StatusCode::GATEWAY_TIMEOUT,
        AnalysisError::Threads(_) | AnalysisError::DecodePanicked => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

fn of_integrity(error: &IntegrityError) -> StatusCode {
    match error {
        IntegrityError::DamagedKey { .. }
        | IntegrityError::KeySize { .. }
        | IntegrityError::TooPermissive { .. }
        | IntegrityError::PrivateKeyMissing { .. }
        | IntegrityError::NotAPair { .. }
        | IntegrityError::Io { .. }
        | IntegrityError::Read(_)
        | IntegrityError::Signing { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn of_store(error: &StoreError) -> StatusCode {
    match error {
        StoreError::DatabaseBusy | StoreError::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
        StoreError::StorageFull { .. } => StatusCode::INSUFFICIENT_STORAGE,
        StoreError::UnsupportedDatabase { .. }
        | StoreError::OpenDatabase { .. }
        | StoreError::Migrate { .. }
        | StoreError::Database(_)
        | StoreError::DuplicateRecord { .. }
        | StoreError::UnstorableRecord { .. }
        | StoreError::UnreadableRecord { .. }
        | StoreError::DuplicateArtifacts { .. }
        | StoreError::Io { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
