//! The answer as a picture: the most suspect frame, with what was found drawn on it.
//!
//! It is drawn on request, because most callers only want the numbers; see [`super::Analyzer::draw`].

use std::sync::Arc;

use super::{AnalysisError, AnalysisSettings, Analyzer, Artifact, Outcome};
use crate::domain::{
    Analysis, FaceObservation, FrameResult, Probability, Thresholds, VerdictLabel,
};
use crate::media::{self, Mark, Tone};

/// Name of the picture among the artifacts.
pub const RESULT_PICTURE: &str = "result.jpg";

impl Analyzer {
    /// Adds [`RESULT_PICTURE`] to the pictures of `outcome`: the input, or the most suspect frame of
    /// a video, with faces, scores and verdict drawn on it.
    ///
    /// # Errors
    /// [`AnalysisError::Media`] when the picture cannot be made, [`AnalysisError::Closed`] when the
    /// service is ending.
    pub async fn draw(&self, outcome: Outcome) -> Result<Outcome, AnalysisError> {
        let settings = Arc::clone(&self.settings);
        let drawing = tokio::task::spawn_blocking(move || {
            let mut outcome = outcome;
            add(&mut outcome, &settings)?;
            Ok(outcome)
        });
        drawing.await.map_err(|_| AnalysisError::Closed)?
    }
}

/// Draws the answer on the frame that speaks for it most; adds it to the pictures of `outcome`.
///
/// # Errors
/// [`AnalysisError::Media`] when a picture of the outcome is none.
fn add(outcome: &mut Outcome, settings: &AnalysisSettings) -> Result<(), AnalysisError> {
    let Some(frame) = telling_frame(&outcome.analysis) else {
        return Ok(());
    };
    let mut pictures = outcome.artifacts.iter();
    let Some(picture) = pictures.find(|a| a.name == frame.frame_artifact) else {
        return Ok(());
    };
    let picture = media::decode_jpeg(&picture.bytes)?;
    let marks: Vec<Mark> = (frame.faces.iter())
        .map(|face| mark(face, Some(outcome.thresholds)))
        .collect();
    let (text, tone) = headline(&outcome.analysis);
    let drawn = media::annotate(&picture, &marks, (&text, tone));
    let bytes = media::encode_jpeg(&drawn, settings.jpeg_quality)?;
    outcome.artifacts.push(Artifact {
        name: RESULT_PICTURE.into(),
        bytes,
    });
    Ok(())
}

/// The frame with the most suspect face; without scores the first with a face, or the first.
fn telling_frame(analysis: &Analysis) -> Option<&FrameResult> {
    let frames = || analysis.frames.iter();
    let suspicion = |frame: &FrameResult| {
        let scores = frame.faces.iter().filter_map(|face| face.probability_fake);
        scores.map(Probability::get).max_by(f32::total_cmp)
    };
    let scored = frames().filter_map(|frame| Some((frame, suspicion(frame)?)));
    // Of equals the earliest.
    let most = scored.reduce(|most, next| if next.1 > most.1 { next } else { most });
    (most.map(|(frame, _)| frame))
        .or_else(|| frames().find(|frame| !frame.faces.is_empty()))
        .or_else(|| frames().next())
}

/// A face with its score, in the colour that the thresholds give it, where those are known.
pub(super) fn mark(face: &FaceObservation, thresholds: Option<Thresholds>) -> Mark {
    let (text, tone) = match face.probability_fake {
        Some(probability) => (
            format!("fake {}", percent(probability)),
            thresholds.map_or(Tone::Undecided, |t| tone_of(t.decide(probability).0)),
        ),
        None => ("not scored".to_owned(), Tone::Undecided),
    };
    Mark {
        bounds: face.bounds,
        text,
        tone,
    }
}

/// The verdict in a few words.
pub(super) fn headline(analysis: &Analysis) -> (String, Tone) {
    let verdict = &analysis.verdict;
    let word = verdict.label.as_str();
    let text = match verdict.probability_fake {
        Some(probability) => format!("{word} (fake {})", percent(probability)),
        None => word.to_owned(),
    };
    (text, tone_of(verdict.label))
}

pub(super) fn tone_of(label: VerdictLabel) -> Tone {
    match label {
        VerdictLabel::Fake => Tone::Suspect,
        VerdictLabel::Real => Tone::Clean,
        VerdictLabel::Inconclusive => Tone::Undecided,
    }
}

fn percent(probability: Probability) -> String {
    format!("{:.1}%", f64::from(probability.get()) * 100.0)
}
