//! What is known of a file once its frames have been looked at: facts, frames, people and their
//! aligned crops; and whether a person can be scored.

use super::super::{AnalysisSettings, Artifact, Timings};
use crate::domain::{
    ContentCredentials, Face, Isolation, MediaInfo, MediaKind, Reason, Rgb8Image, SampleNote,
};

/// Everything seen in one file.
pub(in crate::analysis) struct Observation {
    pub(in crate::analysis) info: MediaInfo,
    pub(in crate::analysis) notes: Vec<SampleNote>,
    pub(in crate::analysis) frames: Vec<ObservedFrame>,
    /// In the order of their numbers.
    pub(in crate::analysis) tracks: Vec<ObservedTrack>,
    pub(in crate::analysis) artifacts: Vec<Artifact>,
    pub(in crate::analysis) timings: Timings,
    /// What held the process that looked.
    pub(in crate::analysis) isolation: Isolation,
    /// `None` where they were not looked for.
    pub(in crate::analysis) credentials: Option<ContentCredentials>,
}

/// One sampled frame.
pub(in crate::analysis) struct ObservedFrame {
    pub(in crate::analysis) frame_index: u64,
    pub(in crate::analysis) time_s: Option<f64>,
    pub(in crate::analysis) artifact: String,
}

/// One person.
pub(in crate::analysis) struct ObservedTrack {
    pub(in crate::analysis) id: u32,
    /// In time order; never empty.
    pub(in crate::analysis) faces: Vec<ObservedFace>,
    /// Why the person cannot be scored; `None` when it can.
    pub(in crate::analysis) obstacle: Option<Reason>,
    pub(in crate::analysis) is_still: bool,
}

/// One face of one person.
pub(in crate::analysis) struct ObservedFace {
    pub(in crate::analysis) sample_index: usize,
    pub(in crate::analysis) face: Face,
    pub(in crate::analysis) sharpness: f32,
    pub(in crate::analysis) crop_artifact: String,
    /// Large and sharp enough to be scored.
    pub(in crate::analysis) usable: bool,
    pub(in crate::analysis) crop: Option<Rgb8Image>,
}

impl ObservedTrack {
    /// Gives up the usable crops in time order and whether they come from a still image; `None`
    /// when the person cannot be scored.
    pub(in crate::analysis) fn take_clip(&mut self) -> Option<(Vec<Rgb8Image>, bool)> {
        let crops: Vec<_> = (self.faces.iter_mut())
            .filter(|face| face.usable)
            .filter_map(|face| face.crop.take())
            .collect();
        (self.obstacle.is_none()).then_some((crops, self.is_still))
    }
}

/// Whether a face is large and sharp enough to be scored.
pub(in crate::analysis) fn is_usable(
    face: &Face,
    sharpness: f32,
    settings: &AnalysisSettings,
) -> bool {
    is_large(face, settings) && sharpness >= settings.min_sharpness
}

fn is_large(face: &Face, settings: &AnalysisSettings) -> bool {
    face.bounds.shorter_side_px() >= settings.min_face_px as f32
}

/// Why these faces do not make a verdict, or `None` when they do.
pub(in crate::analysis) fn obstacle(
    faces: &[ObservedFace],
    kind: MediaKind,
    settings: &AnalysisSettings,
) -> Option<Reason> {
    let minimum = match kind {
        MediaKind::Image => 1,
        MediaKind::Video => settings.min_scored_frames,
    };
    let usable = faces.iter().filter(|face| face.usable).count() as u32;
    if usable >= minimum {
        return None;
    }
    let largest_px = (faces.iter())
        .map(|face| face.face.bounds.shorter_side_px())
        .fold(0.0, f32::max);
    if largest_px < settings.min_face_px as f32 {
        return Some(Reason::FaceTooSmall {
            largest_px: largest_px.round() as u32,
            minimum_px: settings.min_face_px,
        });
    }
    let sharpest = (faces.iter().filter(|face| is_large(&face.face, settings)))
        .map(|face| face.sharpness)
        .fold(0.0, f32::max);
    if sharpest < settings.min_sharpness {
        return Some(Reason::FaceTooBlurred {
            sharpest,
            minimum: settings.min_sharpness,
        });
    }
    Some(Reason::TooFewFrames { usable, minimum })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::settings::small_settings;
    use crate::domain::{FaceBox, Landmarks};

    fn faces(count: usize, side_px: f32, sharpness: f32) -> Vec<ObservedFace> {
        let settings = small_settings();
        let face = Face {
            bounds: FaceBox {
                x: 0.0,
                y: 0.0,
                width: side_px,
                height: side_px * 1.2,
            },
            landmarks: Landmarks([[0.0; 2]; 5]),
            detection_score: 0.9,
        };
        (0..count)
            .map(|sample_index| ObservedFace {
                sample_index,
                face,
                sharpness,
                crop_artifact: String::new(),
                usable: is_usable(&face, sharpness, &settings),
                crop: None,
            })
            .collect()
    }

    fn code(faces: &[ObservedFace], kind: MediaKind) -> Option<&'static str> {
        obstacle(faces, kind, &small_settings()).map(|reason| reason.code())
    }

    #[test]
    fn large_sharp_faces_in_enough_frames_meet_no_obstacle() {
        assert_eq!(code(&faces(3, 40.0, 10.0), MediaKind::Video), None);
    }

    #[test]
    fn each_obstacle_is_named_for_what_it_is() {
        let video = MediaKind::Video;
        assert_eq!(code(&faces(9, 39.0, 99.0), video), Some("face-too-small"));
        assert_eq!(code(&faces(9, 80.0, 9.0), video), Some("face-too-blurred"));
        assert_eq!(code(&faces(2, 80.0, 99.0), video), Some("too-few-frames"));
    }

    #[test]
    fn one_good_face_is_enough_in_a_still_image() {
        assert_eq!(code(&faces(1, 80.0, 99.0), MediaKind::Image), None);
        let blurred = code(&faces(1, 80.0, 1.0), MediaKind::Image);
        assert_eq!(blurred, Some("face-too-blurred"));
    }
}
