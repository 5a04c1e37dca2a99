//! From the record of an analysis to its JSON.

use time::format_description::well_known::Rfc3339;

use super::{
    AnalysisAnswer, ChangedScore, ContentCredentials, CroppedFace, DisplayFrame, DisplayLabel,
    Face, Foundation, Frame, Isolation, ManipulationMap, Metadata, Model, PixelBox, Remark,
    Reports, Stability, Thresholds, Track, VerdictWord,
};
use crate::domain::{
    self, Analysis, FaceObservation, FoundationIdentity, FrameResult, MediaInfo, MediaKind,
    ModelRole, ModelScore, Probability, Reason, SampleNote, TrackResult, Verdict, VerdictLabel,
};
use crate::http::picture_links::PictureLinks;
use crate::http::public_path::PublicPath;
use crate::http::report_links::ReportLinks;
use crate::store::{Pictures, Stored};

/// Frames shown first.
const DISPLAY_FRAMES: usize = 4;
/// What ffprobe prints where a file does not say.
const NOT_STATED: &str = "N/A";

/// The label of a frame's most suspicious face, and the confidence in it in percent.
pub(in crate::http) fn label_of_frame(frame: &FrameResult) -> (DisplayLabel, Option<f64>) {
    let scores = frame.faces.iter().filter_map(|face| face.probability_fake);
    let Some(highest) = scores.map(fraction).max_by(f64::total_cmp) else {
        return (DisplayLabel::Unknown, None);
    };
    if highest >= 0.5 {
        (DisplayLabel::Fake, Some(percent(highest)))
    } else {
        (DisplayLabel::Real, Some(percent(1.0 - highest)))
    }
}

impl AnalysisAnswer {
    /// The answer to a client that reaches the pictures under `at`.
    pub(in crate::http) fn new(stored: &Stored, at: &PublicPath) -> Self {
        let mut answer = Self::of(&stored.analysis, at);
        answer.notes.extend(Remark::of_pictures(stored.pictures));
        answer
    }

    pub(super) fn of(analysis: &Analysis, at: &PublicPath) -> Self {
        let pictures = PictureLinks::new(at, analysis.id);
        let shown = positions_for_display(analysis.frames.len());
        let shown = || shown.iter().map(|position| &analysis.frames[*position]);
        let verdict = VerdictWord::from(analysis.verdict.label);
        Self {
            id: analysis.id.to_string(),
            frames_for_display: shown().map(|f| DisplayFrame::new(pictures, f)).collect(),
            cropped_faces: (shown().filter_map(|f| CroppedFace::new(pictures, f))).collect(),
            frames_csv_indices: analysis.frames.iter().map(|f| f.frame_index).collect(),
            filename: analysis.filename.clone(),
            analyzed_at: rfc3339(analysis.analyzed_at),
            processing_time_sec: rounded(analysis.processing_time_s, 3),
            metadata: Metadata::from(&analysis.media),
            confidence: confidence(&analysis.verdict),
            result: verdict,
            verdict,
            probability_fake: analysis.verdict.probability_fake.map(fraction),
            thresholds: analysis.conditions.as_ref().map(Thresholds::from),
            reasons: analysis.verdict.reasons.iter().map(Remark::from).collect(),
            sha256: analysis.sha256.clone(),
            models: analysis.models.iter().map(Model::from).collect(),
            tracks: analysis.tracks.iter().map(Track::from).collect(),
            frames: (analysis.frames.iter().map(|f| Frame::new(pictures, f))).collect(),
            notes: analysis.notes.iter().map(Remark::from).collect(),
            stability: (analysis.stability.as_ref())
                .map(|stability| Stability::new(stability, &analysis.verdict)),
            isolation: analysis.isolation.map(Isolation::from),
            content_credentials: (analysis.content_credentials.as_ref())
                .map(ContentCredentials::from),
            reports: Reports::new(ReportLinks::new(at, analysis.id), analysis.media.kind),
        }
    }
}

impl Remark {
    /// What a client must know about the pictures; nothing where they are as they should be.
    fn of_pictures(pictures: Pictures) -> Option<Self> {
        let (code, message) = match pictures {
            Pictures::Stored => return None,
            Pictures::Delayed => (
                "pictures-delayed",
                "The store of pictures is away: frames and crops may be missing until it is back.",
            ),
            Pictures::Lost => (
                "pictures-lost",
                "The store of pictures was away for too long: there are no frames and crops.",
            ),
        };
        Some(Self {
            code: code.into(),
            message: message.into(),
        })
    }
}

