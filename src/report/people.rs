//! Everyone in the picture, and how each scored over time.

use super::document::Block;
use super::numbers::{percent_or_dash, seconds};
use super::plot;
use crate::domain::{Analysis, MediaKind, TrackResult};

/// A plot of all scores and a line on each person.
pub(super) fn scores<'a>(analysis: &Analysis) -> Vec<Block<'a>> {
    if analysis.tracks.is_empty() {
        return vec![Block::Paragraph(
            "No face was found in any frame that was looked at.".into(),
        )];
    }
    let mut blocks = Vec::new();
    if analysis.media.kind == MediaKind::Video
        && let Some(drawing) = plot::scores(analysis)
    {
        blocks.push(Block::Figure {
            caption:
                "Probability of manipulation of each person in each frame that was scored, all \
                      models together. Between the points nothing was looked at. Dashed: the \
                      thresholds of the answers."
                    .into(),
            drawings: vec![drawing],
        });
    }
    blocks.push(Block::Table {
        header: vec![
            "Person",
            "Seen",
            "Frames",
            "Scored",
            "All models",
            "Sequence",
            "Frame",
            "Distance",
        ],
        rows: analysis.tracks.iter().map(row).collect(),
    });
    blocks.push(Block::Paragraph(
        "The first person decided. “Sequence” is the model that looks at a person's faces in their \
         order, “Frame” the one that looks at single faces; “All models” joins both over the whole \
         appearance and is no mean of the points above. “Distance” says how unlike the face is to \
         what the models learned from, with the largest that is believed."
            .into(),
    ));
    blocks
}

fn row(track: &TrackResult) -> Vec<String> {
    let seen = match (track.first_time_s, track.last_time_s) {
        (Some(first), Some(last)) => format!("{first:.2} to {last:.2} s"),
        (Some(_), None) | (None, Some(_)) | (None, None) => seconds(None),
    };
    let distance = track.familiarity.map_or("–".into(), |familiarity| {
        format!("{:.2} of {:.2}", familiarity.distance, familiarity.limit)
    });
    vec![
        track.id.to_string(),
        seen,
        track.frames.to_string(),
        track.scored_frames.to_string(),
        percent_or_dash(track.probability_fake),
        percent_or_dash(track.sequence_probability),
        percent_or_dash(track.frame_probability),
        distance,
    ]
}
