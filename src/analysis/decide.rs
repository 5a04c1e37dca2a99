//! From scores to a verdict.
//!
//! The person who looks most manipulated decides for the whole video. Where the two models stand
//! on opposite sides of the thresholds, neither is believed.

use super::observe::{Observation, ObservedTrack};
use crate::domain::{
    Logit, MediaKind, Probability, Reason, SampleNote, Thresholds, Verdict, VerdictLabel,
};
use crate::inference::ClipScores;

/// The verdict and who it rests on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decision {
    pub(super) verdict: Verdict,
    /// Position in `observation.tracks` of the person who decided.
    pub(super) deciding: Option<usize>,
}

/// Decides for a file. `scores` runs beside `observation.tracks`.
pub(super) fn decide(
    observation: &Observation,
    scores: &[Option<ClipScores>],
    thresholds: Thresholds,
) -> Decision {
    let deciding = most_suspect(scores);
    let (label, probability_fake, mut reasons) = match deciding {
        Some((_, clip)) => judge(clip, thresholds),
        None => (
            VerdictLabel::Inconclusive,
            None,
            vec![why_unscored(&observation.tracks)],
        ),
    };
    reasons.extend(people_not_scored(scores));
    reasons.extend(remarks(observation));
    Decision {
        verdict: Verdict {
            label,
            probability_fake,
            reasons,
        },
        deciding: deciding.map(|(position, _)| position),
    }
}

/// P(fake) of a track by the frame model alone: the logistic of its mean logit.
pub(super) fn frame_model_probability(clip: &ClipScores) -> Option<Probability> {
    let count = clip.frame_frames.len();
    if count == 0 {
        return None;
    }
    let sum: f32 = clip.frame_frames.iter().map(|logit| logit.get()).sum();
    Logit::new(sum / count as f32).ok().map(Logit::probability)
}

fn most_suspect(scores: &[Option<ClipScores>]) -> Option<(usize, &ClipScores)> {
    (scores.iter().enumerate())
        .filter_map(|(position, clip)| clip.as_ref().map(|clip| (position, clip)))
        .max_by(|a, b| a.1.fused_track.get().total_cmp(&b.1.fused_track.get()))
}

fn judge(
    clip: &ClipScores,
    thresholds: Thresholds,
) -> (VerdictLabel, Option<Probability>, Vec<Reason>) {
    let probability = clip.fused_track.probability();
    let (label, reason) = thresholds.decide(probability);
    match disagreement(clip, thresholds) {
        Some(disagreement) => (
            VerdictLabel::Inconclusive,
            Some(probability),
            vec![disagreement],
        ),
        None => (label, Some(probability), vec![reason]),
    }
}

fn disagreement(clip: &ClipScores, thresholds: Thresholds) -> Option<Reason> {
    let sequence = clip.sequence_track?.probability();
    let frame = frame_model_probability(clip)?;
    let opposite = matches!(
        (thresholds.decide(sequence).0, thresholds.decide(frame).0),
        (VerdictLabel::Fake, VerdictLabel::Real) | (VerdictLabel::Real, VerdictLabel::Fake)
    );
    opposite.then_some(Reason::ModelsDisagree { sequence, frame })
}

/// Why nobody could be scored: the obstacle of the person seen in most frames.
fn why_unscored(tracks: &[ObservedTrack]) -> Reason {
    (tracks.iter())
        .max_by_key(|track| track.faces.len())
        .and_then(|track| track.obstacle.clone())
        .unwrap_or(Reason::NoFace)
}

fn people_not_scored(scores: &[Option<ClipScores>]) -> Option<Reason> {
    let scored = scores.iter().flatten().count();
    let count = (scores.len() - scored) as u32;
    (scored > 0 && count > 0).then_some(Reason::PeopleNotScored { count })
}

fn remarks(observation: &Observation) -> Vec<Reason> {
    let mut remarks = Vec::new();
    if observation.info.kind == MediaKind::Image {
        remarks.push(Reason::StillImage);
    }
    for note in &observation.notes {
        match note {
            SampleNote::BrokenTail => remarks.push(Reason::BrokenTail),
            SampleNote::DamagedPackets { count } => {
                remarks.push(Reason::DamagedPackets { count: *count });
            }
            SampleNote::FewFrames { .. } | SampleNote::SizeChange => {}
        }
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thresholds() -> Thresholds {
        let p = |value| Probability::new(value).unwrap();
        Thresholds::new(p(0.3), p(0.7)).unwrap()
    }

    fn clip(sequence: f32, frame: f32) -> ClipScores {
        let logit = |value| Logit::new(value).unwrap();
        ClipScores {
            sequence_track: Some(logit(sequence)),
            sequence_frames: vec![logit(sequence); 2],
            frame_frames: vec![logit(frame); 2],
            fused_track: logit((sequence + frame) / 2.0),
            fused_frames: vec![logit((sequence + frame) / 2.0); 2],
            queue_ms: 0.0,
            inference_ms: 0.0,
        }
    }

    #[test]
    fn two_models_on_one_side_give_that_answer() {
        let (label, probability, reasons) = judge(&clip(3.0, 2.0), thresholds());
        assert_eq!(label, VerdictLabel::Fake);
        assert!(probability.unwrap().get() > 0.9);
        assert_eq!(reasons[0].code(), "above-fake-threshold");
        assert_eq!(judge(&clip(-3.0, -2.0), thresholds()).0, VerdictLabel::Real);
    }

    #[test]
    fn models_on_opposite_sides_give_no_answer_however_sure_one_of_them_is() {
        let (label, _, reasons) = judge(&clip(9.0, -2.0), thresholds());
        assert_eq!(label, VerdictLabel::Inconclusive);
        assert_eq!(reasons[0].code(), "models-disagree");
    }

    #[test]
    fn one_undecided_model_does_not_silence_the_other() {
        assert_eq!(judge(&clip(6.0, 0.1), thresholds()).0, VerdictLabel::Fake);
    }

    #[test]
    fn the_most_suspect_person_decides() {
        let scores = [Some(clip(-3.0, -3.0)), None, Some(clip(2.0, 2.0))];
        assert_eq!(most_suspect(&scores).map(|(position, _)| position), Some(2));
        assert_eq!(
            people_not_scored(&scores),
            Some(Reason::PeopleNotScored { count: 1 })
        );
    }

    #[test]
    fn nobody_to_score_is_said_as_no_face() {
        assert_eq!(why_unscored(&[]), Reason::NoFace);
        assert_eq!(people_not_scored(&[]), None);
    }
}
