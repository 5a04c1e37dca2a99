//! What an analysis tells while it is under way, to whoever wants to hear.
//!
//! Telling never holds the analysis up: what does not fit into the channel is dropped, and the channel
//! holds more than one analysis has to tell. Scores are told as soon as the networks have given them,
//! person by person, because the networks look at all frames of a person together.

use tokio::sync::mpsc::{self, Receiver, Sender};

use super::decode::{Observation, ObservedTrack};
use crate::domain::{Probability, Stage};
use crate::inference::ClipScores;

/// Messages that may wait to be heard: a stage for each of the 200 frames that a sample may have, the
/// scores of 64 people, and some.
const ROOM: usize = 512;

/// Where each stage begins, as a fraction of the whole. On a processor decoding and the networks take
/// about as long; nobody can know beforehand.
const BEGINNINGS: [(Stage, f64); 5] = [
    (Stage::Waiting, 0.0),
    (Stage::Decoding, 0.05),
    (Stage::Faces, 0.3),
    (Stage::Scoring, 0.6),
    (Stage::Storing, 0.95),
];

/// Something that an analysis tells.
#[derive(Debug, Clone, PartialEq)]
pub enum Progress {
    /// Where it stands, and that as a fraction of the whole, 0 to 1.
    Stage(Stage, f64),
    /// The scores of one person.
    Scores(PersonScores),
}

/// The scores of one person's faces.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonScores {
    /// Number of the person's track.
    pub track_id: u32,
    /// P(fake) of the person by all models together.
    pub probability_fake: Probability,
    /// Those of each face that was scored, in time order.
    pub frames: Vec<ScoredFrame>,
}

/// The score of a face in a frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScoredFrame {
    /// Position in the stream, from 0.
    pub frame_index: u64,
    /// Presentation time in seconds, where known.
    pub time_s: Option<f64>,
    /// P(fake) by all models together.
    pub probability_fake: Probability,
}

/// Whom an analysis tells how it gets on. The default is nobody.
#[derive(Debug, Clone, Default)]
pub struct ProgressWatch(Option<Sender<Progress>>);

impl ProgressWatch {
    /// A watch, and what hears it. The channel ends with the last clone of the watch.
    pub fn new() -> (Self, Receiver<Progress>) {
        let (sender, receiver) = mpsc::channel(ROOM);
        (Self(Some(sender)), receiver)
    }

    /// Tells that `stage` has come so far: a part of it, 0 to 1.
    pub(super) fn stage(&self, stage: Stage, part: f64) {
        self.tell(Progress::Stage(stage, overall(stage, part)));
    }

    /// Tells the scores of `track`.
    pub(super) fn scores(
        &self,
        observation: &Observation,
        track: &ObservedTrack,
        scores: &ClipScores,
    ) {
        if self.0.is_none() {
            return;
        }
        let usable = track.faces.iter().filter(|face| face.usable);
        let frames = usable
            .zip(&scores.fused_frames)
            .filter_map(|(face, logit)| {
                let frame = observation.frames.get(face.sample_index)?;
                Some(ScoredFrame {
                    frame_index: frame.frame_index,
                    time_s: frame.time_s,
                    probability_fake: logit.probability(),
                })
            });
        self.tell(Progress::Scores(PersonScores {
            track_id: track.id,
            probability_fake: scores.fused_track.probability(),
            frames: frames.collect(),
        }));
    }

    fn tell(&self, progress: Progress) {
        if let Some(hearer) = &self.0 {
            // Full or gone: the analysis goes on.
            let _ = hearer.try_send(progress);
        }
    }
}

/// A part of a stage as a fraction of the whole.
fn overall(stage: Stage, part: f64) -> f64 {
    let at = BEGINNINGS.iter().position(|(known, _)| *known == stage);
    let Some(at) = at else {
        return 0.0;
    };
    let begins = BEGINNINGS[at].1;
    let ends = BEGINNINGS.get(at + 1).map_or(1.0, |(_, next)| *next);
    begins + (ends - begins) * part.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_whole_grows_from_stage_to_stage_and_within_each() {
        let stages = Stage::ALL.iter().filter(|stage| **stage != Stage::Received);
        let parts = stages.flat_map(|stage| [0.0, 0.5, 1.0].map(|part| overall(*stage, part)));
        let parts: Vec<f64> = parts.collect();
        assert!(parts.is_sorted(), "{parts:?}");
        assert_eq!((parts[0], parts.last()), (0.0, Some(&1.0)));
    }

    #[test]
    fn nobody_who_listens_slowly_or_not_at_all_holds_the_telling_up() {
        let (watch, heard) = ProgressWatch::new();
        for _ in 0..2 * ROOM {
            watch.stage(Stage::Faces, 0.5);
        }
        assert_eq!(heard.len(), ROOM);
        drop(heard);
        watch.stage(Stage::Scoring, 0.0);
        ProgressWatch::default().stage(Stage::Scoring, 0.0);
    }
}
