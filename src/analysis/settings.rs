//! What an analysis may cost and what a face needs to be scored.

use std::time::Duration;

use crate::media::{MediaLimits, SampleOptions};

/// Limits and minima of an analysis.
#[derive(Debug, Clone)]
pub struct AnalysisSettings {
    /// Frames taken from a video.
    pub sample: SampleOptions,
    /// Limits on the file itself.
    pub media: MediaLimits,
    /// Longest time from admission to verdict.
    pub deadline: Duration,
    /// Threads that decode and detect, at least 1.
    pub decode_threads: usize,
    /// Analyses that may wait for a decode thread before callers are turned away.
    pub waiting_places: usize,
    /// Shorter side of the smallest face that is scored, in pixels.
    pub min_face_px: u32,
    /// Least variance of the Laplacian of an aligned crop that is scored.
    pub min_sharpness: f32,
    /// Usable frames of a person that a verdict on a video needs.
    pub min_scored_frames: u32,
    /// Largest number of faces looked at in one frame; the largest faces are kept.
    pub max_faces_per_frame: usize,
    /// Largest number of people scored in one video; those seen longest are kept.
    pub max_tracks: usize,
    /// Quality of the stored pictures, 1 to 100.
    pub jpeg_quality: u8,
}

impl AnalysisSettings {
    /// Analyses in progress or waiting at most.
    pub fn places(&self) -> usize {
        self.decode_threads + self.waiting_places
    }
}
