//! Settings of the model worker.

use std::path::PathBuf;
use std::thread::available_parallelism;

use super::{DeviceChoice, FramePrecision, InferenceError, PrecisionChoice};

/// How models are loaded and run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InferenceSettings {
    /// Folder with `bundle.toml` and a folder per model.
    pub models_dir: PathBuf,
    /// Where the networks run.
    pub device: DeviceChoice,
    /// Precision of the networks' trunks.
    pub precision: PrecisionChoice,
    /// Precision of the frame model's trunk.
    pub frame_model_precision: FramePrecision,
    /// Frames of a clip that the frame model looks at, evenly spread; 0: all.
    pub frame_model_frames: usize,
    /// Where foundations lie that `foundations` in `models_dir` does not have; empty:
    /// `framewitness/foundations` in the user's cache.
    pub foundations_dir: PathBuf,
    /// Pictures in one forward pass at most; on a GPU also frames per batch. More need more
    /// memory, fewer leave a GPU idle.
    pub max_batch_frames: usize,
    /// Frames that may wait; when there are more, clips are refused as overloaded.
    pub queue_frames: usize,
    /// CPU threads of one forward pass.
    pub threads: usize,
}

impl Default for InferenceSettings {
    fn default() -> Self {
        Self {
            models_dir: "models".into(),
            device: DeviceChoice::Auto,
            precision: PrecisionChoice::Auto,
            frame_model_precision: FramePrecision::Auto,
            frame_model_frames: 8,
            foundations_dir: PathBuf::new(),
            max_batch_frames: 64,
            queue_frames: 512,
            threads: available_parallelism().map_or(1, |n| n.get()),
        }
    }
}

impl InferenceSettings {
    pub(super) fn check(&self) -> Result<(), InferenceError> {
        let wrong = |setting, problem: &str| {
            let problem = problem.to_owned();
            Err(InferenceError::Setting { setting, problem })
        };
        if !(1..=4096).contains(&self.max_batch_frames) {
            return wrong("max_batch_frames", "must lie between 1 and 4096");
        }
        if self.queue_frames < self.max_batch_frames {
            return wrong(
                "queue_frames",
                "must be at least max_batch_frames, or no batch ever fills",
            );
        }
        if !(1..=1024).contains(&self.threads) {
            return wrong("threads", "must lie between 1 and 1024");
        }
        Ok(())
    }
}
