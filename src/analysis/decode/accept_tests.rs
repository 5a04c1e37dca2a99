//! A worker that reports anything at all.

use proptest::prelude::*;

use super::accept::{Distrust, Known, accept};
use super::observation::Observation;
use super::wire::{Answer, Refusal, Report, ReportedFace, ReportedFrame, ReportedTrack};
use crate::analysis::AnalysisError;
use crate::analysis::settings::small_settings;
use crate::domain::{
    DeviceTags, Face, FaceBox, FrameRate, Isolation, Landmarks, MediaInfo, MediaKind, PictureInfo,
    Rotation,
};
use crate::isolation::{Region, RegionWriter, Span};

const JPEG: &[u8] = &[0xff, 0xd8, 0xff, 0xe0, 1, 2, 3, 0xff, 0xd9];
const CROP: usize = 256 * 256 * 3;

fn info() -> MediaInfo {
    MediaInfo {
        kind: MediaKind::Video,
        container: "QuickTime / MOV".into(),
        size_bytes: 1,
        duration_s: Some(5.0),
        bit_rate_bps: None,
        creation_time: None,
        device: DeviceTags::default(),
        picture: PictureInfo {
            codec: "h264".into(),
            width_px: 640,
            height_px: 360,
            rotation: Rotation::None,
            frame_rate: FrameRate::new(25, 1),
            frame_count: Some(125),
            pixel_format: Some("yuv420p".into()),
        },
        has_audio: false,
    }
}

fn face() -> Face {
    Face {
        bounds: FaceBox {
            x: -3.5,
            y: 20.0,
            width: 80.0,
            height: 96.0,
        },
        landmarks: Landmarks([[30.0, 40.0]; 5]),
        detection_score: 0.97,
    }
}

/// What an honest worker sends: two frames with one person, usable in the first alone.
pub(super) fn honest() -> (Report, Region) {
    let region = Region::create(1 << 20).unwrap();
    let descriptor = region.descriptor().try_clone_to_owned().unwrap();
    let mut writer = RegionWriter::new(descriptor);
    let jpeg = writer.append(JPEG).unwrap();
    let pixels = writer.append(&[7; CROP]).unwrap();
    let frame = |frame_index| ReportedFrame {
        frame_index,
        time_s: Some(frame_index as f64 / 25.0),
        jpeg,
    };
    let seen = |sample_index, sharpness, pixels| ReportedFace {
        sample_index,
        face: face(),
        sharpness,
        jpeg,
        pixels,
    };
    let report = Report {
        info: info(),
        notes: Vec::new(),
        frames: vec![frame(0), frame(60)],
        tracks: vec![ReportedTrack {
            id: 4,
            faces: vec![seen(0, 50.0, Some(pixels)), seen(1, 1.0, None)],
        }],
        decode_s: 0.5,
        faces_s: 1e9,
    };
    (report, region)
}

fn believe(report: Report, region: &Region) -> Result<Observation, Distrust> {
    let settings = small_settings();
    let known = Known {
        settings: &settings,
        size_bytes: 999,
        isolation: Isolation {
            no_new_privileges: true,
            resource_limits: true,
            seccomp: true,
            landlock_abi: None,
        },
        took: std::time::Duration::from_secs(2),
    };
    accept(report, region, &known)
}

#[test]
fn an_honest_report_is_believed_and_completed_by_what_the_parent_knows() {
    let (report, region) = honest();
    let mut observation = believe(report, &region).unwrap();
    assert_eq!(observation.info.size_bytes, 999);
    assert_eq!(observation.timings.faces.as_secs(), 2);
    let names: Vec<_> = observation
        .artifacts
        .iter()
        .map(|a| a.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "frame-000.jpg",
            "frame-001.jpg",
            "crop-000-4.jpg",
            "crop-001-4.jpg"
        ]
    );
    assert!(observation.artifacts.iter().all(|a| a.bytes == JPEG));
    let track = &mut observation.tracks[0];
    assert_eq!(
        [track.faces[0].usable, track.faces[1].usable],
        [true, false]
    );
    let code = track.obstacle.take().map(|reason| reason.code());
    assert_eq!(code, Some("too-few-frames"));
    let (crops, _) = track.take_clip().unwrap();
    assert_eq!(crops[0].pixels(), [7; CROP]);
}

