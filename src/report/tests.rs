//! Reports of a made-up analysis.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use time::OffsetDateTime;
use uuid::Uuid;

use super::*;
use crate::domain::{
    Action, Analysis, AnalysisId, ContentCredentials, DeviceTags, FaceBox, FaceObservation,
    FrameRate, FrameResult, Manifest, ManipulationMap, Measured, MediaInfo, MediaKind, ModelRole,
    ModelScore, PictureInfo, Probability, Reason, Rotation, SampleNote, TrackResult, Verdict,
    VerdictLabel, conditions,
};

const TOKEN: &str = "eyJhbGciOiJQUzI1NiJ9.eyJmaWxlIjoxfQ.c2lnbmF0dXJl";
/// 16 x 12 grey pixels.
const JPEG_BASE64: &str = "/9j/4AAQSkZJRgABAgAAAQABAAD/2wBDAAg+Pkk+SVVVVVVVVWRdZGhoaGRkZGRoaGhwcHCDg4NwcHBoaHBwfHyDg4+Tj4eHg4eTk5ubm7q6srLZ2eD/////wAALCAAMABABAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAP/EABQQAQAAAAAAAAAAAAAAAAAAAAD/2gAIAQEAAD8AAP/Z";
const HOSTILE: &str = "<script>alert('x')</script>\"&\u{202e}.mp4";

fn p(value: f32) -> Option<Probability> {
    Some(Probability::new(value).unwrap())
}

fn face(position: u8) -> FaceObservation {
    let probability = p(f32::from(position) / 10.0);
    FaceObservation {
        track_id: 0,
        bounds: FaceBox {
            x: 10.0,
            y: 12.0,
            width: 30.0,
            height: 40.0,
        },
        detection_score: 0.9,
        sharpness: 50.0,
        sequence_probability: probability,
        frame_probability: probability.filter(|_| position.is_multiple_of(2)),
        probability_fake: probability,
        crop_artifact: format!("crop-{position:03}-0.jpg"),
        manipulation_map: ManipulationMap::of_logits(2, 1.0, &[3.0, -3.0, 0.0, 1.0]).ok(),
        crop_corners: None,
    }
}

fn analysis(filename: &str) -> Analysis {
    let frame = |position: u8| FrameResult {
        frame_index: u64::from(position) * 10,
        time_s: Some(f64::from(position) / 3.0),
        frame_artifact: format!("frame-{position:03}.jpg"),
        faces: vec![face(position)],
    };
    Analysis {
        id: AnalysisId::new(Uuid::from_u128(7)),
        filename: filename.into(),
        sha256: "ab".repeat(32),
        analyzed_at: OffsetDateTime::UNIX_EPOCH,
        processing_time_s: 1.2,
        media: MediaInfo {
            kind: MediaKind::Video,
            container: "QuickTime / MOV".into(),
            size_bytes: 1234,
            duration_s: Some(4.0),
            bit_rate_bps: None,
            creation_time: Some("<b>today</b>".into()),
            device: DeviceTags::default(),
            picture: PictureInfo {
                codec: "h264".into(),
                width_px: 64,
                height_px: 48,
                rotation: Rotation::Quarter,
                frame_rate: FrameRate::new(30, 1),
                frame_count: Some(120),
                pixel_format: None,
            },
            has_audio: true,
        },
        verdict: Verdict {
            label: VerdictLabel::Fake,
            probability_fake: p(0.9),
            reasons: vec![Reason::AboveFakeThreshold {
                fake_at_or_above: Probability::new(0.63).unwrap(),
            }],
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
            id: 0,
            frames: 10,
            scored_frames: 10,
            first_time_s: Some(0.0),
            last_time_s: Some(3.0),
            sequence_probability: p(0.8),
            frame_probability: p(0.25),
            probability_fake: p(0.9),
            familiarity: None,
        }],
        frames: (0..10).map(frame).collect(),
        stability: None,
        notes: vec![SampleNote::DamagedPackets { count: 3 }],
        isolation: None,
        conditions: Some(conditions()),
        content_credentials: None,
    }
}

#[test]
fn content_credentials_are_told_as_the_files_own_claims() {
    let mut analysis = analysis("clip.mp4");
    let without = rendered(&analysis, true, html);
    assert!(!without.contains("Content credentials"));

    analysis.content_credentials = Some(ContentCredentials::Untrusted(Manifest {
        title: Some(HOSTILE.into()),
        actions: vec![Action {
            action: "c2pa.created".into(),
            digital_source_type: Some("trainedAlgorithmicMedia".into()),
            ..Action::default()
        }],
        ..Manifest::default()
    }));
    let page = rendered(&analysis, true, html);
    for told in [
        "Content credentials of the file",
        "no trust list is installed",
        "c2pa.created, source: trainedAlgorithmicMedia",
        "claims of whoever signed them",
    ] {
        assert!(page.contains(told), "{told}");
    }
    assert!(!page.contains("<script>alert"));
    assert!(rendered(&analysis, true, pdf).is_ok());
    analysis.content_credentials = Some(ContentCredentials::Invalid(Manifest::default()));
    assert!(rendered(&analysis, true, html).contains("do not hold"));
}

