//! What an analysis may cost and what a face needs to be scored.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::domain::CROP_CANVAS_PX;
use crate::media::{MediaLimits, SampleOptions};

/// Bytes of an uncompressed pixel; no JPEG of this program is larger.
const RGB_BYTES: u64 = 3;

/// Limits and minima of an analysis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AnalysisSettings {
    /// Frames taken from a video.
    pub sample: SampleOptions,
    /// Limits on the file itself.
    pub media: MediaLimits,
    /// Longest time from admission to verdict.
    pub deadline: Duration,
    /// Worker processes that decode and detect, each with a thread that attends it; at least 1.
    pub decode_threads: usize,
    /// Analyses that may wait for a decode worker before callers are turned away.
    pub waiting_places: usize,
    /// How a worker is held.
    pub worker: WorkerSettings,
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
    /// Whether every verdict must hold after small changes of the faces.
    pub check_stability: bool,
    /// Certificates in PEM of those whose content credentials are trusted; `None`: nobody looks who signed.
    pub trust_list: Option<String>,
}

/// Most frames that a client may ask for by number.
pub const MAX_ASKED_FRAMES: u32 = 100;

/// How a decode worker is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerSettings {
    /// Memory it may map beyond its libraries, bytes.
    pub memory_bytes: u64,
    /// Files it is given before it is replaced, at least 1.
    pub requests: u32,
    /// Whether to go on where the system cannot shut it in.
    pub allow_unsandboxed: bool,
}

impl AnalysisSettings {
    /// Analyses in progress or waiting at most.
    pub fn places(&self) -> usize {
        self.decode_threads + self.waiting_places
    }

    /// Size of the shared memory for one file's pictures: every frame, and for every face its crop
    /// twice, as JPEG and as pixels. Only what is written takes memory.
    pub(in crate::analysis) fn region_bytes(&self) -> u64 {
        let frames = self.media.max_sample_pixels.max(self.media.max_pixels) * RGB_BYTES;
        let crop = u64::from(CROP_CANVAS_PX * CROP_CANVAS_PX) * RGB_BYTES;
        let most = self.sample.most().max(MAX_ASKED_FRAMES);
        let faces = u64::from(most) * self.max_tracks as u64;
        frames + faces * crop * 2
    }

    /// Processor time of a worker's whole life, seconds: far above what its deadlines leave it, a
    /// stop for one that outlived its parent's attention.
    pub(in crate::analysis) fn worker_cpu_s(&self) -> u64 {
        // Beside the decoder's own, one renders and one feeds the decoder.
        let threads = u64::from(self.media.decoder_threads) + 2;
        60 + self.deadline.as_secs() * threads * u64::from(self.worker.requests)
    }
}

/// Settings for tests and fuzz targets.
#[cfg(any(test, fuzzing))]
pub(in crate::analysis) fn small_settings() -> AnalysisSettings {
    AnalysisSettings {
        sample: SampleOptions::default(),
        media: MediaLimits::default(),
        deadline: Duration::from_secs(60),
        decode_threads: 1,
        waiting_places: 0,
        worker: WorkerSettings {
            memory_bytes: 1 << 31,
            requests: 16,
            allow_unsandboxed: false,
        },
        min_face_px: 40,
        min_sharpness: 10.0,
        min_scored_frames: 3,
        max_faces_per_frame: 16,
        max_tracks: 2,
        jpeg_quality: 90,
        check_stability: false,
        trust_list: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_reach_a_worker_as_they_are() {
        let text = serde_json::to_string(&small_settings()).unwrap();
        assert_eq!(
            serde_json::from_str::<AnalysisSettings>(&text).unwrap(),
            small_settings()
        );
    }
}
