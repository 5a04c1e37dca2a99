//! The table: error → status. Every match names every variant, without `_`: an error added anywhere in
//! the program does not compile until somebody has decided what a client is told.

use actix_web::http::StatusCode;

use super::error::HttpError;
use super::reception::Refusal;
use super::tus::TusError;
use super::upload_error::UploadError;
use crate::analysis::AnalysisError;
use crate::faces::FacesError;
use crate::inference::InferenceError;
use crate::integrity::IntegrityError;
use crate::media::MediaError;
use crate::outward::{FetchError, OutwardUrlError};
use crate::store::StoreError;

/// No register has it; the protocol tus does.
const CHECKSUM_MISMATCH: u16 = 460;

/// The status of an error.
pub(super) fn of(error: &HttpError) -> StatusCode {
    match error {
        HttpError::Query(_)
        | HttpError::Field { .. }
        | HttpError::IdempotencyKey
        | HttpError::UrlForm => StatusCode::BAD_REQUEST,
        HttpError::JobEnded(_) => StatusCode::CONFLICT,
        HttpError::QueueFull { .. } | HttpError::TooManyStreams { .. } => {
            StatusCode::TOO_MANY_REQUESTS
        }
        HttpError::NoRoute | HttpError::NotFound(_) => StatusCode::NOT_FOUND,
        HttpError::KeyMissing | HttpError::KeyRefused => StatusCode::UNAUTHORIZED,
        HttpError::ScopeMissing(_) | HttpError::UrlsOff => StatusCode::FORBIDDEN,
        HttpError::Fetch(error) => of_fetch(error),
        HttpError::HeadTooLarge { .. } => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        HttpError::RateLimited(_) | HttpError::QuotaSpent { .. } => StatusCode::TOO_MANY_REQUESTS,
        HttpError::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
        HttpError::Refused(error) => of_refusal(*error),
        HttpError::Upload(error) => of_upload(error),
        HttpError::Tus(error) => of_tus(error),
        HttpError::Analysis(error) => of_analysis(error),
        HttpError::Integrity(error) => of_integrity(error),
        HttpError::Store(error) => of_store(error),
        HttpError::Unstatable(_) | HttpError::Report(_) => StatusCode::INTERNAL_SERVER_ERROR,
        HttpError::PictureName(_) | HttpError::Descriptor(_) | HttpError::Table(_) => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
        HttpError::Interrupted | HttpError::NotReady(_) => StatusCode::SERVICE_UNAVAILABLE,
        HttpError::Unscorable(_) | HttpError::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

fn of_refusal(refusal: Refusal) -> StatusCode {
    match refusal {
        Refusal::Closing => StatusCode::SERVICE_UNAVAILABLE,
        Refusal::Full { .. } | Refusal::FullForSender { .. } => StatusCode::TOO_MANY_REQUESTS,
    }
}

fn of_upload(error: &UploadError) -> StatusCode {
    match error {
        UploadError::Malformed(_)
        | UploadError::MissingFile { .. }
        | UploadError::MissingText { .. }
        | UploadError::Repeated { .. }
        | UploadError::TooManyFiles { .. }
        | UploadError::TooManyParts { .. }
        | UploadError::EmptyFile
        | UploadError::TextTooLong { .. }
        | UploadError::NotText { .. }
        | UploadError::Interrupted => StatusCode::BAD_REQUEST,
        UploadError::Slow(_) => StatusCode::REQUEST_TIMEOUT,
        UploadError::TooLarge { .. } | UploadError::FileTooLarge { .. } => {
            StatusCode::PAYLOAD_TOO_LARGE
        }
        UploadError::NotMultipart
        | UploadError::EncodedBody { .. }
        | UploadError::EncodedPart { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        UploadError::Store(error) => of_store(error),
    }
}

/// 400 no URL, 422 one that leads to no file of ours.
fn of_fetch(error: &FetchError) -> StatusCode {
    match error {
        FetchError::Url(OutwardUrlError::Private(_))
        | FetchError::NotReached(_)
        | FetchError::Answered(_)
        | FetchError::Redirections { .. }
        | FetchError::Downgraded
        | FetchError::Encoded
        | FetchError::Broken => StatusCode::UNPROCESSABLE_ENTITY,
        FetchError::Url(
            OutwardUrlError::NoUrl(_) | OutwardUrlError::Scheme | OutwardUrlError::Credentials,
        ) => StatusCode::BAD_REQUEST,
        FetchError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        FetchError::Silent { .. } | FetchError::Slow => StatusCode::GATEWAY_TIMEOUT,
    }
}

/// As the protocol says, which has a status of its own for checksums.
fn of_tus(error: &TusError) -> StatusCode {
    match error {
        TusError::LengthMissing | TusError::Header { .. } => StatusCode::BAD_REQUEST,
        TusError::Offset { .. } | TusError::Finished => StatusCode::CONFLICT,
        TusError::Expired => StatusCode::GONE,
        TusError::Version => StatusCode::PRECONDITION_FAILED,
        TusError::TooLarge { .. } | TusError::BeyondLength { .. } => StatusCode::PAYLOAD_TOO_LARGE,
        TusError::NotOffsetStream => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        TusError::Locked => StatusCode::LOCKED,
        TusError::Full { .. } | TusError::FullForSender { .. } => StatusCode::TOO_MANY_REQUESTS,
        TusError::Checksum => {
            StatusCode::from_u16(CHECKSUM_MISMATCH).expect("three digits are a status")
        }
    }
}

fn of_analysis(error: &AnalysisError) -> StatusCode {
    match error {
        AnalysisError::Busy => StatusCode::TOO_MANY_REQUESTS,
        AnalysisError::Closed => StatusCode::SERVICE_UNAVAILABLE,
        AnalysisError::Deadline { .. } => StatusCode::GATEWAY_TIMEOUT,
        AnalysisError::Media(error) => of_media(error),
        AnalysisError::Faces(error) => of_faces(error),
        AnalysisError::Inference(error) => of_inference(error),
        AnalysisError::DecoderCrashed { .. } | AnalysisError::DecoderMisbehaved(_) => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        AnalysisError::Threads(_)
        | AnalysisError::DecodePanicked
        | AnalysisError::DecoderFailed(_)
        | AnalysisError::DecoderStart(_)
        | AnalysisError::Worker(_)
        | AnalysisError::Unsandboxed { .. }
        | AnalysisError::Score(_)
        | AnalysisError::Frame(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// 400 nothing sent, 415 not a medium we read, 422 a medium we read but cannot use.
fn of_media(error: &MediaError) -> StatusCode {
    match error {
        MediaError::EmptyFile => StatusCode::BAD_REQUEST,
        MediaError::UnsupportedMedia
        | MediaError::ForeignFormat { .. }
        | MediaError::UnsupportedCodec { .. } => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        MediaError::NoVideoStream
        | MediaError::Encrypted
        | MediaError::Damaged { .. }
        | MediaError::CutOff { .. }
        | MediaError::NoFrames
        | MediaError::TooLong { .. }
        | MediaError::TooManyPixels { .. }
        | MediaError::TooManyFrames { .. }
        | MediaError::TooMuchToDecode { .. }
        | MediaError::NoSuchStream { .. }
        | MediaError::TooManyStreams { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        MediaError::DeadlineExceeded { .. } => StatusCode::GATEWAY_TIMEOUT,
        MediaError::Read(_) | MediaError::Encode(_) | MediaError::Library { .. } => {
            StatusCode::INTERNAL_SERVER_ERROR
        }
    }
}

fn of_faces(error: &FacesError) -> StatusCode {
    match error {
        FacesError::Manifest { .. }
        | FacesError::Unreadable { .. }
        | FacesError::Digest { .. }
        | FacesError::Network { .. }
        | FacesError::Runtime { .. }
        | FacesError::Inference { .. }
        | FacesError::DegenerateLandmarks(_)
        | FacesError::Vision { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn of_inference(error: &InferenceError) -> StatusCode {
    match error {
        InferenceError::Overloaded { .. } => StatusCode::TOO_MANY_REQUESTS,
        InferenceError::Closed | InferenceError::NotLoaded => StatusCode::SERVICE_UNAVAILABLE,
        InferenceError::InUse
        | InferenceError::OtherDetector
        | InferenceError::ModelNameTaken(_) => StatusCode::CONFLICT,
        InferenceError::UnusableModel(_) => StatusCode::UNPROCESSABLE_ENTITY,
        InferenceError::Library(error) if is_full(error) => StatusCode::INSUFFICIENT_STORAGE,
        InferenceError::Expired => StatusCode::GATEWAY_TIMEOUT,
        InferenceError::Bundle { .. }
        | InferenceError::File(_)
        | InferenceError::Device { .. }
        | InferenceError::Setting { .. }
        | InferenceError::Thread(_)
        | InferenceError::EmptyClip
        | InferenceError::ClipTooLong { .. }
        | InferenceError::CropSize { .. }
        | InferenceError::Library(_)
        | InferenceError::ModelFailed { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

fn of_integrity(error: &IntegrityError) -> StatusCode {
    match error {
        IntegrityError::DamagedKey { .. }
        | IntegrityError::KeySize { .. }
        | IntegrityError::TooPermissive { .. }
        | IntegrityError::PrivateKeyMissing { .. }
        | IntegrityError::NotAPair { .. }
        | IntegrityError::DamagedRetiredKey { .. }
        | IntegrityError::NothingToRotate { .. }
        | IntegrityError::Io { .. }
        | IntegrityError::Read(_)
        | IntegrityError::Signing { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn of_store(error: &StoreError) -> StatusCode {
    match error {
        StoreError::DatabaseBusy
        | StoreError::DatabaseAway
        | StoreError::ArtifactsAway(_)
        | StoreError::Stale { .. }
        | StoreError::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
        StoreError::DatabaseFull | StoreError::StorageFull { .. } => {
            StatusCode::INSUFFICIENT_STORAGE
        }
        StoreError::UnsupportedDatabase { .. }
        | StoreError::DatabaseUrl
        | StoreError::ArtifactsUrl { .. }
        | StoreError::ArtifactsRefused { .. }
        | StoreError::OpenDatabase { .. }
        | StoreError::Migrate { .. }
        | StoreError::Database(_)
        | StoreError::DuplicateRecord { .. }
        | StoreError::UnstorableRecord { .. }
        | StoreError::UnreadableRecord { .. }
        | StoreError::UnreadableKey { .. }
        | StoreError::UnreadableWebhook { .. }
        | StoreError::UnreadableJob { .. }
        | StoreError::DuplicateArtifacts { .. }
        | StoreError::Io { .. } => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use actix_web::ResponseError;

    use super::*;
    use crate::domain::ScoreError;
    use crate::store::JobState;

    /// One error for each line of the table that clients are told about.
    fn examples() -> Vec<(HttpError, u16, &'static str)> {
        let media = |error: MediaError| HttpError::from(AnalysisError::from(error));
        let inference = |error: InferenceError| HttpError::from(AnalysisError::from(error));
        let deadline = Duration::from_secs(1);
        vec![
            (HttpError::Query("?".into()), 400, "invalid-query"),
            (UploadError::EmptyFile.into(), 400, "empty-file"),
            (media(MediaError::EmptyFile), 400, "empty-file"),
            (HttpError::NotFound("analysis"), 404, "not-found"),
            (UploadError::Slow("?".into()).into(), 408, "upload-too-slow"),
            (
                UploadError::TooLarge { max_bytes: 1 }.into(),
                413,
                "body-too-large",
            ),
            (UploadError::NotMultipart.into(), 415, "not-multipart"),
            (TusError::LengthMissing.into(), 400, "upload-length-missing"),
            (TusError::Expired.into(), 410, "upload-expired"),
            (TusError::Version.into(), 412, "tus-version"),
            (TusError::Locked.into(), 423, "upload-locked"),
            (
                TusError::Full { max: 1 }.into(),
                429,
                "too-many-resumable-uploads",
            ),
            (TusError::Checksum.into(), 460, "checksum-mismatch"),
            (
                media(MediaError::UnsupportedMedia),
                415,
                "unsupported-media",
            ),
            (media(MediaError::NoVideoStream), 422, "no-video-stream"),
            (media(MediaError::NoFrames), 422, "no-frames"),
            (HttpError::IdempotencyKey, 400, "invalid-idempotency-key"),
            (HttpError::UrlForm, 400, "invalid-json"),
            (HttpError::UrlsOff, 403, "url-fetch-off"),
            (
                FetchError::from(OutwardUrlError::Credentials).into(),
                400,
                "invalid-url",
            ),
            (FetchError::Answered(404).into(), 422, "url-not-fetched"),
            (FetchError::Slow.into(), 504, "url-too-slow"),
            (HttpError::KeyReused, 422, "idempotency-key-reused"),
            (HttpError::JobEnded(JobState::Done), 409, "job-ended"),
            (HttpError::QueueFull { max_queued: 1 }, 429, "queue-full"),
            (
                HttpError::TooManyStreams { max_streams: 1 },
                429,
                "too-many-streams",
            ),
            (AnalysisError::Busy.into(), 429, "busy"),
            (
                Refusal::Full { max_uploads: 1 }.into(),
                429,
                "too-many-uploads",
            ),
            (Refusal::Closing.into(), 503, "shutting-down"),
            (HttpError::NotReady("starting"), 503, "not-ready"),
            (
                AnalysisError::Deadline { deadline }.into(),
                504,
                "deadline-exceeded",
            ),
            (inference(InferenceError::Expired), 504, "deadline-exceeded"),
        ]
    }

    #[test]
    fn each_error_has_the_status_and_the_code_of_the_table() {
        for (error, status, code) in examples() {
            assert_eq!(error.status_code().as_u16(), status, "{error}");
            assert_eq!(error.code(), code, "{error}");
        }
    }

    #[test]
    fn a_client_is_told_when_to_come_back_and_when_to_stop_sending() {
        for (error, status, _) in examples() {
            let response = error.error_response();
            let headers = response.headers();
            let told = headers.contains_key("retry-after");
            assert_eq!(told, matches!(status, 429 | 503), "{error}");
        }
        let full = HttpError::from(Refusal::Full { max_uploads: 1 }).error_response();
        assert_eq!(
            full.head().connection_type(),
            actix_web::http::ConnectionType::Close
        );
    }

    #[test]
    fn what_failed_inside_stays_inside() {
        let secret = HttpError::Analysis(ScoreError::NotFinite(f32::NAN).into());
        let response = secret.error_response();
        let draft = format!(
            "{:?}",
            response.extensions().get::<crate::http::problem::Draft>()
        );
        assert!(
            draft.contains("request_id") && !draft.contains("NaN"),
            "{draft}"
        );
    }
}
