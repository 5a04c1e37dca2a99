//! What the file is, and what it says about itself.

use super::document::Block;
use super::numbers::{bytes, seconds};
use crate::domain::{Analysis, DeviceTags, MediaKind, PictureInfo};

/// Name, bytes, and what stands in its header.
pub(super) fn facts<'a>(analysis: &Analysis) -> Vec<Block<'a>> {
    let media = &analysis.media;
    let mut facts = vec![
        ("Name", analysis.filename.clone()),
        ("SHA-256", analysis.sha256.clone()),
        ("Size", bytes(media.size_bytes)),
        ("Kind", kind(media.kind).into()),
        ("Container", media.container.clone()),
        ("Codec", codec(&media.picture)),
        ("Picture", picture(&media.picture)),
        ("Sound", if media.has_audio { "yes" } else { "no" }.into()),
    ];
    if media.kind == MediaKind::Video {
        facts.push(("Duration", seconds(media.duration_s)));
        facts.push(("Frame rate", frame_rate(&media.picture)));
    }
    let stated = |name, value: &Option<String>| value.clone().map(|value| (name, value));
    let DeviceTags {
        make,
        model,
        software,
        encoder,
        location,
    } = &media.device;
    facts.extend(
        [
            stated("Created, by its own account", &media.creation_time),
            stated("Device maker", make),
            stated("Device", model),
            stated("Device software", software),
            stated("Encoder", encoder),
            stated("Place", location),
        ]
        .into_iter()
        .flatten(),
    );
    vec![
        Block::Facts(facts),
        Block::Paragraph(
            "Size and SHA-256 were measured. The rest is what the file claims: anyone can write \
             another device or time into it."
                .into(),
        ),
    ]
}

fn kind(kind: MediaKind) -> &'static str {
    match kind {
        MediaKind::Video => "video",
        MediaKind::Image => "still image",
    }
}

fn codec(picture: &PictureInfo) -> String {
    match &picture.pixel_format {
        Some(format) => format!("{} ({format})", picture.codec),
        None => picture.codec.clone(),
    }
}

fn picture(picture: &PictureInfo) -> String {
    let size = format!("{} × {} px", picture.width_px, picture.height_px);
    match picture.rotation.degrees() {
        0 => size,
        degrees => format!("{size}, turned by {degrees}° to be upright"),
    }
}

fn frame_rate(picture: &PictureInfo) -> String {
    let rate = picture.frame_rate.map(|rate| rate.per_second());
    let rate = rate.map_or("not stated".into(), |r| format!("{r:.3} frames a second"));
    match picture.frame_count {
        Some(count) => format!("{rate}, {count} frames"),
        None => rate,
    }
}
