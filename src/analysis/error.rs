//! Why an analysis gave no verdict.

use std::time::Duration;

use thiserror::Error;

use crate::domain::{FrameError, ScoreError};
use crate::faces::FacesError;
use crate::inference::InferenceError;
use crate::isolation::IsolationError;
use crate::media::MediaError;

/// Why an analysis gave no verdict.
#[derive(Debug, Error)]
pub enum AnalysisError {
    /// Every place is taken.
    #[error("all places are taken; try again shortly")]
    Busy,
    /// The service is ending.
    #[error("the service is shutting down")]
    Closed,
    /// The deadline passed.
    #[error("the analysis took longer than {} s", deadline.as_secs())]
    Deadline {
        /// The deadline.
        deadline: Duration,
    },
    /// The system gave no thread.
    #[error("no decode thread could be started")]
    Threads(#[source] std::io::Error),
    /// A decode thread failed in a way it must not; only this analysis is lost.
    #[error("decoding failed unexpectedly; the failure was logged")]
    DecodePanicked,
    /// The decode worker died over the file.
    #[error(
        "the decoder crashed on this file ({how}), and nothing else was harmed; the file is damaged or \
         hostile: convert it to a fresh H.264 MP4 and send that"
    )]
    DecoderCrashed {
        /// How the process ended.
        how: String,
    },
    /// The decode worker answered what it must not.
    #[error(
        "the decoder was led astray by this file, and its answer was not believed; the file is damaged \
         or hostile: convert it to a fresh H.264 MP4 and send that"
    )]
    DecoderMisbehaved(String),
    /// Something failed in the decode worker that must not.
    #[error("the decoder failed: {0}")]
    DecoderFailed(String),
    /// The decode worker did not start.
    #[error("the decode worker did not start: {0}")]
    DecoderStart(String),
    /// There is no decode worker.
    #[error("no decode worker is there")]
    Worker(#[from] IsolationError),
    /// The system cannot shut a worker in.
    #[error(
        "decoding cannot be isolated on this system (missing: {missing}); a hostile video could harm it. \
         Run the service where seccomp is allowed, or set allow_unsandboxed = true to go on without"
    )]
    Unsandboxed {
        /// The guards that are not in force.
        missing: String,
    },
    /// The file.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// Detection or cropping.
    #[error(transparent)]
    Faces(#[from] FacesError),
    /// The networks.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// A network gave something that is not a score.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// A picture of impossible size.
    #[error(transparent)]
    Frame(#[from] FrameError),
}

impl AnalysisError {
    /// Whether there was no process to look at the file, whatever the file.
    pub(in crate::analysis) fn is_no_decoder(&self) -> bool {
        matches!(
            self,
            Self::DecoderStart(_) | Self::Worker(_) | Self::Unsandboxed { .. }
        )
    }

    /// Stable kebab-case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Closed => "shutting-down",
            Self::Deadline { .. } => "deadline-exceeded",
            Self::Threads(_) => "no-threads",
            Self::DecodePanicked | Self::DecoderFailed(_) => "decode-failed",
            Self::DecoderCrashed { .. } => "decoder-crashed",
            Self::DecoderMisbehaved(_) => "decoder-misbehaved",
            Self::DecoderStart(_) | Self::Worker(_) => "no-decoder",
            Self::Unsandboxed { .. } => "unsandboxed",
            Self::Media(error) => error.code(),
            Self::Faces(error) => error.code(),
            Self::Inference(error) => error.code(),
            Self::Score(_) => "not-a-score",
            Self::Frame(_) => "not-an-image",
        }
    }
}
