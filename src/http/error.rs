//! Every error a client can meet, and its code; `status` says with which status it is answered, and
//! `error_response` how.

use std::time::Duration;

use thiserror::Error;

use super::allowance::{Allowance, whole_seconds};
use super::reception::Refusal;
use super::tus::TusError;
use super::upload_error::UploadError;
use crate::analysis::AnalysisError;
use crate::domain::Reason;
use crate::inference::InferenceError;
use crate::integrity::{IntegrityError, VerdictStatementError};
use crate::outward::FetchError;
use crate::report::ReportError;
use crate::store::{ArtifactNameError, JobState, Scope, StoreError};

/// Why a request has no answer of its own.
#[derive(Debug, Error)]
pub enum HttpError {
    /// No route has this path.
    #[error("there is nothing at this path; see /apidocs for what there is")]
    NoRoute,
    /// The path is there for other methods.
    #[error("this path answers {allowed} only")]
    Method {
        /// The methods it answers, as in the `Allow` header.
        allowed: String,
    },
    /// A name that belongs to nothing, or to nothing any more.
    #[error("there is no such {0}")]
    NotFound(&'static str),
    /// A text field of a form that cannot be used.
    #[error("the field \"{name}\" is not valid: {problem}")]
    Field {
        /// Its name.
        name: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// Nobody is let in here without a key.
    #[error("this needs an API key, as `Authorization: Bearer KEY` or `X-API-Key: KEY`")]
    KeyMissing,
    /// A key that never was or is no longer.
    #[error("the API key is not valid")]
    KeyRefused,
    /// A key that is for other things.
    #[error("the API key lacks the scope `{0}`")]
    ScopeMissing(Scope),
    /// More in the head of the request than allowed.
    #[error(
        "the head of the request is over the limit {limit}, which is {most}; send fewer or shorter headers"
    )]
    HeadTooLarge {
        /// Its setting.
        limit: &'static str,
        /// Its value.
        most: usize,
    },
    /// Too many requests a minute.
    #[error("more than {} requests a minute; try again in {} s", .0.limit, whole_seconds(.0.reset))]
    RateLimited(Allowance),
    /// As many analyses today as the key allows.
    #[error("the {quota} analyses a day of this API key are used up; more from midnight UTC on")]
    QuotaSpent {
        /// Analyses a day.
        quota: u32,
        /// Until midnight.
        reset: Duration,
    },
    /// As many jobs wait as may.
    #[error("{max_queued} analyses wait already, the limit max_queued_jobs; try again shortly")]
    QueueFull {
        /// The limit.
        max_queued: u32,
    },
    /// An idempotency key that is none.
    #[error("Idempotency-Key must be 1 to 255 visible ASCII characters")]
    IdempotencyKey,
    /// The same idempotency key with another request.
    #[error("another file came with this Idempotency-Key; choose a new key for each file")]
    KeyReused,
    /// A job that cannot be cancelled any more.
    #[error("the analysis has ended: it is {0}")]
    JobEnded(JobState),
    /// As many streams of events of one sender, or of all, as allowed.
    #[error("{max_streams} streams of events are open, the limit; try again when one has ended")]
    TooManyStreams {
        /// The limit.
        max_streams: usize,
    },
    /// Files are not fetched here.
    #[error(
        "this service fetches no files; whoever runs it can allow it with the setting fetch_urls"
    )]
    UrlsOff,
    /// A body that should name a URL.
    #[error(
        "the body must be a JSON object with the one field \"url\", a text: {{\"url\": \"https://…\"}}"
    )]
    UrlForm,
    /// A file that was to be fetched.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// A query that cannot be read.
    #[error("the query is not valid: {0}")]
    Query(String),
    /// Turned away at the door.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The body.
    #[error(transparent)]
    Upload(#[from] UploadError),
    /// A resumable upload.
    #[error(transparent)]
    Tus(#[from] TusError),
    /// The analysis.
    #[error(transparent)]
    Analysis(#[from] AnalysisError),
    /// Signing or verifying.
    #[error(transparent)]
    Integrity(#[from] IntegrityError),
    /// Records, artifacts or uploads.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The analysis named a picture in a way the store does not take.
    #[error("the analysis named a picture badly")]
    PictureName(#[from] ArtifactNameError),
    /// The upload's descriptor could not be handed on.
    #[error("the upload's descriptor could not be duplicated")]
    Descriptor(#[source] std::io::Error),
    /// The record says too little to sign a statement about it.
    #[error(transparent)]
    Unstatable(#[from] VerdictStatementError),
    /// The report could not be written.
    #[error(transparent)]
    Report(#[from] ReportError),
    /// The table could not be written.
    #[error("the table could not be written")]
    Table(#[source] csv::Error),
    /// Work that was begun ended before it was done, because the service is ending.
    #[error("the work was interrupted because the service is shutting down")]
    Interrupted,
    /// An answer that needs a score, of a file in which nothing could be scored.
    #[error("{0}")]
    Unscorable(Reason),
    /// Not ready to take work; the reason is for a person.
    #[error("the service is not ready: {0}")]
    NotReady(&'static str),
}

impl HttpError {
    /// Stable kebab-case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoRoute | Self::NotFound(_) => "not-found",
            Self::Method { .. } => "method-not-allowed",
            Self::KeyMissing => "key-missing",
            Self::KeyRefused => "key-refused",
            Self::ScopeMissing(_) => "scope-missing",
            Self::HeadTooLarge { .. } => "head-too-large",
            Self::RateLimited(_) => "rate-limited",
            Self::QuotaSpent { .. } => "quota-spent",
            Self::QueueFull { .. } => "queue-full",
            Self::IdempotencyKey => "invalid-idempotency-key",
            Self::KeyReused => "idempotency-key-reused",
            Self::JobEnded(_) => "job-ended",
            Self::TooManyStreams { .. } => "too-many-streams",
            Self::UrlsOff => "url-fetch-off",
            Self::UrlForm => "invalid-json",
            Self::Fetch(error) => error.code(),
            Self::Query(_) => "invalid-query",
            Self::Field { .. } => "invalid-field",
            Self::Refused(error) => error.code(),
            Self::Upload(error) => error.code(),
            Self::Tus(error) => error.code(),
            Self::Analysis(error) => code_of_analysis(error),
            Self::Integrity(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Unstatable(error) => error.code(),
            Self::Report(error) => error.code(),
            Self::PictureName(_) | Self::Descriptor(_) | Self::Table(_) => "internal-error",
            Self::Interrupted => "shutting-down",
            Self::NotReady(_) => "not-ready",
            Self::Unscorable(reason) => reason.code(),
        }
    }
}

/// Where a place or a moment was missing does not matter to a client: one code each.
fn code_of_analysis(error: &AnalysisError) -> &'static str {
    match error {
        AnalysisError::Inference(InferenceError::Overloaded { .. }) => "busy",
        AnalysisError::Inference(InferenceError::Expired) => "deadline-exceeded",
        AnalysisError::Inference(InferenceError::Closed) => "shutting-down",
        AnalysisError::Busy
        | AnalysisError::Closed
        | AnalysisError::Deadline { .. }
        | AnalysisError::Threads(_)
        | AnalysisError::DecodePanicked
        | AnalysisError::DecoderCrashed { .. }
        | AnalysisError::DecoderMisbehaved(_)
        | AnalysisError::DecoderFailed(_)
        | AnalysisError::DecoderStart(_)
        | AnalysisError::Worker(_)
        | AnalysisError::Unsandboxed { .. }
        | AnalysisError::Media(_)
        | AnalysisError::Faces(_)
        | AnalysisError::Inference(_)
        | AnalysisError::Score(_)
        | AnalysisError::Frame(_) => error.code(),
    }
}
