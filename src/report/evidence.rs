//! The frames that drove the verdict.

use std::collections::BTreeSet;

use super::Material;
use super::document::Block;
use super::figures;
use super::numbers::{percent, percent_or_dash, seconds};
use crate::domain::{Analysis, FaceObservation, FrameResult, MapKind, MediaKind, VerdictLabel};

/// Frames shown; each is a picture of its own in the report.
const SHOWN: usize = 4;

/// A frame that is shown, and the face of the person who decides, where there is one.
type Shown<'a> = (&'a FrameResult, Option<&'a FaceObservation>);

/// Names of the pictures that a report of `analysis` shows.
pub fn wanted_pictures(analysis: &Analysis) -> BTreeSet<String> {
    (shown(analysis).into_iter())
        .flat_map(|(frame, face)| {
            let crop = face.map(|face| face.crop_artifact.clone());
            [Some(frame.frame_artifact.clone()), crop]
        })
        .flatten()
        .collect()
}

/// Each frame with its face marked, and the face as the models saw it.
pub(super) fn exhibits<'a>(material: &Material<'a>) -> Vec<Block<'a>> {
    let analysis = material.analysis;
    let shown = shown(analysis);
    let kind = shown.iter().find_map(|(_, face)| {
        let map = face.as_ref()?.manipulation_map.as_ref()?;
        Some(map.kind())
    });
    let mut blocks = vec![Block::Paragraph(choice(analysis))];
    blocks.extend(kind.map(|kind| Block::Paragraph(legend(kind).into())));
    blocks.extend(shown.into_iter().map(|(frame, face)| Block::Figure {
        drawings: figures::exhibit(frame, face, material.pictures),
        caption: caption(frame, face),
    }));
    blocks
}

fn legend(kind: MapKind) -> &'static str {
    match kind {
        MapKind::Traces => {
            "Over the face, where there is one, lies the map of the frame model: a square of cells, \
             shaded where it sees traces (above 50 %), the darker the surer. It is the model's own \
             hint where it looked, not an outline of what was changed."
        }
        MapKind::Contribution => {
            "Over the face, where there is one, lies a map of what speaks for manipulation: a square of \
             cells, shaded where a part of the face adds much to the model's score (above 50 % of a sure \
             score), the darker the more, followed back through the model by its gradient. It shows \
             what moved the score, not an outline of what was changed."
        }
    }
}

fn choice(analysis: &Analysis) -> String {
    let Some(person) = deciding_track(analysis) else {
        return "Nothing was scored; these are frames as they were looked at.".into();
    };
    if analysis.media.kind == MediaKind::Image {
        return "The picture as it was looked at.".into();
    }
    let which = match analysis.verdict.label {
        VerdictLabel::Fake => "whose faces scored highest",
        VerdictLabel::Real => "whose faces scored lowest",
        VerdictLabel::Inconclusive => "whose faces scored highest and lowest",
    };
    format!(
        "The frames of person {person}, who decided, {which}; those that the frame model looked at \
         itself come first. The verdict rests on the whole appearance, not on one frame."
    )
}

/// The person who decided, where anybody was scored.
fn deciding_track(analysis: &Analysis) -> Option<u32> {
    let first = analysis.tracks.first();
    first.filter(|t| t.probability_fake.is_some()).map(|t| t.id)
}

/// What is shown, in time order.
fn shown(analysis: &Analysis) -> Vec<Shown<'_>> {
    let Some(person) = deciding_track(analysis) else {
        let step = analysis.frames.len().div_ceil(SHOWN).max(1);
        let frames = analysis.frames.iter().step_by(step);
        return frames.map(|frame| (frame, frame.faces.first())).collect();
    };
    let scored = analysis.frames.iter().filter_map(|frame| {
        let mut faces = frame.faces.iter();
        let face = faces.find(|f| f.track_id == person && f.probability_fake.is_some())?;
        Some((frame, face))
    });
    let mut scored: Vec<_> = scored.collect();
    let score = |face: &FaceObservation| face.probability_fake.map_or(0.0, |p| p.get());
    // Highest first; of equal ones the earlier.
    scored.sort_by(|(_, a), (_, b)| score(b).total_cmp(&score(a)));
    scored.sort_by_key(|(_, face)| face.frame_probability.is_none());
    let looked_at = scored.iter().filter(|(_, f)| f.frame_probability.is_some());
    let pool = match looked_at.count() {
        enough if enough >= SHOWN => enough,
        _ => scored.len(),
    };
    scored.truncate(pool);
    let mut chosen = pick(scored, analysis.verdict.label);
    chosen.sort_by_key(|(frame, _)| frame.frame_index);
    (chosen.into_iter())
        .map(|(frame, face)| (frame, Some(face)))
        .collect()
}

/// Of what is ordered from the highest score to the lowest, those that speak for the answer.
fn pick<T>(mut ordered: Vec<T>, label: VerdictLabel) -> Vec<T> {
    let surplus = ordered.len().saturating_sub(SHOWN);
    let from = match label {
        VerdictLabel::Fake => SHOWN,
        VerdictLabel::Real => 0,
        VerdictLabel::Inconclusive => SHOWN / 2,
    };
    let from = from.min(ordered.len() - surplus);
    ordered.drain(from..from + surplus);
    ordered
}

fn caption(frame: &FrameResult, face: Option<&FaceObservation>) -> String {
    let place = format!("Frame {} at {}", frame.frame_index, seconds(frame.time_s));
    let Some(face) = face else {
        return format!("{place}. No face was found.");
    };
    let bounds = &face.bounds;
    let face_box = format!(
        "face of {:.0} × {:.0} px at ({:.0}, {:.0})",
        bounds.width, bounds.height, bounds.x, bounds.y
    );
    let person = face.track_id;
    match face.probability_fake {
        Some(p) => format!(
            "{place}. Person {person}, {face_box}. Probability of manipulation {} (sequence model {}, \
             frame model {}).",
            percent(p),
            percent_or_dash(face.sequence_probability),
            percent_or_dash(face.frame_probability)
        ),
        None => format!("{place}. Person {person}, {face_box}. Not scored."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frames_that_speak_for_the_answer_are_picked() {
        let ordered = || (0..10).collect::<Vec<_>>();
        assert_eq!(pick(ordered(), VerdictLabel::Fake), [0, 1, 2, 3]);
        assert_eq!(pick(ordered(), VerdictLabel::Real), [6, 7, 8, 9]);
        assert_eq!(pick(ordered(), VerdictLabel::Inconclusive), [0, 1, 8, 9]);
        assert_eq!(pick(vec![0, 1], VerdictLabel::Real), [0, 1]);
        assert_eq!(pick(vec![0, 1, 2], VerdictLabel::Inconclusive), [0, 1, 2]);
    }
}
