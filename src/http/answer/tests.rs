//! The JSON that clients read.

use serde_json::{Value, json};
use time::OffsetDateTime;
use uuid::Uuid;

use super::AnalysisAnswer;
use crate::domain::{
    Analysis, AnalysisId, Change, ChangedScore, DeviceTags, FaceBox, FaceObservation, Familiarity,
    FrameRate, FrameResult, Isolation, ManipulationMap, MediaInfo, MediaKind, ModelRole,
    ModelScore, PictureInfo, Probability, Reason, Rotation, SampleNote, Stability, TrackResult,
    Verdict, VerdictLabel, conditions,
};
use crate::http::public_path::PublicPath;

fn p(value: f32) -> Option<Probability> {
    Some(Probability::new(value).unwrap())
}

fn face(track_id: u32, fused: Option<Probability>) -> FaceObservation {
    FaceObservation {
        track_id,
        bounds: FaceBox {
            x: 10.126,
            y: 20.0,
            width: 30.0,
            height: 40.0,
        },
        detection_score: 0.9,
        sharpness: 55.5,
        sequence_probability: fused,
        frame_probability: fused,
        probability_fake: fused,
        crop_artifact: format!("crop-000-{track_id}.jpg"),
        manipulation_map: None,
        crop_corners: None,
    }
}

fn frame(index: u64, faces: Vec<FaceObservation>) -> FrameResult {
    FrameResult {
        frame_index: index * 10,
        time_s: Some(index as f64 / 3.0),
        frame_artifact: format!("frame-{index:03}.jpg"),
        faces,
    }
}

fn analysis(frames: Vec<FrameResult>) -> Analysis {
    Analysis {
        id: AnalysisId::new(Uuid::from_u128(7)),
        filename: "clip.mp4".into(),
        sha256: "ab".repeat(32),
        analyzed_at: OffsetDateTime::UNIX_EPOCH,
        processing_time_s: 1.23456,
        media: MediaInfo {
            kind: MediaKind::Video,
            container: "QuickTime / MOV".into(),
            size_bytes: 1234,
            duration_s: Some(10.0),
            bit_rate_bps: None,
            creation_time: None,
            device: DeviceTags {
                make: Some("Maker".into()),
                ..DeviceTags::default()
            },
            picture: PictureInfo {
                codec: "h264".into(),
                width_px: 1280,
                height_px: 720,
                rotation: Rotation::Quarter,
                frame_rate: FrameRate::new(30, 1),
                frame_count: Some(300),
                pixel_format: None,
            },
            has_audio: true,
        },
        verdict: Verdict {
            label: VerdictLabel::Fake,
            probability_fake: p(0.9),
            reasons: vec![Reason::NoFace],
        },
        models: vec![ModelScore {
            name: "frame-s".into(),
            version: "1".into(),
            role: ModelRole::Frame,
            sha256: "cd".repeat(32),
            foundation: None,
            probability_fake: p(0.25),
        }],
        tracks: vec![TrackResult {
            id: 3,
            frames: 2,
            scored_frames: 1,
            first_time_s: Some(0.0),
            last_time_s: None,
            sequence_probability: None,
            frame_probability: p(0.25),
            probability_fake: p(0.9),
            familiarity: Some(Familiarity {
                distance: 1.234_56,
                limit: 2.5,
            }),
        }],
        frames,
        notes: vec![SampleNote::FewFrames { available: 2 }],
        stability: None,
        isolation: Some(Isolation {
            no_new_privileges: true,
            resource_limits: true,
            seccomp: true,
            landlock_abi: Some(7),
        }),
        conditions: None,
        content_credentials: None,
    }
}

