//! Errors in the shape that each earlier service gave them, with the status unchanged.
//!
//! A handler returns an [`super::HttpError`] wherever it stands. Which body it becomes follows from
//! the path, because errors of the framework and of the middleware have to look alike too; where a
//! path serves several services (`POST /predict`), the handler leaves a shape with its request as
//! soon as it knows for whom it answers.

use actix_web::http::StatusCode;
use actix_web::{HttpMessage, HttpRequest};
use serde::Serialize;
use time::OffsetDateTime;
use utoipa::ToSchema;

use super::answer::rfc3339;
use super::problem::{Draft, PROBLEM_JSON, Problem};

/// How an error is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorShape {
    /// `application/problem+json`.
    Problem,
    /// [`DetailError`].
    Detail,
    /// [`SuccessError`].
    Success,
    /// [`CodedError`].
    Coded,
}

/// Paths, or with a slash at the end beginnings of paths, of the services whose errors are not
/// problems.
const PATHS: &[(&str, ErrorShape)] = &[
    ("/api/inference/", ErrorShape::Success),
    ("/api/model/", ErrorShape::Success),
    ("/api/db/", ErrorShape::Success),
    ("/video/", ErrorShape::Success),
    ("/batch_predict", ErrorShape::Success),
    ("/api/v1/predict", ErrorShape::Success),
    ("/api/v1/predict/batch", ErrorShape::Success),
    ("/api/v1/statistics", ErrorShape::Success),
    ("/api/v1/status", ErrorShape::Success),
    ("/api/v1/detect", ErrorShape::Coded),
    ("/api/v1/detect/", ErrorShape::Coded),
    ("/api/v1/model/", ErrorShape::Coded),
];

/// An error of dfdetect-service (FastAPI).
#[derive(Serialize, ToSchema)]
pub(super) struct DetailError {
    /// What happened, and where possible what to do.
    #[schema(example = "No face was found in any sampled frame.")]
    detail: String,
    /// Stable kebab-case code to branch on.
    #[schema(example = "no-face")]
    code: String,
    /// The request's number, also in the header `x-request-id` and in the service's log.
    request_id: String,
}

/// An error of the D3 services (Flask).
#[derive(Serialize, ToSchema)]
pub(super) struct SuccessError {
    /// Always `false`.
    #[schema(example = false)]
    success: bool,
    /// What happened, and where possible what to do.
    #[schema(example = "No face was found in any sampled frame.")]
    error: String,
    /// Stable kebab-case code to branch on.
    #[schema(example = "no-face")]
    code: String,
    /// The request's number, also in the header `x-request-id` and in the service's log.
    request_id: String,
}

/// An error of the detection backend (Flask-RESTX).
#[derive(Serialize, ToSchema)]
pub(super) struct CodedError {
    /// What happened, and where possible what to do.
    #[schema(example = "No face was found in any sampled frame.")]
    error: String,
    /// Stable code to branch on, in capitals.
    #[schema(example = "NO_FACE")]
    error_code: String,
    /// When, RFC 3339, UTC.
    timestamp: String,
    /// The request's number, also in the header `x-request-id` and in the service's log.
    request_id: String,
}

impl ErrorShape {
    /// The shape for errors of a request.
    pub(super) fn of(request: &HttpRequest) -> Self {
        let chosen = request.extensions().get::<Self>().copied();
        chosen.unwrap_or_else(|| Self::of_path(request.path()))
    }

    /// Media type and schema of such an error, as the OpenAPI document names them.
    pub(super) fn described(self) -> (&'static str, &'static str) {
        match self {
            Self::Problem => (PROBLEM_JSON, "Problem"),
            Self::Detail => ("application/json", "DetailError"),
            Self::Success => ("application/json", "SuccessError"),
            Self::Coded => ("application/json", "CodedError"),
        }
    }

    /// Makes this the shape for errors of a request.
    pub(super) fn choose(self, request: &HttpRequest) {
        request.extensions_mut().insert(self);
    }

    /// The shape for errors of requests to a path.
    pub(super) fn of_path(path: &str) -> Self {
        let path = path.strip_suffix('/').unwrap_or(path);
        let place = PATHS
            .iter()
            .find(|(known, _)| *known == path || (known.ends_with('/') && path.starts_with(known)));
        place.map_or(Self::Problem, |(_, shape)| *shape)
    }

    /// The media type and the body.
    pub(super) fn write(
        self,
        status: StatusCode,
        draft: &Draft,
        request_id: &str,
    ) -> (&'static str, String) {
        const JSON: &str = "application/json";
        let (detail, code) = (draft.detail.clone(), draft.code.to_owned());
        let request_id = request_id.to_owned();
        match self {
            Self::Problem => (
                PROBLEM_JSON,
                Problem::new(status, draft, &request_id).to_json(),
            ),
            Self::Detail => {
                let error = DetailError {
                    detail,
                    code,
                    request_id,
                };
                (JSON, to_json(&error))
            }
            Self::Success => {
                let error = SuccessError {
                    success: false,
                    error: detail,
                    code,
                    request_id,
                };
                (JSON, to_json(&error))
            }
            Self::Coded => {
                let error = CodedError {
                    error: detail,
                    error_code: code.to_ascii_uppercase().replace('-', "_"),
                    timestamp: rfc3339(OffsetDateTime::now_utc()),
                    request_id,
                };
                (JSON, to_json(&error))
            }
        }
    }
}

