//! What to take from a video.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// What to take from a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleOptions {
    /// Number of frames, at least 1. Default 30.
    pub frames: u32,
    /// Frames that are among them whatever lies at even times; `None`: even times alone.
    pub steps: Option<Steps>,
    /// Number of the moving picture stream to take them from, from 0, in the order of the file;
    /// `None`: the one that FFmpeg ranks best.
    pub stream: Option<u32>,
}

/// Frames at even steps from the first on, by their place in the video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Steps {
    /// From one to the next, frames.
    pub every: NonZeroU32,
    /// Where there are more than these, they are thinned evenly.
    pub most: NonZeroU32,
}

impl SampleOptions {
    /// Frames at even times alone.
    pub fn even(frames: u32) -> Self {
        Self {
            frames,
            steps: None,
            stream: None,
        }
    }

    /// Most frames that a sample can have.
    pub fn most(&self) -> u32 {
        let of_steps = self.steps.map_or(1, |steps| steps.most.get());
        self.frames.max(of_steps)
    }
}

impl Default for SampleOptions {
    fn default() -> Self {
        Self::even(30)
    }
}
