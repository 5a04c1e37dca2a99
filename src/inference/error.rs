//! What can go wrong with models.

use std::path::PathBuf;

use thiserror::Error;

/// Why models did not load, or a clip was not scored.
#[derive(Debug, Error)]
pub enum InferenceError {
    /// The models directory does not hold a valid bundle. Every problem found is named.
    #[error("the models in {} cannot be used:\n- {}", folder.display(), problems.join("\n- "))]
    Bundle {
        /// The models directory.
        folder: PathBuf,
        /// File and problem, one each.
        problems: Vec<String>,
    },
    /// A weights file that cannot be used: its name and what is wrong with it.
    #[error("{0}")]
    File(String),
    /// The device asked for is not there.
    #[error("no device {wanted}: {reason}")]
    Device {
        /// As asked for.
        wanted: String,
        /// What is missing and how to get it.
        reason: String,
    },
    /// A setting out of its range.
    #[error("{setting}: {problem}")]
    Setting {
        /// Name of the field of [`super::InferenceSettings`].
        setting: &'static str,
        /// What is expected.
        problem: String,
    },
    /// The model thread cannot be started.
    #[error("cannot start the model thread: {0}")]
    Thread(#[source] std::io::Error),
    /// The queue is full; try again later.
    #[error("{waiting_frames} frames wait to be scored, {limit_frames} may; try again later")]
    Overloaded {
        /// Frames in the queue.
        waiting_frames: usize,
        /// Most it may hold.
        limit_frames: usize,
    },
    /// No crops in the clip.
    #[error("a clip needs at least one crop")]
    EmptyClip,
    /// More crops than the sequence model or the queue can take.
    #[error("the clip has {frames} frames, at most {limit} can be scored; sample fewer")]
    ClipTooLong {
        /// Crops in the clip.
        frames: usize,
        /// Most that can be scored.
        limit: usize,
    },
    /// A crop that is not the canvas the networks expect.
    #[error("a crop is {width_px}x{height_px}, the networks expect a square of {expected_px}")]
    CropSize {
        /// Its width.
        width_px: u32,
        /// Its height.
        height_px: u32,
        /// Side expected.
        expected_px: u32,
    },
    /// The deadline passed before the scores were there.
    #[error("the deadline passed before the clip was scored")]
    Expired,
    /// The networks failed on this clip.
    #[error("the models failed: {reason}")]
    ModelFailed {
        /// What happened.
        reason: String,
    },
    /// The models were unloaded, or are being loaded or unloaded right now.
    #[error("no model is loaded; POST /api/model/load loads it")]
    NotLoaded,
    /// Analyses still use the models.
    #[error("analyses still use the models; try again later")]
    InUse,
    /// The bundle names a detector that the running service has not started.
    #[error("the bundle names another face detector than the one that runs; restart the service")]
    OtherDetector,
    /// A file that was sent as a model and is none that can be kept.
    #[error("{0}")]
    UnusableModel(String),
    /// A model of this name was sent before.
    #[error("a model called {0} is kept already; choose another name")]
    ModelNameTaken(String),
    /// The folder of models that were sent cannot be read or written.
    #[error("the folder of models that were sent cannot be used: {0}")]
    Library(#[source] std::io::Error),
    /// The worker has been stopped.
    #[error("the model worker has stopped")]
    Closed,
}

impl InferenceError {
    /// Stable kebab-case code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Bundle { .. } => "bad-bundle",
            Self::File(_) => "bad-file",
            Self::Device { .. } => "no-device",
            Self::Setting { .. } => "bad-setting",
            Self::Thread(_) => "no-thread",
            Self::Overloaded { .. } => "overloaded",
            Self::EmptyClip => "empty-clip",
            Self::ClipTooLong { .. } => "clip-too-long",
            Self::CropSize { .. } => "crop-size",
            Self::Expired => "expired",
            Self::ModelFailed { .. } => "model-failed",
            Self::NotLoaded => "model-not-loaded",
            Self::InUse => "model-in-use",
            Self::OtherDetector => "other-detector",
            Self::UnusableModel(_) => "unusable-model",
            Self::ModelNameTaken(_) => "model-name-taken",
            Self::Library(_) => "model-library-failed",
            Self::Closed => "closed",
        }
    }
}
