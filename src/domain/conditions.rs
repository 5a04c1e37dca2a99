//! Under which settings an analysis was made, as far as they can change what comes out.

use serde::{Deserialize, Serialize};

use super::Probability;

/// What an analysis rested on beside the file and the models: kept with its record, so that a report
/// years later says what held then and not what holds now, and an analysis can be made again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conditions {
    /// Version of this program.
    pub software_version: String,
    /// Name and version of the bundle.
    pub bundle: String,
    /// Where the networks ran: `cpu` or `cuda:N`.
    pub device: String,
    /// What the sequence model computed in: `fp32`, `bf16` or `fp16`.
    pub precision: String,
    /// What the frame model computed in.
    pub frame_model_precision: String,
    /// Frames asked for, evenly spread over a video.
    pub sample_frames: u32,
    /// Whether the verdict had to hold after small changes of the faces.
    pub check_stability: bool,
    /// Whether a client had further frames of a video looked at.
    pub further_frames: bool,
    /// The moving picture that was asked for, from 0; `None`: the first that shows a face.
    pub stream: Option<u32>,
    /// Frames of a person that the frame model looked at, at most; 0: all.
    pub frame_model_frames: usize,
    /// Shorter side of the smallest face that was scored, in pixels.
    pub min_face_px: u32,
    /// Least sharpness of a face that was scored (variance of the Laplacian of its crop).
    pub min_sharpness: f32,
    /// Usable frames of a person that a verdict on a video needed.
    pub min_scored_frames: u32,
    /// Faces looked at in one frame, at most.
    pub max_faces_per_frame: usize,
    /// People scored, at most.
    pub max_tracks: usize,
    /// FAKE from this probability on.
    pub fake_at_or_above: Probability,
    /// REAL up to this probability.
    pub real_at_or_below: Probability,
}

impl Conditions {
    /// Names of the settings that differ and can change a verdict, each with `self`'s value and the
    /// other's. The program's version, the device and what it computes in move a score by rounding
    /// alone and are not among them: a tolerance covers them.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let pairs = [
            ("bundle", self.bundle.clone(), other.bundle.clone()),
            pair("sample_frames", self.sample_frames, other.sample_frames),
            pair(
                "check_stability",
                self.check_stability,
                other.check_stability,
            ),
            pair("further frames", self.further_frames, other.further_frames),
            pair(
                "frame_model_frames",
                self.frame_model_frames,
                other.frame_model_frames,
            ),
            pair("min_face_px", self.min_face_px, other.min_face_px),
            pair("min_sharpness", self.min_sharpness, other.min_sharpness),
            pair(
                "min_scored_frames",
                self.min_scored_frames,
                other.min_scored_frames,
            ),
            pair(
                "max_faces_per_frame",
                self.max_faces_per_frame,
                other.max_faces_per_frame,
            ),
            pair("max_tracks", self.max_tracks, other.max_tracks),
            pair(
                "fake_at_or_above",
                self.fake_at_or_above.get(),
                other.fake_at_or_above.get(),
            ),
            pair(
                "real_at_or_below",
                self.real_at_or_below.get(),
                other.real_at_or_below.get(),
            ),
        ];
        (pairs.into_iter())
            .filter(|(_, own, others)| own != others)
            .map(|(name, own, others)| format!("{name}: {own} there, {others} here"))
            .collect()
    }
}

fn pair<T: ToString>(name: &'static str, own: T, others: T) -> (&'static str, String, String) {
    (name, own.to_string(), others.to_string())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The conditions of a test.
    pub(crate) fn conditions() -> Conditions {
        Conditions {
            software_version: "0.1.0".into(),
            bundle: "framewitness-default 1".into(),
            device: "cpu".into(),
            precision: "fp32".into(),
            frame_model_precision: "fp32".into(),
            sample_frames: 30,
            check_stability: false,
            further_frames: false,
            stream: None,
            frame_model_frames: 8,
            min_face_px: 48,
            min_sharpness: 7.0,
            min_scored_frames: 5,
            max_faces_per_frame: 16,
            max_tracks: 8,
            fake_at_or_above: Probability::new(0.63).unwrap(),
            real_at_or_below: Probability::new(0.342).unwrap(),
        }
    }

    #[test]
    fn what_can_change_a_verdict_differs_and_what_rounds_does_not() {
        let there = conditions();
        let mut here = conditions();
        here.device = "cuda:0".into();
        here.software_version = "0.2.0".into();
        here.frame_model_precision = "bf16".into();
        assert_eq!(there.differences(&here), Vec::<String>::new());
        here.sample_frames = 8;
        here.min_sharpness = 7.5;
        assert_eq!(
            there.differences(&here),
            [
                "sample_frames: 30 there, 8 here",
                "min_sharpness: 7 there, 7.5 here"
            ]
        );
    }
}
