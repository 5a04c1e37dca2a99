//! Why a try at a job gave no record, and whether another may.

use thiserror::Error;

use crate::analysis::AnalysisError;
use crate::media::MediaError;
use crate::store::{ArtifactNameError, JobReason, StoreError};

/// Why a try at a job gave no record.
#[derive(Debug, Error)]
pub enum JobError {
    /// The analysis.
    #[error(transparent)]
    Analysis(#[from] AnalysisError),
    /// Records, artifacts or the upload.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no upload: it was removed, or lies on another machine's disk.
    #[error(
        "the upload is not there; machines that share a queue need artifacts_url on S3, or the same \
         folder"
    )]
    UploadMissing,
    /// The upload's bytes are others than those that were sent.
    #[error("the upload is not the file that was sent")]
    UploadChanged,
    /// The upload could not be read back.
    #[error("the upload could not be read: {0}")]
    UploadUnreadable(#[source] std::io::Error),
    /// The analysis named a picture in a way the store does not take.
    #[error("the analysis named a picture badly")]
    PictureName(#[from] ArtifactNameError),
}

impl JobError {
    /// Stable kebab-case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Analysis(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::UploadMissing => "upload-missing",
            Self::UploadChanged => "upload-changed",
            Self::UploadUnreadable(_) => "upload-unreadable",
            Self::PictureName(_) => "internal-error",
        }
    }

    /// Why, as the job keeps it.
    pub fn reason(&self) -> JobReason {
        JobReason {
            code: self.code().into(),
            message: self.to_string(),
        }
    }

    /// Whether the file is at fault, so that another try would end alike: what `POST /predict` answers
    /// with a status from 400 on but 429.
    pub(super) fn is_final(&self) -> bool {
        match self {
            Self::Analysis(error) => is_the_files_fault(error),
            Self::Store(_)
            | Self::UploadMissing
            | Self::UploadChanged
            | Self::UploadUnreadable(_)
            | Self::PictureName(_) => false,
        }
    }
}

fn is_the_files_fault(error: &AnalysisError) -> bool {
    match error {
        AnalysisError::Media(error) => is_unusable(error),
        AnalysisError::DecoderCrashed { .. } | AnalysisError::DecoderMisbehaved(_) => true,
        AnalysisError::Busy
        | AnalysisError::Closed
        | AnalysisError::Deadline { .. }
        | AnalysisError::Threads(_)
        | AnalysisError::DecodePanicked
        | AnalysisError::DecoderFailed(_)
        | AnalysisError::DecoderStart(_)
        | AnalysisError::Worker(_)
        | AnalysisError::Unsandboxed { .. }
        | AnalysisError::Faces(_)
        | AnalysisError::Inference(_)
        | AnalysisError::Score(_)
        | AnalysisError::Frame(_) => false,
    }
}

fn is_unusable(error: &MediaError) -> bool {
    match error {
        MediaError::EmptyFile
        | MediaError::UnsupportedMedia
        | MediaError::ForeignFormat { .. }
        | MediaError::UnsupportedCodec { .. }
        | MediaError::NoVideoStream
        | MediaError::Encrypted
        | MediaError::Damaged { .. }
        | MediaError::CutOff { .. }
        | MediaError::NoFrames
        | MediaError::TooLong { .. }
        | MediaError::TooManyPixels { .. }
        | MediaError::TooManyFrames { .. }
        | MediaError::TooMuchToDecode { .. }
        | MediaError::NoSuchStream { .. }
        | MediaError::TooManyStreams { .. } => true,
        MediaError::DeadlineExceeded { .. }
        | MediaError::Read(_)
        | MediaError::Encode(_)
        | MediaError::Library { .. } => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::inference::InferenceError;

    #[test]
    fn what_the_file_is_guilty_of_is_tried_once_and_all_else_again() {
        let of_analysis = |error: AnalysisError| JobError::from(error);
        for error in [
            of_analysis(MediaError::NoFrames.into()),
            of_analysis(MediaError::UnsupportedMedia.into()),
            of_analysis(AnalysisError::DecoderCrashed { how: "?".into() }),
        ] {
            assert!(error.is_final(), "{error}");
        }
        let deadline = Duration::from_secs(1);
        for error in [
            of_analysis(AnalysisError::Deadline { deadline }),
            of_analysis(AnalysisError::Closed),
            of_analysis(InferenceError::Closed.into()),
            StoreError::DatabaseAway.into(),
            JobError::UploadMissing,
        ] {
            assert!(!error.is_final(), "{error}");
        }
    }

    #[test]
    fn the_reason_has_the_code_that_a_request_would_be_answered_with() {
        let error = JobError::from(AnalysisError::from(MediaError::NoVideoStream));
        assert_eq!(error.reason().code, "no-video-stream");
        assert_eq!(
            error.reason().message,
            MediaError::NoVideoStream.to_string()
        );
    }
}
