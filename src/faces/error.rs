//! What can go wrong with faces.

use std::path::PathBuf;

use thiserror::Error;

/// Why faces could not be looked for or cut out.
#[derive(Debug, Error)]
pub enum FacesError {
    /// The detector's folder does not hold a valid manifest.
    #[error("{}: {problem}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong and what is expected.
        problem: String,
    },
    /// The weights file cannot be read.
    #[error("{}: cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The weights file is not the one the manifest describes.
    #[error("{}: SHA-256 is {actual}, the manifest says {expected}; fetch the file again", path.display())]
    Digest {
        /// The file.
        path: PathBuf,
        /// Digest in the manifest.
        expected: String,
        /// Digest of the file.
        actual: String,
    },
    /// The file is no network of the family that the manifest names.
    #[error("{}: not a detector of this family: {problem}", path.display())]
    Network {
        /// The file.
        path: PathBuf,
        /// What is missing or misshapen.
        problem: String,
    },
    /// ONNX Runtime, which runs the detector, is not there or is no version that this program knows.
    #[error(
        "ONNX Runtime (libonnxruntime.so.1) cannot be loaded: {problem}; scripts/setup.sh fetches it, and \
         LD_LIBRARY_PATH names the folder of one from elsewhere"
    )]
    Runtime {
        /// What the loader says.
        problem: String,
    },
    /// ONNX Runtime failed at something.
    #[error("ONNX Runtime could not {action}: {source}")]
    Inference {
        /// What was being done.
        action: &'static str,
        /// Its message.
        source: ort::Error,
    },
    /// Landmarks that fix no position, size and angle: all in one point, mirrored, or not numbers.
    #[error("the five landmarks fix no similarity transform: {0:?}")]
    DegenerateLandmarks([[f32; 2]; 5]),
    /// OpenCV refused an operation.
    #[error("OpenCV could not {action}: {source}")]
    Vision {
        /// What was being done.
        action: &'static str,
        /// OpenCV's message.
        source: opencv::Error,
    },
}

impl FacesError {
    /// Stable kebab-case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Manifest { .. } => "detector-manifest",
            Self::Unreadable { .. } => "detector-unreadable",
            Self::Digest { .. } => "detector-digest",
            Self::Network { .. } => "detector-network",
            Self::Runtime { .. } => "detector-runtime",
            Self::Inference { .. } => "detector-failed",
            Self::DegenerateLandmarks(_) => "degenerate-landmarks",
            Self::Vision { .. } => "vision-failed",
        }
    }

    /// For `map_err`: names what OpenCV was asked to do.
    pub(super) fn while_doing(action: &'static str) -> impl FnOnce(opencv::Error) -> Self {
        move |source| Self::Vision { action, source }
    }

    /// For `map_err`: names what ONNX Runtime was asked to do.
    pub(super) fn while_inferring(action: &'static str) -> impl FnOnce(ort::Error) -> Self {
        move |source| Self::Inference { action, source }
    }
}