/// `[0, 10, 20, 29]` of 30; every position when there are no more than four.
fn positions_for_display(frames: usize) -> Vec<usize> {
    let last = frames.saturating_sub(1);
    let parts = DISPLAY_FRAMES - 1;
    let mut positions: Vec<_> = (0..DISPLAY_FRAMES.min(frames))
        .map(|i| {
            if frames <= DISPLAY_FRAMES {
                i
            } else {
                (i * frames / parts).min(last)
            }
        })
        .collect();
    positions.dedup();
    positions
}

fn confidence(verdict: &Verdict) -> f64 {
    let probability_fake = verdict.probability_fake.map(fraction);
    match (verdict.label, probability_fake) {
        (VerdictLabel::Fake, Some(p)) => percent(p),
        (VerdictLabel::Real, Some(p)) => percent(1.0 - p),
        (VerdictLabel::Inconclusive, _) | (VerdictLabel::Fake | VerdictLabel::Real, None) => 0.0,
    }
}

/// RFC 3339 in UTC; the years of an analysis always have four digits.
pub(in crate::http) fn rfc3339(moment: time::OffsetDateTime) -> String {
    (moment.to_offset(time::UtcOffset::UTC).format(&Rfc3339))
        .expect("the years 0 to 9999 have an RFC 3339 form")
}

/// Six digits: enough to tell scores apart, without the noise of f32 as f64.
fn fraction(probability: Probability) -> f64 {
    rounded(f64::from(probability.get()), 6)
}

fn percent(fraction: f64) -> f64 {
    rounded(fraction * 100.0, 2)
}

/// `value` to so many decimal places.
pub(in crate::http) fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}

impl DisplayFrame {
    fn new(pictures: PictureLinks<'_>, frame: &FrameResult) -> Self {
        let (label, confidence) = label_of_frame(frame);
        Self {
            frame_index: frame.frame_index,
            frame_time_sec: frame.time_s.map(|s| rounded(s, 6)),
            url: pictures.to(&frame.frame_artifact),
            confidence,
            label,
        }
    }
}

impl CroppedFace {
    fn new(pictures: PictureLinks<'_>, frame: &FrameResult) -> Option<Self> {
        let largest = frame.faces.first()?;
        Some(Self {
            frame_index: frame.frame_index,
            url: pictures.to(&largest.crop_artifact),
        })
    }
}

impl Frame {
    fn new(pictures: PictureLinks<'_>, frame: &FrameResult) -> Self {
        let (label, confidence) = label_of_frame(frame);
        Self {
            frame_index: frame.frame_index,
            frame_time_sec: frame.time_s.map(|s| rounded(s, 6)),
            url: pictures.to(&frame.frame_artifact),
            label,
            confidence,
            faces: frame.faces.iter().map(|f| Face::new(pictures, f)).collect(),
        }
    }
}

impl Face {
    fn new(pictures: PictureLinks<'_>, face: &FaceObservation) -> Self {
        let pixels = |value: f32| rounded(f64::from(value), 2);
        Self {
            track_id: face.track_id,
            bounds: PixelBox {
                x: pixels(face.bounds.x),
                y: pixels(face.bounds.y),
                width: pixels(face.bounds.width),
                height: pixels(face.bounds.height),
            },
            crop_url: pictures.to(&face.crop_artifact),
            detection_score: rounded(f64::from(face.detection_score), 4),
            sharpness: rounded(f64::from(face.sharpness), 2),
            probability_fake: face.probability_fake.map(fraction),
            sequence_probability: face.sequence_probability.map(fraction),
            frame_probability: face.frame_probability.map(fraction),
            manipulation_map: face.manipulation_map.as_ref().map(ManipulationMap::from),
            crop_corners: face
                .crop_corners
                .map(|corners| corners.map(|at| at.map(pixels))),
        }
    }
}

impl From<&TrackResult> for Track {
    fn from(track: &TrackResult) -> Self {
        Self {
            id: track.id,
            frames: track.frames,
            scored_frames: track.scored_frames,
            first_time_sec: track.first_time_s.map(|s| rounded(s, 6)),
            last_time_sec: track.last_time_s.map(|s| rounded(s, 6)),
            probability_fake: track.probability_fake.map(fraction),
            sequence_probability: track.sequence_probability.map(fraction),
            frame_probability: track.frame_probability.map(fraction),
            training_distance: track.familiarity.map(|f| rounded(f64::from(f.distance), 4)),
            training_distance_limit: track.familiarity.map(|f| rounded(f64::from(f.limit), 4)),
        }
    }
}

