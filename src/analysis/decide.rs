//! From scores to a verdict.
//!
//! The person who looks most manipulated decides for the whole video. Where the two models stand
//! on opposite sides of the thresholds, and both have weight, neither is believed.
//!
//! Where the sequence model states distances from its training data, the score of a person beyond
//! the limit is not believed either, and so:
//!
//! 1. A familiar person who is FAKE decides, whatever an unfamiliar one beside scores: a strange
//!    face in the picture does not hide a forgery.
//! 2. Otherwise the most suspect person decides as ever, and if that person is unfamiliar the
//!    answer is INCONCLUSIVE: neither FAKE on a score that means nothing nor REAL on behalf of
//!    somebody who looks worse.
//! 3. Unfamiliar people who do not decide are counted in a remark, as people are who could not be
//!    scored: the verdict does not speak for them.

use super::decode::{Observation, ObservedTrack};
use crate::domain::{
    Familiarity, Logit, MediaKind, Probability, Reason, SampleNote, Thresholds, Verdict,
    VerdictLabel,
};
use crate::inference::ClipScores;

/// The verdict and who it rests on.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decision {
    pub(super) verdict: Verdict,
    /// Position in `observation.tracks` of the person who decided.
    pub(super) deciding: Option<usize>,
}

/// What the bundle in use allows to be said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Means {
    pub(super) thresholds: Thresholds,
    /// Whether still images can be judged.
    pub(super) judges_stills: bool,
    /// Whether each of the two models has weight enough to contradict the other.
    pub(super) has_two_voices: bool,
}

/// Decides for a file. `scores` runs beside `observation.tracks`.
pub(super) fn decide(
    observation: &Observation,
    scores: &[Option<ClipScores>],
    means: Means,
) -> Decision {
    let deciding = deciding(scores, means);
    let (label, probability_fake, mut reasons) = match deciding {
        Some((_, clip)) => judge(clip, means),
        None => (
            VerdictLabel::Inconclusive,
            None,
            vec![why_unscored(&observation.tracks)],
        ),
    };
    reasons.extend(people_not_scored(scores));
    reasons.extend(unfamiliar_people(
        scores,
        deciding.map(|(position, _)| position),
    ));
    reasons.extend(remarks(observation, means.judges_stills));
    reasons.extend(own_statement(observation));
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
    let looked_at = || clip.frame_frames.iter().flatten();
    let count = looked_at().count();
    if count == 0 {
        return None;
    }
    let sum: f32 = looked_at().map(|score| score.logit.get()).sum();
    Logit::new(sum / count as f32).ok().map(Logit::probability)
}

/// The person the verdict rests on, by the rules above.
fn deciding(scores: &[Option<ClipScores>], means: Means) -> Option<(usize, &ClipScores)> {
    let fake = |(_, clip): &(usize, &ClipScores)| judge(clip, means).0 == VerdictLabel::Fake;
    most_suspect(scores, is_familiar)
        .filter(fake)
        .or_else(|| most_suspect(scores, |_| true))
}

fn most_suspect(
    scores: &[Option<ClipScores>],
    eligible: fn(&ClipScores) -> bool,
) -> Option<(usize, &ClipScores)> {
    (scores.iter().enumerate())
        .filter_map(|(position, clip)| clip.as_ref().map(|clip| (position, clip)))
        .filter(|(_, clip)| eligible(clip))
        .max_by(|a, b| a.1.fused_track.get().total_cmp(&b.1.fused_track.get()))
}

/// Also where nothing is known of distances.
fn is_familiar(clip: &ClipScores) -> bool {
    !clip.familiarity.is_some_and(Familiarity::is_unfamiliar)
}

fn judge(clip: &ClipScores, means: Means) -> (VerdictLabel, Option<Probability>, Vec<Reason>) {
    let probability = clip.fused_track.probability();
    let (label, reason) = means.thresholds.decide(probability);
    match unlike_training(clip).or_else(|| disagreement(clip, means)) {
        Some(doubt) => (VerdictLabel::Inconclusive, Some(probability), vec![doubt]),
        None => (label, Some(probability), vec![reason]),
    }
}

