//! The JSON of a job.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::Stage;
use crate::http::answer::{rfc3339, rounded};
use crate::http::public_path::PublicPath;
use crate::store::{Job, JobState};

/// What somebody who waits for a job that was set aside is told; the reason itself is for whoever runs
/// the service.
const SET_ASIDE: &str = "The analysis failed again and again through no fault of the file. Whoever runs \
                         the service can have it tried again.";

/// What is said while another try is to come, or was.
const TRIED_AGAIN: &str =
    "A try failed through no fault of the file, and another followed or will.";

/// An analysis that is answered later.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct JobAnswer {
    /// Name of the job, a UUID version 7.
    #[schema(example = "0197a1b2-5b4e-7c3a-9f00-1d2e3f405162")]
    id: String,
    /// `queued`, `running`, `done`, `failed` (the file cannot be analysed), `cancelled`, or `set-aside`
    /// (tried too often).
    #[schema(example = "running")]
    state: &'static str,
    /// `received`, `waiting`, `decoding`, `faces`, `scoring` or `storing`.
    #[schema(example = "faces")]
    stage: &'static str,
    /// How much of it is done, 0 to 1; an estimate.
    #[schema(minimum = 0, maximum = 1)]
    progress: f64,
    /// Its place in the queue, 1 is next; `null` when it does not wait.
    #[schema(minimum = 1)]
    position: Option<u64>,
    /// How often it was begun.
    attempt: u64,
    /// Name of the file as the client gave it, made safe to show.
    filename: String,
    /// SHA-256 of the file's bytes, lower-case hex.
    sha256: String,
    /// Size of the file in bytes.
    size_bytes: u64,
    /// When it came, RFC 3339, UTC.
    #[schema(example = "2026-11-21T09:30:00.123456Z")]
    created_at: String,
    /// When its state or stage changed last, RFC 3339, UTC.
    updated_at: String,
    /// Why it failed, was set aside or waits for another try; else `null`.
    reason: Option<JobReasonAnswer>,
    /// Name of the stored analysis once it is done; else `null`.
    analysis_id: Option<String>,
    /// Where the answer is once it is done; else `null`.
    #[schema(example = "/api/v1/predictions/0197a1b2-5b4e-7c3a-9f00-1d2e3f405162")]
    result_url: Option<String>,
    /// Where its events are.
    #[schema(example = "/api/v1/analyses/0197a1b2-5b4e-7c3a-9f00-1d2e3f405162/events")]
    events_url: String,
}

/// Why a job has no result.
#[derive(Debug, Serialize, ToSchema)]
struct JobReasonAnswer {
    /// Stable kebab-case code; of a job that failed, the one that `POST /predict` would have answered.
    #[schema(example = "no-video-stream")]
    code: String,
    /// One sentence.
    message: String,
}

impl JobAnswer {
    /// A job, and its place in the queue (0: it does not wait), for a client under `at`.
    pub(in crate::http) fn new(job: &Job, position: u64, at: &PublicPath) -> Self {
        let payload = &job.payload;
        let analysis_id = job.analysis.map(|id| id.to_string());
        let result = |id: &String| at.link(&format!("/api/v1/predictions/{id}"));
        Self {
            id: job.id.to_string(),
            state: job.state.as_str(),
            stage: Stage::as_str(job.stage),
            progress: rounded(job.progress, 3),
            position: (position > 0).then_some(position),
            attempt: job.attempt,
            filename: payload.filename.clone(),
            sha256: payload.sha256.clone(),
            size_bytes: payload.size_bytes,
            created_at: rfc3339(job.created_at),
            updated_at: rfc3339(job.updated_at),
            reason: job.reason.as_ref().map(|reason| JobReasonAnswer {
                code: reason.code.clone(),
                message: match job.state {
                    JobState::Failed => reason.message.clone(),
                    JobState::SetAside => SET_ASIDE.into(),
                    JobState::Queued | JobState::Running | JobState::Done | JobState::Cancelled => {
                        TRIED_AGAIN.into()
                    }
                },
            }),
            result_url: analysis_id.as_ref().map(result),
            analysis_id,
            events_url: at.link(&format!("/api/v1/analyses/{}/events", job.id)),
        }
    }

    /// The answer to whoever sent the file.
    pub(super) fn accepted(self, at: &PublicPath) -> HttpResponse {
        let place = at.link(&format!("/api/v1/analyses/{}", self.id));
        HttpResponse::Accepted()
            .insert_header((LOCATION, place))
            .json(self)
    }
}
