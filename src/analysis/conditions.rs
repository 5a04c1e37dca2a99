//! What the record keeps of the settings in force.

use super::AnalysisSettings;
use crate::domain::Conditions;
use crate::inference::Facts;
use crate::media::SampleOptions;

/// The settings, the sample that was asked for, and the models in use, as far as they can change
/// what comes out.
pub(super) fn of(
    settings: &AnalysisSettings,
    sample: &SampleOptions,
    check_stability: bool,
    models: &Facts,
) -> Conditions {
    Conditions {
        software_version: env!("CARGO_PKG_VERSION").into(),
        bundle: models.bundle.clone(),
        device: models.device.clone(),
        precision: models.precision.to_string(),
        frame_model_precision: models.frame_precision.to_string(),
        sample_frames: sample.frames,
        check_stability: check_stability || settings.check_stability,
        further_frames: sample.steps.is_some(),
        stream: sample.stream,
        frame_model_frames: models.frame_model_frames,
        min_face_px: settings.min_face_px,
        min_sharpness: settings.min_sharpness,
        min_scored_frames: settings.min_scored_frames,
        max_faces_per_frame: settings.max_faces_per_frame,
        max_tracks: settings.max_tracks,
        fake_at_or_above: models.thresholds.fake_at_or_above(),
        real_at_or_below: models.thresholds.real_at_or_below(),
    }
}
