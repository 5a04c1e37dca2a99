//! Every error a client can meet, and the one table that says with which status.
//!
//! The table's matches are exhaustive and without `_`: an error added anywhere in the program does
//! not compile until somebody has decided what a client is told. Errors that are the request's
//! fault show their own message; errors of the service show a general one and go to the log with
//! their causes, because paths and library messages are nobody's business outside.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use thiserror::Error;

use super::guard::{Allowance, whole_seconds};
use super::problem::Draft;
use super::reception::Refusal;
use super::status;
use super::upload_error::UploadError;
use crate::analysis::AnalysisError;
use crate::domain::Reason;
use crate::inference::InferenceError;
use crate::integrity::IntegrityError;
use crate::store::{ArtifactNameError, Scope, StoreError};

/// Seconds after which a busy service is worth another try: about one analysis.
const RETRY_BUSY_S: u32 = 5;
/// Seconds after which a service that ends or starts is worth another try.
const RETRY_UNAVAILABLE_S: u32 = 10;

/// What a client without a key, and one with a wrong one, is told to send (RFC 6750).
const CHALLENGE: &str = "Bearer realm=\"framewitness\"";
const CHALLENGE_AGAIN: &str = "Bearer realm=\"framewitness\", error=\"invalid_token\"";

const FAILED: &str = "A part of the service failed. The failure was logged under this request_id; \
                      trying again may help.";
const FULL: &str = "The service has no room left to store this; whoever runs it can free some.";

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
    /// A query that cannot be read.
    #[error("the query is not valid: {0}")]
    Query(String),
    /// Turned away at the door.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The body.
    #[error(transparent)]
    Upload(#[from] UploadError),
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
            Self::Query(_) => "invalid-query",
            Self::Field { .. } => "invalid-field",
            Self::Refused(error) => error.code(),
            Self::Upload(error) => error.code(),
            Self::Analysis(error) => code_of_analysis(error),
            Self::Integrity(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::PictureName(_) | Self::Descriptor(_) | Self::Table(_) => "internal-error",
            Self::Interrupted => "shutting-down",
            Self::NotReady(_) => "not-ready",
            Self::Unscorable(reason) => reason.code(),
        }
    }

    /// What the client reads: the error itself, or a general sentence when it is the service's.
    pub(super) fn detail(&self) -> String {
        let status = self.status_code();
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            FAILED.into()
        } else if status == StatusCode::INSUFFICIENT_STORAGE {
            FULL.into()
        } else {
            self.to_string()
        }
    }

    fn add_headers(&self, response: &mut HttpResponseBuilder) {
        let status = self.status_code();
        if status == StatusCode::TOO_MANY_REQUESTS {
            response.insert_header((RETRY_AFTER, RETRY_BUSY_S));
        } else if status == StatusCode::SERVICE_UNAVAILABLE {
            response.insert_header((RETRY_AFTER, RETRY_UNAVAILABLE_S));
        }
        if let Self::Method { allowed } = self {
            response.insert_header((ALLOW, allowed.as_str()));
        } else if matches!(self, Self::KeyMissing) {
            response.insert_header((WWW_AUTHENTICATE, CHALLENGE));
        } else if matches!(self, Self::KeyRefused) {
            response.insert_header((WWW_AUTHENTICATE, CHALLENGE_AGAIN));
        } else if let Self::RateLimited(Allowance { reset, .. }) | Self::QuotaSpent { reset, .. } =
            self
        {
            response.insert_header((RETRY_AFTER, whole_seconds(*reset)));
        }
        if self.leaves_body_unread() {
            response.force_close();
        }
    }

    /// Whether the client may still be sending. The connection cannot be used again then, and a
    /// client that is told so stops sending.
    fn leaves_body_unread(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Upload(_) => true,
            Self::KeyMissing | Self::KeyRefused | Self::ScopeMissing(_) => true,
            Self::HeadTooLarge { .. } => true,
            Self::RateLimited(_) | Self::QuotaSpent { .. } => true,
            Self::Analysis(error) => matches!(error, AnalysisError::Busy),
            Self::NoRoute | Self::Method { .. } | Self::NotFound(_) => false,
            Self::Query(_) | Self::Field { .. } => false,
            Self::Integrity(_) | Self::Store(_) | Self::PictureName(_) => false,
            Self::Descriptor(_) | Self::Table(_) => false,
            Self::Interrupted | Self::NotReady(_) | Self::Unscorable(_) => false,
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

impl ResponseError for HttpError {
    fn status_code(&self) -> StatusCode {
        status::of(self)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        self.add_headers(&mut response);
        let mut response = response.finish();
        if let Self::RateLimited(allowance) = self {
            allowance.add_to(response.headers_mut());
        }
        response.extensions_mut().insert(Draft {
            code: self.code(),
            detail: self.detail(),
        });
        response
    }
}