impl From<&domain::Conditions> for Thresholds {
    fn from(conditions: &domain::Conditions) -> Self {
        Self {
            real_at_or_below: fraction(conditions.real_at_or_below),
            fake_at_or_above: fraction(conditions.fake_at_or_above),
        }
    }
}

impl Stability {
    fn new(stability: &domain::Stability, verdict: &Verdict) -> Self {
        let is_unstable = |reason: &Reason| matches!(reason, Reason::Unstable { .. });
        Self {
            holds: !verdict.reasons.iter().any(is_unstable),
            changes: stability.scores.iter().map(ChangedScore::from).collect(),
        }
    }
}

impl From<&domain::ChangedScore> for ChangedScore {
    fn from(score: &domain::ChangedScore) -> Self {
        Self {
            change: score.change.code().into(),
            probability_fake: fraction(score.probability_fake),
            verdict: VerdictWord::from(score.label),
        }
    }
}

impl From<domain::Isolation> for Isolation {
    fn from(isolation: domain::Isolation) -> Self {
        Self {
            no_new_privileges: isolation.no_new_privileges,
            resource_limits: isolation.resource_limits,
            seccomp: isolation.seccomp,
            landlock_abi: isolation.landlock_abi,
        }
    }
}

impl Reports {
    fn new(links: ReportLinks<'_>, kind: MediaKind) -> Self {
        let has_film = matches!(kind, MediaKind::Video);
        Self {
            html: links.to("report.html"),
            pdf: links.to("report.pdf"),
            csv: links.to("report.csv"),
            statement: links.to("statement"),
            annotated_film: has_film.then(|| links.to("annotated.mp4")),
        }
    }
}

impl From<&ModelScore> for Model {
    fn from(model: &ModelScore) -> Self {
        Self {
            name: model.name.clone(),
            version: model.version.clone(),
            role: role_word(model.role).into(),
            sha256: model.sha256.clone(),
            foundation: model.foundation.as_ref().map(Foundation::from),
            probability_fake: model.probability_fake.map(fraction),
        }
    }
}

impl From<&FoundationIdentity> for Foundation {
    fn from(foundation: &FoundationIdentity) -> Self {
        Self {
            name: foundation.name.clone(),
            sha256: foundation.sha256.clone(),
            source: foundation.source.clone(),
            licence: foundation.licence.clone(),
        }
    }
}

/// A model's part in one word.
pub(in crate::http) fn role_word(role: ModelRole) -> &'static str {
    match role {
        ModelRole::Detector => "detector",
        ModelRole::Sequence => "sequence",
        ModelRole::Frame => "frame",
    }
}

impl From<&MediaInfo> for Metadata {
    fn from(media: &MediaInfo) -> Self {
        let stated = |value: Option<String>| value.unwrap_or_else(|| NOT_STATED.into());
        let picture = &media.picture;
        let device = &media.device;
        Self {
            width: picture.width_px,
            height: picture.height_px,
            video_codec: picture.codec.clone(),
            frame_rate: stated(picture.frame_rate.map(|rate| rate.to_string())),
            nb_frames: stated(picture.frame_count.map(|count| count.to_string())),
            bit_rate: stated(media.bit_rate_bps.map(|rate| rate.to_string())),
            duration: stated(media.duration_s.map(|seconds| format!("{seconds:.6}"))),
            file_size: media.size_bytes.to_string(),
            format: media.container.clone(),
            kind: match media.kind {
                MediaKind::Video => "video".into(),
                MediaKind::Image => "image".into(),
            },
            rotation: picture.rotation.degrees(),
            has_audio: media.has_audio,
            pixel_format: picture.pixel_format.clone(),
            creation_time: media.creation_time.clone(),
            location: device.location.clone(),
            device_make: device.make.clone(),
            device_model: device.model.clone(),
            device_software: device.software.clone(),
            encoder: device.encoder.clone(),
        }
    }
}

impl From<&Reason> for Remark {
    fn from(reason: &Reason) -> Self {
        Self {
            code: reason.code().into(),
            message: reason.to_string(),
        }
    }
}

impl From<&SampleNote> for Remark {
    fn from(note: &SampleNote) -> Self {
        Self {
            code: note.code().into(),
            message: note.to_string(),
        }
    }
}
