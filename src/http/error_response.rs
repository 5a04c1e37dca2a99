//! An error as its answer: status, headers, and what the body is written from.
//!
//! Errors that are the request's fault show their own message; errors of the service show a general
//! one and go to the log with their causes, because paths and library messages are nobody's business
//! outside.

use actix_web::http::StatusCode;
use actix_web::http::header::{ALLOW, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};

use super::allowance::{Allowance, whole_seconds};
use super::error::HttpError;
use super::problem::Draft;
use super::status;
use super::tus::{TUS_VERSION, TusError};
use crate::analysis::AnalysisError;

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

impl HttpError {
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
        } else if matches!(self, Self::Tus(TusError::Version)) {
            response.insert_header(TUS_VERSION);
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
            Self::Refused(_) | Self::Upload(_) | Self::Tus(_) => true,
            Self::KeyMissing | Self::KeyRefused | Self::ScopeMissing(_) => true,
            Self::HeadTooLarge { .. } => true,
            Self::RateLimited(_) | Self::QuotaSpent { .. } => true,
            Self::QueueFull { .. } | Self::IdempotencyKey => true,
            Self::KeyReused | Self::JobEnded(_) | Self::TooManyStreams { .. } => false,
            Self::Analysis(error) => matches!(error, AnalysisError::Busy),
            Self::NoRoute | Self::Method { .. } | Self::NotFound(_) => false,
            Self::UrlsOff | Self::UrlForm => true,
            Self::Query(_) | Self::Field { .. } | Self::Fetch(_) => false,
            Self::Integrity(_) | Self::Store(_) | Self::PictureName(_) => false,
            Self::Descriptor(_) | Self::Table(_) => false,
            Self::Unstatable(_) | Self::Report(_) => false,
            Self::Interrupted | Self::NotReady(_) | Self::Unscorable(_) => false,
        }
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