fn unlike_training(clip: &ClipScores) -> Option<Reason> {
    let Familiarity { distance, limit } = clip.familiarity.filter(|f| f.is_unfamiliar())?;
    Some(Reason::UnlikeTrainingData { distance, limit })
}

fn disagreement(clip: &ClipScores, means: Means) -> Option<Reason> {
    if !means.has_two_voices {
        return None;
    }
    let thresholds = means.thresholds;
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

/// People beside the one who decides whose scores are not believed.
fn unfamiliar_people(scores: &[Option<ClipScores>], deciding: Option<usize>) -> Option<Reason> {
    let others = (scores.iter().enumerate()).filter(|(position, _)| Some(*position) != deciding);
    let unfamiliar = others.filter(|(_, clip)| clip.as_ref().is_some_and(|c| !is_familiar(c)));
    let count = unfamiliar.count() as u32;
    (count > 0).then_some(Reason::PeopleUnlikeTrainingData { count })
}

fn remarks(observation: &Observation, judges_stills: bool) -> Vec<Reason> {
    let mut remarks = Vec::new();
    if observation.info.kind == MediaKind::Image && judges_stills {
        remarks.push(Reason::StillImage);
    }
    for note in &observation.notes {
        match note {
            SampleNote::BrokenTail => remarks.push(Reason::BrokenTail),
            SampleNote::DamagedPackets { count } => {
                remarks.push(Reason::DamagedPackets { count: *count });
            }
            SampleNote::OtherVideoStreams { analysed, streams } => {
                remarks.push(Reason::OtherVideoStreams {
                    analysed: *analysed,
                    streams: *streams,
                });
            }
            SampleNote::FewFrames { .. } | SampleNote::SizeChange => {}
        }
    }
    remarks
}

/// What the file states of itself comes last: it is not the models' finding, and moves no label.
fn own_statement(observation: &Observation) -> Option<Reason> {
    let declared = observation.credentials.as_ref()?.declared_generated()?;
    Some(Reason::DeclaredGenerated(declared))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::FrameScore;

    fn means() -> Means {
        let p = |value| Probability::new(value).unwrap();
        Means {
            thresholds: Thresholds::new(p(0.3), p(0.7)).unwrap(),
            judges_stills: true,
            has_two_voices: true,
        }
    }

    fn clip(sequence: f32, frame: f32) -> ClipScores {
        let logit = |value| Logit::new(value).unwrap();
        let score = |value| FrameScore {
            logit: logit(value),
            map: None,
        };
        ClipScores {
            sequence_maps: Vec::new(),
            sequence_track: Some(logit(sequence)),
            sequence_frames: vec![logit(sequence); 2],
            frame_frames: vec![Some(score(frame)), None],
            fused_track: logit((sequence + frame) / 2.0),
            fused_frames: vec![logit((sequence + frame) / 2.0); 2],
            familiarity: None,
            queue_ms: 0.0,
            inference_ms: 0.0,
        }
    }

    fn at_distance(distance: f32, clip: ClipScores) -> ClipScores {
        ClipScores {
            familiarity: Some(Familiarity {
                distance,
                limit: 1.5,
            }),
            ..clip
        }
    }

    fn position_deciding(scores: &[Option<ClipScores>]) -> Option<usize> {
        deciding(scores, means()).map(|(position, _)| position)
    }

    #[test]
    fn two_models_on_one_side_give_that_answer() {
        let (label, probability, reasons) = judge(&clip(3.0, 2.0), means());
        assert_eq!(label, VerdictLabel::Fake);
        assert!(probability.unwrap().get() > 0.9);
        assert_eq!(reasons[0].code(), "above-fake-threshold");
        assert_eq!(judge(&clip(-3.0, -2.0), means()).0, VerdictLabel::Real);
    }

    #[test]
    fn models_on_opposite_sides_give_no_answer_however_sure_one_of_them_is() {
        let (label, _, reasons) = judge(&clip(9.0, -2.0), means());
        assert_eq!(label, VerdictLabel::Inconclusive);
        assert_eq!(reasons[0].code(), "models-disagree");
    }

    #[test]
    fn a_model_of_little_weight_does_not_silence_the_other() {
        let one_voice = Means {
            has_two_voices: false,
            ..means()
        };
        assert_eq!(judge(&clip(9.0, -2.0), one_voice).0, VerdictLabel::Fake);
    }

    #[test]
    fn one_undecided_model_does_not_silence_the_other() {
        assert_eq!(judge(&clip(6.0, 0.1), means()).0, VerdictLabel::Fake);
    }

    #[test]
    fn a_model_that_is_alone_decides_alone() {
        let mut frame_only = clip(9.0, 2.0);
        frame_only.sequence_track = None;
        frame_only.sequence_frames.clear();
        frame_only.fused_track = Logit::new(2.0).unwrap();
        let (label, _, reasons) = judge(&frame_only, means());
        assert_eq!(label, VerdictLabel::Fake);
        assert_eq!(reasons[0].code(), "above-fake-threshold");

        let mut sequence_only = clip(-9.0, 2.0);
        sequence_only.frame_frames.clear();
        sequence_only.fused_track = Logit::new(-9.0).unwrap();
        assert_eq!(judge(&sequence_only, means()).0, VerdictLabel::Real);
        assert_eq!(frame_model_probability(&sequence_only), None);
    }

    #[test]
    fn the_most_suspect_person_decides() {
        let scores = [Some(clip(-3.0, -3.0)), None, Some(clip(2.0, 2.0))];
        assert_eq!(position_deciding(&scores), Some(2));
        assert_eq!(
            people_not_scored(&scores),
            Some(Reason::PeopleNotScored { count: 1 })
        );
    }

    #[test]
    fn a_face_unlike_the_training_data_gives_no_answer_but_keeps_its_probability() {
        for score in [6.0, -6.0] {
            let unfamiliar = at_distance(1.6, clip(score, score));
            let (label, probability, reasons) = judge(&unfamiliar, means());
            assert_eq!(label, VerdictLabel::Inconclusive);
            assert_eq!(probability, Some(unfamiliar.fused_track.probability()));
            let reason = Reason::UnlikeTrainingData {
                distance: 1.6,
                limit: 1.5,
            };
            assert_eq!(reasons, [reason]);
        }
        let at_the_limit = at_distance(1.5, clip(6.0, 6.0));
        assert_eq!(judge(&at_the_limit, means()).0, VerdictLabel::Fake);
    }

    #[test]
    fn a_strange_face_does_not_hide_a_familiar_fake_one() {
        let scores = [
            Some(at_distance(9.0, clip(8.0, 8.0))),
            Some(at_distance(1.0, clip(3.0, 3.0))),
        ];
        assert_eq!(position_deciding(&scores), Some(1));
        assert_eq!(
            unfamiliar_people(&scores, Some(1)),
            Some(Reason::PeopleUnlikeTrainingData { count: 1 })
        );
    }

    #[test]
    fn a_strange_face_that_looks_worst_decides_where_nobody_familiar_is_fake() {
        let scores = [
            Some(at_distance(9.0, clip(2.0, 2.0))),
            Some(at_distance(1.0, clip(-3.0, -3.0))),
        ];
        assert_eq!(position_deciding(&scores), Some(0));
        assert_eq!(unfamiliar_people(&scores, Some(0)), None);
    }

    #[test]
    fn a_strange_face_that_looks_better_than_the_deciding_one_is_only_mentioned() {
        let scores = [
            Some(at_distance(9.0, clip(-5.0, -5.0))),
            Some(at_distance(1.0, clip(-3.0, -3.0))),
            None,
        ];
        assert_eq!(position_deciding(&scores), Some(1));
        let remark = unfamiliar_people(&scores, Some(1)).unwrap();
        assert_eq!(remark.code(), "people-unlike-training-data");
    }

    #[test]
    fn without_distances_everybody_is_familiar() {
        let scores = [Some(clip(9.0, 9.0)), Some(clip(1.0, 1.0))];
        assert_eq!(position_deciding(&scores), Some(0));
        assert_eq!(unfamiliar_people(&scores, Some(0)), None);
    }

    #[test]
    fn nobody_to_score_is_said_as_no_face() {
        assert_eq!(why_unscored(&[]), Reason::NoFace);
        assert_eq!(people_not_scored(&[]), None);
    }
}
