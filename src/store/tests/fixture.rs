//! Analyses to store.

use time::{Duration, OffsetDateTime};
use uuid::Uuid;

use crate::domain::{
    Analysis, AnalysisId, DeviceTags, FaceBox, FaceObservation, Familiarity, FrameRate,
    FrameResult, Isolation, MediaInfo, MediaKind, ModelRole, ModelScore, PictureInfo, Probability,
    Reason, Rotation, SampleNote, TrackResult, Verdict, VerdictLabel,
};

fn media() -> MediaInfo {
    MediaInfo {
        kind: MediaKind::Video,
        container: "QuickTime / MOV".into(),
        size_bytes: 1_234_567,
        duration_s: Some(10.01),
        bit_rate_bps: Some(986_000),
        creation_time: None,
        device: DeviceTags::default(),
        picture: PictureInfo {
            codec: "h264".into(),
            width_px: 1280,
            height_px: 720,
            rotation: Rotation::Quarter,
            frame_rate: FrameRate::new(30000, 1001),
            frame_count: Some(300),
            pixel_format: Some("yuv420p".into()),
        },
        has_audio: true,
    }
}

pub(in crate::store) fn face(probability: f32) -> FaceObservation {
    let probability = Probability::new(probability).ok();
    FaceObservation {
        track_id: 0,
        bounds: FaceBox {
            x: -1.5,
            y: 20.25,
            width: 100.1,
            height: 120.3,
        },
        detection_score: 0.97,
        sharpness: 123.4,
        sequence_probability: probability,
        frame_probability: probability,
        probability_fake: probability,
        crop_artifact: "crop-000-0.jpg".into(),
        manipulation_map: None,
        crop_corners: None,
    }
}

pub(in crate::store) fn analysis(number: u128) -> Analysis {
    let probability_fake = Probability::new(0.87).ok();
    Analysis {
        id: AnalysisId::new(Uuid::from_u128(number)),
        filename: "holiday – \"clip\".mp4".into(),
        sha256: "ab".repeat(32),
        analyzed_at: OffsetDateTime::from_unix_timestamp_nanos(1_763_712_000_123_456_789).unwrap(),
        processing_time_s: 1.234_567_890_123,
        media: media(),
        verdict: Verdict {
            label: VerdictLabel::Fake,
            probability_fake,
            reasons: vec![Reason::AboveFakeThreshold {
                fake_at_or_above: Probability::new(0.65).unwrap(),
            }],
        },
        models: vec![ModelScore {
            name: "sequence-s".into(),
            version: "1".into(),
            role: ModelRole::Sequence,
            sha256: "cd".repeat(32),
            foundation: None,
            probability_fake,
        }],
        tracks: vec![TrackResult {
            id: 0,
            frames: 30,
            scored_frames: 29,
            first_time_s: Some(0.0),
            last_time_s: Some(9.676_333),
            sequence_probability: probability_fake,
            frame_probability: probability_fake,
            probability_fake,
            familiarity: Some(Familiarity {
                distance: 0.987_654_3,
                limit: 1.5,
            }),
        }],
        frames: vec![FrameResult {
            frame_index: 10,
            time_s: Some(0.333_666_666_666_7),
            frame_artifact: "frame-000.jpg".into(),
            faces: vec![face(0.9)],
        }],
        notes: vec![SampleNote::FewFrames { available: 12 }],
        stability: None,
        isolation: Some(Isolation {
            no_new_privileges: true,
            resource_limits: true,
            seccomp: true,
            landlock_abi: Some(7),
        }),
        conditions: Some(crate::domain::conditions()),
        content_credentials: None,
    }
}

/// Analysis `number` with this verdict, `number` hours later.
pub(in crate::store) fn judged(number: u128, label: VerdictLabel, probability: f32) -> Analysis {
    let mut analysis = analysis(number);
    analysis.verdict.label = label;
    analysis.verdict.probability_fake = Probability::new(probability).ok();
    analysis.analyzed_at += Duration::hours(i64::try_from(number).unwrap());
    analysis
}
