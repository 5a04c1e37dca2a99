//! What goes to the models and what comes back.

use super::InferenceError;
use crate::domain::{CROP_CANVAS_PX, Familiarity, Logit, ManipulationMap, Rgb8Image};

/// One person's aligned crops.
#[derive(Debug, Clone)]
pub struct Clip {
    /// Squares of [`CROP_CANVAS_PX`] in time order; at least one.
    pub crops: Vec<Rgb8Image>,
    /// From a still image, which some model of the bundle must judge: the frame model, or a sequence
    /// model where the bundle says how its answer counts.
    pub is_still: bool,
}

/// What the frame model says of one frame.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameScore {
    /// Its calibrated logit.
    pub logit: Logit,
    /// Where manipulation shows, or what speaks for it; `None` for an image model brought whole.
    pub map: Option<ManipulationMap>,
}

/// Calibrated logits of a clip.
#[derive(Debug, Clone, PartialEq)]
pub struct ClipScores {
    /// The sequence model on the whole track; `None` for a still image or without such a model.
    pub sequence_track: Option<Logit>,
    /// The sequence model at each frame; empty for a still image or without such a model.
    pub sequence_frames: Vec<Logit>,
    /// The frame model at each frame; `None` where it did not look (`frame_model_frames`), empty
    /// without such a model.
    pub frame_frames: Vec<Option<FrameScore>>,
    /// What speaks for FAKE in each frame to the sequence model; empty where the frame model says it.
    pub sequence_maps: Vec<ManipulationMap>,
    /// All models together on the track; the frame model enters with its mean over the frames it
    /// looked at.
    pub fused_track: Logit,
    /// All models together at each frame; where the frame model did not look, it enters with its
    /// logit at the nearest frame where it did.
    pub fused_frames: Vec<Logit>,
    /// Distance from the training data; `None` unless the sequence model's manifest states one. Of
    /// a still image it is that of a track of one frame.
    pub familiarity: Option<Familiarity>,
    /// Milliseconds spent waiting.
    pub queue_ms: f64,
    /// Milliseconds spent in the networks, together with the clips of the same batch.
    pub inference_ms: f64,
}

impl Clip {
    /// Cost in the queue: its frames.
    pub(super) fn frames(&self) -> usize {
        self.crops.len()
    }

    /// That the networks can take it; `limit` is the most frames.
    pub(super) fn check(&self, limit: usize) -> Result<(), InferenceError> {
        if self.crops.is_empty() {
            return Err(InferenceError::EmptyClip);
        }
        if self.frames() > limit {
            return Err(InferenceError::ClipTooLong {
                frames: self.frames(),
                limit,
            });
        }
        let fits =
            |c: &&Rgb8Image| (c.width_px(), c.height_px()) != (CROP_CANVAS_PX, CROP_CANVAS_PX);
        match self.crops.iter().find(fits) {
            None => Ok(()),
            Some(crop) => Err(InferenceError::CropSize {
                width_px: crop.width_px(),
                height_px: crop.height_px(),
                expected_px: CROP_CANVAS_PX,
            }),
        }
    }
}