#[test]
fn content_credentials_stand_beside_the_verdict_or_are_left_out() {
    let mut analysis = analysis(vec![frame(0, vec![])]);
    let without = answer(&analysis);
    assert_eq!(without.get("content_credentials"), None);

    analysis.content_credentials = Some(crate::domain::ContentCredentials::None);
    let none = &answer(&analysis)["content_credentials"];
    let message = "The file carries no content credentials.";
    assert_eq!(none, &json!({"state": "none", "message": message}));

    let manifest = crate::domain::Manifest {
        title: Some("clip".into()),
        ..crate::domain::Manifest::default()
    };
    analysis.content_credentials = Some(crate::domain::ContentCredentials::Untrusted(manifest));
    let with = answer(&analysis);
    let told = &with["content_credentials"];
    assert_eq!(told["state"], "untrusted");
    assert_eq!(told["claims"]["title"], "clip");
    assert_eq!(told["claims"]["actions"], json!([]));
    for verdict in ["verdict", "probability_fake", "reasons"] {
        assert_eq!(with[verdict], without[verdict]);
    }
}

fn answer(analysis: &Analysis) -> Value {
    serde_json::to_value(AnalysisAnswer::of(analysis, &PublicPath::default())).unwrap()
}

#[test]
fn a_face_says_where_traces_are_seen_and_where_its_crop_lies_or_nothing_of_it() {
    let mut seen = face(3, p(0.8));
    seen.manipulation_map = ManipulationMap::of_logits(2, 1.0, &[0.0, 9.0, -9.0, 0.0]).ok();
    seen.crop_corners = Some([[10.126, -4.0], [90.0, -4.0], [10.0, 76.0], [90.0, 76.0]]);
    let answer = answer(&analysis(vec![frame(0, vec![seen, face(4, None)])]));
    let faces = &answer["frames"][0]["faces"];
    assert_eq!(
        faces[0]["manipulation_map"],
        json!({"kind": "traces", "side": 2, "covers_ratio": 1.0, "cells": [50, 100, 0, 50]})
    );
    assert_eq!(faces[0]["crop_corners"][0], json!([10.13, -4.0]));
    for unknown in ["manipulation_map", "crop_corners"] {
        assert_eq!(faces[1].get(unknown), None);
    }
}

#[test]
fn an_answer_says_where_the_verdicts_parted_when_that_was_kept() {
    let mut kept = analysis(vec![]);
    assert_eq!(answer(&kept).get("thresholds"), None);
    kept.conditions = Some(conditions());
    assert_eq!(
        answer(&kept)["thresholds"],
        json!({"real_at_or_below": 0.342, "fake_at_or_above": 0.63})
    );
}

#[test]
fn an_answer_tells_what_became_of_it_after_small_changes() {
    let mut checked = analysis(vec![]);
    assert_eq!(answer(&checked).get("stability"), None);
    checked.stability = Some(Stability {
        scores: vec![ChangedScore {
            change: Change::Rescaled,
            probability_fake: Probability::new(0.125).unwrap(),
            label: VerdictLabel::Real,
        }],
    });
    let changes = json!([{"change": "rescaled", "probability_fake": 0.125, "verdict": "REAL"}]);
    assert_eq!(
        answer(&checked)["stability"],
        json!({"holds": true, "changes": changes})
    );
    checked.verdict.reasons.insert(
        0,
        Reason::Unstable {
            label: VerdictLabel::Fake,
            change: Change::Rescaled,
            changed: VerdictLabel::Real,
            probability_fake: Probability::new(0.125).unwrap(),
        },
    );
    assert_eq!(
        answer(&checked)["stability"],
        json!({"holds": false, "changes": changes})
    );
}

