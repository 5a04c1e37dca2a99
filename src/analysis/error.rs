//! Why an analysis gave no verdict.

use std::time::Duration;

use thiserror::Error;

use crate::domain::{FrameError, ScoreError};
use crate::faces::FacesError;
use crate::inference::InferenceError;
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
    /// Stable kebab-case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy => "busy",
            Self::Closed => "shutting-down",
            Self::Deadline { .. } => "deadline-exceeded",
            Self::Threads(_) => "no-threads",
            Self::DecodePanicked => "decode-failed",
            Self::Media(error) => error.code(),
            Self::Faces(error) => error.code(),
            Self::Inference(error) => error.code(),
            Self::Score(_) => "not-a-score",
            Self::Frame(_) => "not-an-image",
        }
    }
}