#[test]
fn each_impossible_claim_is_refused() {
    type Lie = fn(&mut Report);
    let lies: &[(&str, Lie)] = &[
        ("no frames", |r| r.frames.clear()),
        ("more frames than asked for", |r| {
            r.frames = vec![r.frames[0].clone(); 31];
        }),
        ("more people than allowed", |r| {
            r.tracks = (0..3)
                .map(|id| ReportedTrack {
                    id,
                    ..r.tracks[0].clone()
                })
                .collect();
        }),
        ("one person twice", |r| r.tracks.push(r.tracks[0].clone())),
        ("a person without a face", |r| r.tracks[0].faces.clear()),
        ("a face in no frame", |r| {
            r.tracks[0].faces[1].sample_index = 2
        }),
        ("a face far from any frame", |r| {
            r.tracks[0].faces[1].sample_index = usize::MAX
        }),
        ("two faces of one person in one frame", |r| {
            r.tracks[0].faces[1].sample_index = 0
        }),
        ("a score that is no number", |r| {
            r.tracks[0].faces[0].face.detection_score = f32::NAN
        }),
        ("a score above one", |r| {
            r.tracks[0].faces[0].face.detection_score = 1.5
        }),
        ("a face at infinity", |r| {
            r.tracks[0].faces[0].face.bounds.x = f32::INFINITY
        }),
        ("a face without width", |r| {
            r.tracks[0].faces[0].face.bounds.width = 0.0
        }),
        ("a face larger than numbers", |r| {
            r.tracks[0].faces[0].face.bounds.width = f32::MAX;
            r.tracks[0].faces[0].face.bounds.height = f32::MAX;
        }),
        ("an eye nowhere", |r| {
            r.tracks[0].faces[0].face.landmarks.0[2][1] = f32::NAN
        }),
        ("a sharpness below zero", |r| {
            r.tracks[0].faces[1].sharpness = -1.0
        }),
        ("a sharpness that is no number", |r| {
            r.tracks[0].faces[1].sharpness = f32::NAN
        }),
        ("a usable face without a crop", |r| {
            r.tracks[0].faces[0].pixels = None
        }),
        ("a crop of an unusable face", |r| {
            r.tracks[0].faces[1].pixels = r.tracks[0].faces[0].pixels
        }),
        ("a crop of another size", |r| {
            r.tracks[0].faces[0].pixels = Some(Span {
                offset: 0,
                bytes: 4,
            });
        }),
        ("a picture past the end", |r| {
            r.frames[0].jpeg.offset = 1 << 20
        }),
        ("a picture past all numbers", |r| {
            r.frames[0].jpeg.offset = u64::MAX
        }),
        ("a picture larger than the region", |r| {
            r.frames[0].jpeg.bytes = (1 << 20) + 1
        }),
        ("a picture larger than numbers", |r| {
            r.frames[0].jpeg.bytes = u64::MAX;
            r.frames[1].jpeg.bytes = u64::MAX;
        }),
        ("one large picture many times", |r| {
            r.frames = vec![
                ReportedFrame {
                    jpeg: Span {
                        offset: 0,
                        bytes: 1 << 19
                    },
                    ..r.frames[0].clone()
                };
                3
            ];
        }),
        ("a picture that is no JPEG", |r| r.frames[0].jpeg.offset = 1),
        ("an empty picture", |r| r.frames[0].jpeg.bytes = 0),
        ("a time before the beginning", |r| {
            r.frames[0].time_s = Some(-1.0)
        }),
        ("a time that is no number", |r| {
            r.frames[0].time_s = Some(f64::NAN)
        }),
        ("a duration without end", |r| {
            r.info.duration_s = Some(f64::INFINITY)
        }),
        ("a text of a megabyte", |r| {
            r.info.container = "x".repeat(1 << 20)
        }),
        ("a text that moves the cursor", |r| {
            r.info.device.model = Some("\u{1b}[2J".into())
        }),
    ];
    for (what, lie) in lies {
        let (mut report, region) = honest();
        lie(&mut report);
        assert!(believe(report, &region).is_err(), "{what}");
    }
}

#[test]
fn a_rate_of_frames_per_no_second_is_refused() {
    let (report, region) = honest();
    let mut json = serde_json::to_value(&report).unwrap();
    json["info"]["picture"]["frame_rate"]["denominator"] = 0.into();
    let report = serde_json::from_value(json).unwrap();
    assert!(believe(report, &region).is_err());
}

#[test]
fn the_words_of_a_worker_are_cut_and_cleaned() {
    let codec = format!("\r\n{}", "h".repeat(1 << 20));
    let error = AnalysisError::from(Refusal::UnsupportedCodec { codec });
    assert_eq!(error.code(), "unsupported-codec");
    let message = error.to_string();
    assert!(
        message.len() < 1000 && !message.contains('\n'),
        "{message:.100}"
    );
}

/// Replaces the value at a random place of a JSON document.
fn mutate(value: &mut serde_json::Value, path: &[prop::sample::Index], new: serde_json::Value) {
    let Some((step, rest)) = path.split_first() else {
        *value = new;
        return;
    };
    let child = if let Some(items) = value.as_array_mut().filter(|items| !items.is_empty()) {
        let at = step.index(items.len());
        items.get_mut(at)
    } else if let Some(fields) = value.as_object_mut().filter(|fields| !fields.is_empty()) {
        let at = step.index(fields.len());
        fields.values_mut().nth(at)
    } else {
        None
    };
    // A leaf is not replaced by a longer path, so that most changes stay small.
    if let Some(child) = child {
        mutate(child, rest, new);
    }
}

fn any_value() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<u64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        (0_u64..1 << 21).prop_map(Into::into),
        ".{0,20}".prop_map(Into::into),
        Just(serde_json::json!([])),
        Just(serde_json::json!({"offset": 0, "bytes": 1 << 20})),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_report_changed_anywhere_is_believed_or_refused_and_never_panics(
        changes in prop::collection::vec((prop::collection::vec(any::<prop::sample::Index>(), 1..8), any_value()), 1..4),
    ) {
        let (report, region) = honest();
        let mut json = serde_json::to_value(Answer::Seen(Box::new(report))).unwrap();
        for (path, value) in changes {
            mutate(&mut json, &path, value);
        }
        if let Ok(Answer::Seen(report)) = serde_json::from_value(json)
            && let Ok(observation) = believe(*report, &region)
        {
            let kept: usize = observation.artifacts.iter().map(|a| a.bytes.len()).sum();
            prop_assert!(kept <= 1 << 20);
        }
    }

    #[test]
    fn any_refusal_becomes_an_error_with_a_short_message(text in ".{0,2000}", duration_s: f64) {
        for refusal in [
            Refusal::Failed(text.clone()),
            Refusal::Damaged { container: text.clone() },
            Refusal::TooLong { duration_s, limit_s: duration_s },
        ] {
            let message = AnalysisError::from(refusal).to_string();
            prop_assert!(message.chars().count() < 1000);
        }
    }
}