#[test]
fn earlier_clients_find_every_field_they_read() {
    let answer = answer(&analysis(vec![
        frame(0, vec![face(3, p(0.2)), face(4, p(0.75))]),
        frame(1, vec![]),
    ]));
    let id = "00000000-0000-0000-0000-000000000007";
    assert_eq!(
        answer["frames_for_display"],
        json!([
            {"frame_index": 0, "frame_time_sec": 0.0, "confidence": 75.0, "label": "FAKE",
             "url": format!("/static/artifacts/{id}/frame-000.jpg")},
            {"frame_index": 10, "frame_time_sec": 0.333333, "confidence": null, "label": "Unknown",
             "url": format!("/static/artifacts/{id}/frame-001.jpg")},
        ])
    );
    let crop = format!("/static/artifacts/{id}/crop-000-3.jpg");
    assert_eq!(
        answer["cropped_faces"],
        json!([{"frame_index": 0, "url": crop}])
    );
    assert_eq!(answer["frames_csv_indices"], json!([0, 10]));
    assert_eq!(answer["filename"], "clip.mp4");
    assert_eq!(answer["analyzed_at"], "1970-01-01T00:00:00Z");
    assert_eq!(answer["processing_time_sec"], 1.235);
    assert_eq!(answer["confidence"], 90.0);
    assert_eq!(answer["result"], "FAKE");
}

#[test]
fn metadata_speaks_like_ffprobe() {
    let answer = answer(&analysis(vec![]));
    assert_eq!(
        answer["metadata"],
        json!({"width": 1280, "height": 720, "video_codec": "h264", "frame_rate": "30/1",
            "nb_frames": "300", "bit_rate": "N/A", "duration": "10.000000", "file_size": "1234",
            "format": "QuickTime / MOV", "kind": "video", "rotation": 90, "has_audio": true,
            "device_make": "Maker"})
    );
}

#[test]
fn everything_behind_the_verdict_is_there() {
    let answer = answer(&analysis(vec![frame(0, vec![face(3, None)])]));
    assert_eq!(answer["id"], "00000000-0000-0000-0000-000000000007");
    assert_eq!(answer["verdict"], "FAKE");
    assert_eq!(answer["probability_fake"], 0.9);
    assert_eq!(answer["reasons"][0]["code"], "no-face");
    assert_eq!(answer["notes"][0]["code"], "few-frames");
    assert_eq!(answer["models"][0]["role"], "frame");
    assert_eq!(answer["tracks"][0]["id"], 3);
    assert_eq!(answer["tracks"][0]["last_time_sec"], Value::Null);
    assert_eq!(answer["tracks"][0]["training_distance"], 1.2346);
    assert_eq!(answer["tracks"][0]["training_distance_limit"], 2.5);
    let face = &answer["frames"][0]["faces"][0];
    assert_eq!(
        face["box"],
        json!({"x": 10.13, "y": 20.0, "width": 30.0, "height": 40.0})
    );
    assert_eq!(face["probability_fake"], Value::Null);
    assert_eq!(answer["frames"][0]["label"], "Unknown");
}

#[test]
fn confidence_is_that_of_the_stated_result_and_none_is_claimed_for_inconclusive() {
    for (label, probability_fake, confidence) in [
        (VerdictLabel::Fake, p(0.8), 80.0),
        (VerdictLabel::Real, p(0.1), 90.0),
        (VerdictLabel::Inconclusive, p(0.6), 0.0),
        (VerdictLabel::Inconclusive, None, 0.0),
    ] {
        let mut analysis = analysis(vec![]);
        analysis.verdict.label = label;
        analysis.verdict.probability_fake = probability_fake;
        assert_eq!(answer(&analysis)["confidence"], confidence, "{label:?}");
    }
}

#[test]
fn four_frames_spread_over_the_sample_are_shown_first() {
    for (frames, shown) in [
        (30, vec![0, 100, 200, 290]),
        (5, vec![0, 10, 30, 40]),
        (4, vec![0, 10, 20, 30]),
        (2, vec![0, 10]),
        (1, vec![0]),
        (0, vec![]),
    ] {
        let analysis = analysis((0..frames).map(|i| frame(i, vec![])).collect());
        let answer = answer(&analysis);
        let list = answer["frames_for_display"].as_array().unwrap();
        let indices: Vec<_> = list
            .iter()
            .map(|f| f["frame_index"].as_u64().unwrap())
            .collect();
        assert_eq!(indices, shown, "{frames} frames");
    }
}