fn measured() -> Measured {
    serde_json::from_value(serde_json::json!({
        "data": "five files",
        "protocol": "as served",
        "auc": [0.8, 0.7, 0.9],
        "genuine": {"fake": 1, "inconclusive": 0, "real": 1},
        "forged": {"fake": 2, "inconclusive": 1, "real": 0},
    }))
    .unwrap()
}

/// Whatever `render` makes of an analysis, of which every picture is there or none is.
fn rendered<T>(analysis: &Analysis, has_pictures: bool, render: fn(&Material<'_>) -> T) -> T {
    let jpeg = STANDARD.decode(JPEG_BASE64).unwrap();
    let wanted = wanted_pictures(analysis).into_iter();
    let pictures: BTreeMap<String, Vec<u8>> = wanted
        .filter(|_| has_pictures)
        .map(|name| (name, jpeg.clone()))
        .collect();
    let statement = SignedStatement {
        token: TOKEN.into(),
        key_id: "the-key".into(),
    };
    let links = Links {
        place: Place::Service,
        json: "/api/v1/predictions/7".into(),
        csv: "/api/v1/predictions/7/report.csv".into(),
        statement: "/api/v1/predictions/7/statement".into(),
        public_keys: "/.well-known/jwks.json".into(),
        public_key_pem: "/integrity/public-key?format=pem".into(),
    };
    render(&Material {
        analysis,
        pictures: &pictures,
        measured: &[measured()],
        statement: &statement,
        links: &links,
    })
}

#[test]
fn text_of_others_is_text_in_the_page() {
    let page = rendered(&analysis(HOSTILE), true, html);
    assert!(!page.contains("<script>alert"), "{page}");
    assert!(!page.contains("<b>today"), "{page}");
    assert!(page.contains("&lt;script&gt;alert('x')&lt;/script&gt;&quot;&amp;"));
    assert_eq!(page.matches("<script").count(), 1, "the statement alone");
}

#[test]
fn the_page_asks_for_nothing_and_runs_nothing() {
    let page = rendered(&analysis("v.mp4"), true, html);
    for foreign in [
        "http://", "https://", "//cdn", "@import", "url(", "onload", "<link", "<iframe",
    ] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    let addresses = page.matches(" href=\"").count() + page.matches(" src=\"").count();
    assert_eq!(
        addresses,
        page.matches(" href=\"data:image/jpeg;base64,").count()
    );
    assert!(page.contains("http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'"));
    assert!(page_policy().contains("style-src 'sha256-"));
}

#[test]
fn everything_that_a_reader_needs_is_said() {
    let page = rendered(&analysis("v.mp4"), true, html);
    for said in [
        "FAKE",
        "90.00 %",
        "at or above 63 %",
        &"ab".repeat(32),
        &"cd".repeat(32),
        "1,234 bytes",
        "64 × 48 px, turned by 90°",
        "3 damaged packets were passed over.",
        "1 of 2 (50 %)",
        "0.8 (0.7 to 0.9)",
        "min_face_px",
        "framewitness replay",
        TOKEN,
        "/api/v1/predictions/7/report.csv",
    ] {
        assert!(page.contains(said), "{said}");
    }
    // The four highest of the frames that the frame model looked at.
    for (frame, is_shown) in [
        (90, false),
        (80, true),
        (60, true),
        (40, true),
        (20, true),
        (0, false),
    ] {
        let caption = format!("Frame {frame} at ");
        assert_eq!(page.contains(&caption), is_shown, "{frame}");
    }
}

#[test]
fn pictures_that_are_gone_are_said_to_be_and_the_rest_stands() {
    let there = rendered(&analysis("v.mp4"), true, html);
    assert_eq!(there.matches("<image ").count(), 8);
    assert!(!there.contains("not in the store any more"));
    let gone = rendered(&analysis("v.mp4"), false, html);
    assert_eq!(gone.matches("<image ").count(), 0);
    assert!(gone.contains("not in the store any more"));
    assert!(rendered(&analysis("v.mp4"), false, pdf).is_ok());
}

#[test]
fn the_statement_is_found_in_page_and_pdf() {
    let analysis = analysis("v.mp4");
    let page = rendered(&analysis, true, html);
    assert_eq!(statement_in(page.as_bytes()).unwrap(), TOKEN);
    let file = rendered(&analysis, true, pdf).unwrap();
    assert!(file.starts_with(b"%PDF-"));
    assert_eq!(statement_in(&file).unwrap(), TOKEN);
}

#[test]
fn a_report_on_nothing_scored_says_that() {
    let mut nothing = analysis("v.mp4");
    nothing.tracks.clear();
    nothing
        .frames
        .iter_mut()
        .for_each(|frame| frame.faces.clear());
    nothing.verdict = Verdict {
        label: VerdictLabel::Inconclusive,
        probability_fake: None,
        reasons: vec![Reason::NoFace],
    };
    nothing.conditions = None;
    let page = rendered(&nothing, true, html);
    assert!(page.contains("No face was found in any frame that was looked at."));
    assert!(page.contains("INCONCLUSIVE: there is not enough"));
    assert!(page.contains("not kept: the analysis is older"));
    assert!(rendered(&nothing, true, pdf).is_ok());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn no_name_breaks_a_report(name in any::<String>()) {
        let analysis = analysis(&name);
        let page = rendered(&analysis, false, html);
        prop_assert_eq!(page.matches("<script").count(), 1);
        prop_assert!(rendered(&analysis, false, pdf).is_ok());
    }
}
