//! What a job is.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use time::OffsetDateTime;
use uuid::Uuid;

use super::super::artifact_name::ArtifactName;
use super::super::reader::KeyId;
use super::super::submission::Submission;
use crate::domain::{AnalysisId, Stage};

/// Name of a job: a UUID version 7, so that the order of names is the order of arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(Uuid);

impl JobId {
    /// Wraps a UUID the caller made.
    pub fn new(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Reads the usual hyphenated form; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }

    /// The folder of its upload, which is named like one of an analysis.
    pub(super) fn folder(self) -> AnalysisId {
        AnalysisId::new(self.0)
    }

    /// The job of such a folder.
    pub(super) fn of_folder(folder: AnalysisId) -> Self {
        Self(folder.uuid())
    }
}

impl std::fmt::Display for JobId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.hyphenated().fmt(f)
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// It waits for a worker.
    Queued,
    /// A worker is at it.
    Running,
    /// There is a record.
    Done,
    /// The file cannot be analysed.
    Failed,
    /// The sender wants it no more.
    Cancelled,
    /// It was tried too often. Whoever runs the service may have it tried again.
    SetAside,
}

/// A word that is no state of a job.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a job is queued, running, done, failed, cancelled or set-aside")]
pub struct JobStateError;

impl JobState {
    const ALL: [Self; 6] = [
        Self::Queued,
        Self::Running,
        Self::Done,
        Self::Failed,
        Self::Cancelled,
        Self::SetAside,
    ];

    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::SetAside => "set-aside",
        }
    }

    /// Whether nothing happens to it any more by itself.
    pub fn is_ended(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }

    /// Whether its upload may still be wanted.
    pub(super) fn needs_upload(self) -> bool {
        matches!(self, Self::Queued | Self::Running | Self::SetAside)
    }
}

impl FromStr for JobState {
    type Err = JobStateError;
    fn from_str(word: &str) -> Result<Self, JobStateError> {
        let state = Self::ALL.into_iter().find(|state| state.as_str() == word);
        state.ok_or(JobStateError)
    }
}

impl std::fmt::Display for JobState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is to be analysed, and how.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobPayload {
    /// The upload among those of jobs, in the folder of the job's own name.
    pub upload: ArtifactName,
    /// SHA-256 of its bytes, lower-case hex.
    pub sha256: String,
    /// Its size.
    pub size_bytes: u64,
    /// The client's name for it, safe to show.
    pub filename: String,
    /// Number of the moving picture stream to look at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<u32>,
    /// Whether the verdict must hold after small changes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub check_stability: bool,
    /// What is kept beside the analysis.
    pub submission: Submission,
}

/// Why a job ended without a record, or waits for another try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobReason {
    /// Stable kebab-case code.
    pub code: String,
    /// A sentence.
    pub message: String,
}

/// A job as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its name.
    pub id: JobId,
    /// The key it was sent with.
    pub owner: Option<KeyId>,
    /// Where it stands.
    pub state: JobState,
    /// Where its analysis stands, or stood last.
    pub stage: Stage,
    /// The same as a fraction of the whole, 0 to 1.
    pub progress: f64,
    /// How often it was claimed.
    pub attempt: u64,
    /// How often of these it was tried: a claim that was given back does not count.
    pub tries: u32,
    /// What is to be analysed.
    pub payload: JobPayload,
    /// Why it has no record, or was tried again.
    pub reason: Option<JobReason>,
    /// Its record.
    pub analysis: Option<AnalysisId>,
    /// Of the request, where it came with an idempotency key.
    pub fingerprint: Option<String>,
    /// Number of its last event.
    pub events: u64,
    /// When it came.
    pub created_at: OffsetDateTime,
    /// When its state or stage changed last.
    pub updated_at: OffsetDateTime,
}

/// A request that is to have one job however often it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// The sender and his key, as one text.
    pub key: String,
    /// Of the request.
    pub fingerprint: String,
}

/// A job to be kept. Its owner is that of the submission.
#[derive(Debug, Clone, PartialEq)]
pub struct NewJob {
    /// Its name.
    pub id: JobId,
    /// What is to be analysed.
    pub payload: JobPayload,
    /// Where the client sent a key.
    pub idempotency: Option<Idempotency>,
}

/// What became of a job that was to be kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Enqueued {
    /// It is kept.
    New,
    /// The same request came before: this is its job.
    Known(Box<Job>),
    /// Another request came before with this key.
    OtherRequest,
    /// As many jobs wait as may.
    QueueFull,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_reads_back_from_its_word() {
        for state in JobState::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert_eq!("resting".parse::<JobState>(), Err(JobStateError));
    }

    #[test]
    fn a_payload_of_nothing_but_the_file_reads_back() {
        let payload = JobPayload {
            upload: ArtifactName::kept_video(None),
            sha256: "ab".repeat(32),
            size_bytes: 7,
            filename: "a.mp4".into(),
            stream: None,
            check_stability: false,
            submission: Submission::default(),
        };
        let text = serde_json::to_string(&payload).unwrap();
        assert_eq!(serde_json::from_str::<JobPayload>(&text).unwrap(), payload);
    }
}
