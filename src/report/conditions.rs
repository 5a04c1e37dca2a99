//! How an analysis was made: settings, versions, what held the decoder, what was noticed.

use super::document::Block;
use super::numbers::threshold;
use crate::domain::{Analysis, Conditions, Isolation};

/// Settings, posture and notes.
pub(super) fn conditions<'a>(analysis: &Analysis) -> Vec<Block<'a>> {
    let mut facts = vec![
        ("Frames looked at", analysis.frames.len().to_string()),
        (
            "Time it took",
            format!("{:.2} s", analysis.processing_time_s),
        ),
    ];
    match &analysis.conditions {
        Some(conditions) => facts.extend(settings(conditions)),
        None => facts.push((
            "Settings",
            "not kept: the analysis is older than their keeping".into(),
        )),
    }
    facts.push(("Isolation", isolation(analysis.isolation.as_ref())));
    let notes: Vec<String> = analysis.notes.iter().map(ToString::to_string).collect();
    let mut blocks = vec![Block::Facts(facts)];
    if notes.is_empty() {
        let nothing = "Reading the file, nothing unusual was noticed in what was decoded.";
        blocks.push(Block::Paragraph(nothing.into()));
    } else {
        blocks.push(Block::Paragraph("Noticed while reading the file:".into()));
        blocks.push(Block::List(notes));
    }
    blocks
}

fn settings(conditions: &Conditions) -> Vec<(&'static str, String)> {
    let Conditions {
        software_version,
        bundle,
        device,
        precision,
        frame_model_precision,
        sample_frames,
        check_stability,
        further_frames,
        stream,
        frame_model_frames,
        min_face_px,
        min_sharpness,
        min_scored_frames,
        max_faces_per_frame,
        max_tracks,
        fake_at_or_above,
        real_at_or_below,
    } = conditions;
    let further = if *further_frames {
        ", and further ones"
    } else {
        ""
    };
    let looked_at = match frame_model_frames {
        0 => "all of a person's".into(),
        most => format!("{most} of a person's, at most"),
    };
    let thresholds = format!(
        "FAKE from {}, REAL up to {}",
        threshold(*fake_at_or_above),
        threshold(*real_at_or_below)
    );
    let mut facts = vec![
        ("Program", format!("Framewitness {software_version}")),
        ("Models' bundle", bundle.clone()),
        (
            "Computed on",
            format!("{device} ({precision}, frame model {frame_model_precision})"),
        ),
        (
            "sample_frames",
            format!("{sample_frames} frames, evenly spread{further}"),
        ),
        ("frame_model_frames", looked_at),
        ("Thresholds", thresholds),
        (
            "min_face_px",
            format!("{min_face_px} px, the shorter side of a face"),
        ),
        (
            "min_sharpness",
            format!("{min_sharpness}, the variance of the Laplacian of a face"),
        ),
        (
            "min_scored_frames",
            format!("{min_scored_frames} frames of a person"),
        ),
        ("max_faces_per_frame", max_faces_per_frame.to_string()),
        ("max_tracks", format!("{max_tracks} people")),
    ];
    if *check_stability {
        let tried = "the answer had to hold after small changes of the faces";
        facts.push(("check_stability", tried.into()));
    }
    if let Some(stream) = stream {
        facts.push(("Stream asked for", format!("number {stream}, from 0")));
    }
    facts
}

fn isolation(isolation: Option<&Isolation>) -> String {
    let Some(isolation) = isolation else {
        return "not kept: the analysis is older than the keeping of it".into();
    };
    let landlock = match isolation.landlock_abi {
        Some(abi) => format!("Landlock version {abi} in force"),
        None => "Landlock not available on that system".into(),
    };
    let missing = isolation.missing();
    let guards = match missing.is_empty() {
        true => "no new privileges, resource limits and a filter of system calls in force".into(),
        false => format!("NOT in force: {}", missing.join(", ")),
    };
    format!("The file was decoded in a process of its own: {guards}; {landlock}.")
}
