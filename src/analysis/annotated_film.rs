//! A stored analysis as a film: the pictures that were analysed, each from its time until the next one's,
//! with the faces, their scores, the verdict and the scores over time drawn in.
//!
//! It is made of the kept pictures when it is asked for, so that the video itself need not be kept. It
//! shows what the models saw and nothing between.

use std::collections::{BTreeMap, BTreeSet};

use super::AnalysisError;
use super::result_picture::{headline, mark, tone_of};
use crate::domain::{Analysis, Conditions, FrameResult, MediaKind, Probability, Thresholds};
use crate::media::{self, FilmWriter, Mark, ScoreBar, ScoreStrip, Tone};

/// Seconds for which a picture is shown where the times are not known.
const UNTIMED_S: f64 = 0.5;
/// Seconds for which the last picture is shown at least.
const LAST_S: f64 = 0.04;

/// Names of the pictures that the film of `analysis` is made of; none where it has no film.
pub fn film_pictures(analysis: &Analysis) -> BTreeSet<String> {
    match analysis.media.kind {
        MediaKind::Image => BTreeSet::new(),
        MediaKind::Video => (analysis.frames.iter())
            .map(|frame| frame.frame_artifact.clone())
            .collect(),
    }
}

/// The film as MP4, of those of its `pictures` (JPEGs by name) that are there; `None` where none is.
///
/// # Errors
/// [`AnalysisError::Media`] when FFmpeg fails.
pub fn annotated_film(
    analysis: &Analysis,
    pictures: &BTreeMap<String, Vec<u8>>,
) -> Result<Option<Vec<u8>>, AnalysisError> {
    let jpeg = |frame: &FrameResult| pictures.get(&frame.frame_artifact);
    let scenes = scenes(analysis, |frame| jpeg(frame).is_some());
    let end_s = end_s(analysis, &scenes);
    let thresholds = analysis.conditions.as_ref().and_then(thresholds);
    let strip = strip(analysis, thresholds, &scenes, end_s);
    let (words, tone) = headline(analysis);
    let mut film: Option<FilmWriter> = None;
    for (number, (frame, at_s)) in scenes.iter().enumerate() {
        // What is damaged in the store is as good as gone.
        let Some(Ok(picture)) = jpeg(frame).map(|jpeg| media::decode_jpeg(jpeg)) else {
            continue;
        };
        let marks: Vec<Mark> = (frame.faces.iter())
            .map(|face| mark(face, thresholds))
            .collect();
        let drawn = media::annotate(&picture, &marks, (&words, tone));
        let drawn = media::with_score_strip(&drawn, &strip, number);
        let film = match &mut film {
            Some(film) => film,
            none => none.insert(FilmWriter::begin(&drawn)?),
        };
        film.show(&drawn, *at_s)?;
    }
    Ok(film.map(|film| film.end(end_s)).transpose()?)
}

/// The pictures that are there, and when each is shown.
fn scenes(
    analysis: &Analysis,
    is_there: impl Fn(&FrameResult) -> bool,
) -> Vec<(&FrameResult, f64)> {
    (analysis.frames.iter().enumerate())
        .filter(|(_, frame)| is_there(frame))
        .map(|(number, frame)| (frame, frame.time_s.unwrap_or(number as f64 * UNTIMED_S)))
        .collect()
}

/// The end of the video, and never before the last picture has been seen.
fn end_s(analysis: &Analysis, scenes: &[(&FrameResult, f64)]) -> f64 {
    let last = scenes.last().map_or(0.0, |(_, at_s)| *at_s);
    let stated = analysis.media.duration_s.unwrap_or(0.0);
    stated.max(last + LAST_S)
}

fn thresholds(conditions: &Conditions) -> Option<Thresholds> {
    Thresholds::new(conditions.real_at_or_below, conditions.fake_at_or_above).ok()
}

/// The scores of the person who decides.
fn strip(
    analysis: &Analysis,
    thresholds: Option<Thresholds>,
    scenes: &[(&FrameResult, f64)],
    end_s: f64,
) -> ScoreStrip {
    let person = analysis.tracks.first().map(|track| track.id);
    let score = |frame: &FrameResult| {
        let mut faces = frame.faces.iter();
        let face = faces.find(|face| Some(face.track_id) == person)?;
        face.probability_fake
    };
    let bar = |(frame, at_s): &(&FrameResult, f64)| {
        let score = score(frame);
        let tone = match (score, thresholds) {
            (Some(score), Some(thresholds)) => tone_of(thresholds.decide(score).0),
            _ => Tone::Undecided,
        };
        let words = match score {
            Some(score) => format!("fake {:.1}%", f64::from(score.get()) * 100.0),
            None => "not scored".into(),
        };
        ScoreBar {
            at_ratio: (at_s / end_s) as f32,
            score: score.map(Probability::get),
            tone,
            words: format!("{at_s:.2} s  frame {}  {words}", frame.frame_index),
        }
    };
    let lines = thresholds.map(|t| [t.real_at_or_below(), t.fake_at_or_above()]);
    ScoreStrip {
        bars: scenes.iter().map(bar).collect(),
        thresholds: (lines.into_iter().flatten())
            .map(Probability::get)
            .collect(),
    }
}
