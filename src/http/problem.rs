//! The shape of every error: `application/problem+json`, RFC 9457.
//!
//! A handler returns an [`super::HttpError`]; its response carries a [`Draft`] instead of a body.
//! The outermost middleware knows the request's number, completes the draft and writes it. An
//! error that comes from the framework itself has no draft and is given one from its status, so
//! a client meets one shape only.

use actix_web::http::StatusCode;
use serde::Serialize;
use utoipa::{IntoResponses, ToSchema};

/// Media type of the body.
pub(super) const PROBLEM_JSON: &str = "application/problem+json";

/// What a response carries until the request's number is known.
#[derive(Debug, Clone)]
pub(super) struct Draft {
    pub(super) code: &'static str,
    pub(super) detail: String,
}

impl Draft {
    /// For an error of the framework, which has a status only.
    pub(super) fn from_status(status: StatusCode) -> Self {
        let detail = "The request could not be handled; see the status and the title.";
        Self {
            code: "http-error",
            detail: detail.into(),
        }
        .with_known_code(status)
    }

    fn with_known_code(mut self, status: StatusCode) -> Self {
        if status.is_server_error() {
            self.code = "internal-error";
            self.detail = "Something failed inside the service; the failure was logged.".into();
        }
        self
    }
}

/// An error, as RFC 9457 describes it, with a stable code and the number of the request.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    /// `urn:framewitness:problem:` and the code.
    #[serde(rename = "type")]
    #[schema(example = "urn:framewitness:problem:no-video-stream")]
    type_uri: String,
    /// The status in words.
    #[schema(example = "Unprocessable Entity")]
    title: String,
    /// The status.
    #[schema(example = 422)]
    status: u16,
    /// What happened, and where possible what to do.
    #[schema(example = "the file has no video stream")]
    detail: String,
    /// Stable kebab-case code to branch on.
    #[schema(example = "no-video-stream")]
    code: String,
    /// The request's number, also in the header `x-request-id` and in the service's log.
    #[schema(example = "0b9d5f0e-6c0a-4a58-8a43-6bd3b1f2a0f4")]
    request_id: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, draft: &Draft, request_id: &str) -> Self {
        Self {
            type_uri: format!("urn:framewitness:problem:{}", draft.code),
            title: status.canonical_reason().unwrap_or("Error").to_owned(),
            status: status.as_u16(),
            detail: draft.detail.clone(),
            code: draft.code.to_owned(),
            request_id: request_id.to_owned(),
        }
    }

    pub(super) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a problem holds only text and a number")
    }
}

/// What every route that takes a file may answer instead, for the OpenAPI document.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers; they are made by HttpError")]
pub(super) enum UploadProblems {
    /// `malformed-multipart`, `missing-file`, `missing-field`, `repeated-field`, `too-many-parts`,
    /// `empty-file`, `field-too-long`, `field-not-text`, `upload-interrupted` or `invalid-query`.
    #[response(status = 400, content_type = "application/problem+json")]
    Malformed(Problem),
    /// `upload-too-slow`: the sender was silent for too long, or the whole took too long.
    #[response(status = 408, content_type = "application/problem+json")]
    TooSlow(Problem),
    /// `body-too-large`: see `GET /api/v1/limits`.
    #[response(status = 413, content_type = "application/problem+json")]
    TooLarge(Problem),
    /// `not-multipart`, `encoded-body` or `encoded-part`; for an analysis also `unsupported-media`: the file is no supported medium.
    #[response(status = 415, content_type = "application/problem+json")]
    Unsupported(Problem),
    /// `busy` or `too-many-uploads`: every place is taken. `Retry-After` says when to try again.
    #[response(status = 429, content_type = "application/problem+json")]
    Busy(Problem),
    /// A part of the service failed; its log has the request's number.
    #[response(status = 500, content_type = "application/problem+json")]
    Failed(Problem),
    /// `shutting-down`, `model-not-loaded` after `POST /api/model/unload`, or a part of the service
    /// does not answer. `Retry-After` says when to try again.
    #[response(status = 503, content_type = "application/problem+json")]
    Unavailable(Problem),
    /// `storage-full`.
    #[response(status = 507, content_type = "application/problem+json")]
    Full(Problem),
}

/// What an analysis may answer beside, for the OpenAPI document.
#[derive(IntoResponses)]
#[expect(dead_code, reason = "describes answers; they are made by HttpError")]
pub(super) enum AnalysisProblems {
    /// The file is a medium but cannot be used: no video stream, no frames, damaged, or over a
    /// limit of `GET /api/v1/limits`; `code` says which.
    #[response(status = 422, content_type = "application/problem+json")]
    Unusable(Problem),
    /// `deadline-exceeded`: the analysis took too long.
    #[response(status = 504, content_type = "application/problem+json")]
    TooLong(Problem),
}