fn to_json(error: &impl Serialize) -> String {
    serde_json::to_string(error).expect("an error holds only text and a truth value")
}

/// The answers that routes of one service may give instead, for the OpenAPI document: those of an
/// upload, and those of an analysis beside.
macro_rules! described_errors {
    ($upload:ident, $analysis:ident, $body:ident) => {
        /// What every route of this service that takes files may answer instead.
        #[derive(utoipa::IntoResponses)]
        #[expect(dead_code, reason = "describes answers; they are made by HttpError")]
        pub(super) enum $upload {
            /// `malformed-multipart`, `missing-file`, `missing-field`, `repeated-field`,
            /// `too-many-files`, `too-many-parts`, `empty-file`, `field-too-long`, `field-not-text`,
            /// `upload-interrupted`, `invalid-query` or `invalid-field`.
            #[response(status = 400)]
            Malformed($body),
            /// `upload-too-slow`: the sender was silent for too long, or the whole took too long.
            #[response(status = 408)]
            TooSlow($body),
            /// `body-too-large` or `file-too-large`.
            #[response(status = 413)]
            TooLarge($body),
            /// `not-multipart`, `encoded-body`, `encoded-part`, or `unsupported-media`: the file is no supported medium.
            #[response(status = 415)]
            Unsupported($body),
            /// `busy` or `too-many-uploads`: every place is taken. `Retry-After` says when to try
            /// again.
            #[response(status = 429)]
            Busy($body),
            /// A part of the service failed; its log has the request's number.
            #[response(status = 500)]
            Failed($body),
            /// `shutting-down`, `not-ready`, `model-not-loaded` after `POST /api/model/unload`, or a
            /// part of the service does not answer. `Retry-After` says when to try again.
            #[response(status = 503)]
            Unavailable($body),
            /// `storage-full`.
            #[response(status = 507)]
            Full($body),
        }

        /// What an analysis may answer beside.
        #[derive(utoipa::IntoResponses)]
        #[expect(dead_code, reason = "describes answers; they are made by HttpError")]
        pub(super) enum $analysis {
            /// The file is a medium but nothing in it can be scored (`no-face`, `face-too-small`,
            /// `face-too-blurred`), or it cannot be used: damaged, or over a limit of
            /// `GET /api/v1/limits`.
            #[response(status = 422)]
            Unusable($body),
            /// `deadline-exceeded`: the analysis took too long.
            #[response(status = 504)]
            TooLong($body),
        }
    };
}

described_errors!(SuccessUploadErrors, SuccessAnalysisErrors, SuccessError);
described_errors!(CodedUploadErrors, CodedAnalysisErrors, CodedError);

#[cfg(test)]
mod tests {
    use super::*;

    fn written(shape: ErrorShape) -> serde_json::Value {
        let draft = Draft {
            code: "no-face",
            detail: "No face.".into(),
        };
        let (_, body) = shape.write(StatusCode::UNPROCESSABLE_ENTITY, &draft, "7");
        serde_json::from_str(&body).unwrap()
    }

    #[test]
    fn each_path_has_the_shape_of_its_service() {
        for (path, shape) in [
            ("/predict", ErrorShape::Problem),
            ("/api/v1/predict", ErrorShape::Success),
            ("/api/v1/predict/", ErrorShape::Success),
            ("/api/v1/predict/batch", ErrorShape::Success),
            ("/api/v1/predictions/recent", ErrorShape::Problem),
            ("/api/inference/result/7", ErrorShape::Success),
            ("/api/v1/detect", ErrorShape::Coded),
            ("/api/v1/detect/augmented", ErrorShape::Coded),
            ("/api/v1/detections", ErrorShape::Problem),
        ] {
            assert_eq!(ErrorShape::of_path(path), shape, "{path}");
        }
    }

    #[test]
    fn each_shape_says_what_happened_where_its_clients_look() {
        assert_eq!(written(ErrorShape::Problem)["detail"], "No face.");
        assert_eq!(written(ErrorShape::Detail)["detail"], "No face.");
        let success = written(ErrorShape::Success);
        assert_eq!(success["success"], false);
        assert_eq!(success["error"], "No face.");
        let coded = written(ErrorShape::Coded);
        assert_eq!(coded["error"], "No face.");
        assert_eq!(coded["error_code"], "NO_FACE");
        assert!(coded["timestamp"].is_string());
    }
}
