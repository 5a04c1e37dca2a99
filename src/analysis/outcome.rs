//! What an analysis comes to, before any of it is stored.

use std::time::Duration;

use crate::domain::{Analysis, Thresholds};
use crate::inference::ClipScores;

/// A picture to keep beside the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Artifact {
    /// File name, such as `frame-000.jpg` or `crop-000-0.jpg`.
    pub name: String,
    /// JPEG bytes.
    pub bytes: Vec<u8>,
}

/// Where the time of an analysis went.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Timings {
    /// Waiting for a decode worker.
    pub wait: Duration,
    /// Probing, decoding and encoding pictures.
    pub decode: Duration,
    /// Detecting, tracking and cropping faces.
    pub faces: Duration,
    /// Waiting for the model thread (the longest of the tracks).
    pub queue: Duration,
    /// Running the networks (the longest of the tracks).
    pub inference: Duration,
}

/// A finished analysis, not yet stored.
#[derive(Debug)]
pub struct Outcome {
    /// The record.
    pub analysis: Analysis,
    /// Its pictures.
    pub artifacts: Vec<Artifact>,
    /// Where the time went.
    pub timings: Timings,
    /// What the verdict was decided by.
    pub(super) thresholds: Thresholds,
}

impl Timings {
    /// With the longest of the tracks' times.
    pub(super) fn with_scores(mut self, scores: &[Option<ClipScores>]) -> Self {
        for clip in scores.iter().flatten() {
            self.queue = self.queue.max(milliseconds(clip.queue_ms));
            self.inference = self.inference.max(milliseconds(clip.inference_ms));
        }
        self
    }
}

fn milliseconds(value: f64) -> Duration {
    Duration::try_from_secs_f64(value / 1000.0).unwrap_or_default()
}
